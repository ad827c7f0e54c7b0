#include "commands.h"

namespace attnviz::cli {
namespace {

template <typename Kind>
std::map<std::string, Kind> by_name(std::initializer_list<Kind> kinds) {
  std::map<std::string, Kind> named;
  for (const Kind kind : kinds) named.emplace(to_string(kind), kind);
  return named;
}

const std::map<std::string, ColourScale> kScales =
    by_name({ColourScale::automatic, ColourScale::panel, ColourScale::figure, ColourScale::unit,
             ColourScale::log});

/// A figure, or several under one name.
std::map<std::string, std::vector<FigureKind>> figures_by_name() {
  std::map<std::string, std::vector<FigureKind>> named = {{"all", {}}, {"none", {}}};
  for (const FigureKind kind : {FigureKind::grid, FigureKind::average, FigureKind::last}) {
    named[std::string(to_string(kind))] = {kind};
    named["all"].push_back(kind);
  }
  return named;
}
const std::map<std::string, std::vector<FigureKind>> kFigures = figures_by_name();

const std::map<std::string, FileFormat> kFormats =
    by_name({FileFormat::png, FileFormat::svg, FileFormat::pdf});

}  // namespace

CLI::Option* add_formats(CLI::App& app, std::vector<FileFormat>& formats) {
  return app
      .add_option_function<std::vector<std::string>>(
          "--format",
          [&formats](const std::vector<std::string>& names) {
            formats.clear();
            for (const std::string& name : names) formats.push_back(kFormats.at(name));
            std::sort(formats.begin(), formats.end());
            formats.erase(std::unique(formats.begin(), formats.end()), formats.end());
          },
          "of the pictures: png, svg, pdf")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(one_of(names_of(kFormats)))
      ->option_text("F[,F...] [png]");
}

void add_figure_options(CLI::App& app, std::vector<FigureKind>& figures, FigureOptions& options) {
  app.add_option_function<std::vector<std::string>>(
         "--figures",
         [&figures](const std::vector<std::string>& names) {
           figures.clear();
           for (const std::string& name : names) {
             for (const FigureKind kind : kFigures.at(name)) figures.push_back(kind);
           }
           std::sort(figures.begin(), figures.end());
           figures.erase(std::unique(figures.begin(), figures.end()), figures.end());
         },
         "which: grid, average, last; all or none")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(one_of(names_of(kFigures)))
      ->option_text("WHICH[,WHICH] [all]")
      ->group("Figures");
  app.add_option_function<std::string>(
         "--scale", [&options](const std::string& name) { options.scale = kScales.at(name); },
         "what the colours span: panel (0 to each panel's maximum), figure (0 to the "
         "figure's), unit (0 to 1), log (0.001 to 1), auto (figure below 64 tokens, else log)")
      ->check(one_of(names_of(kScales)))
      ->option_text("SCALE [auto]")
      ->group("Figures");
  app.add_option("--dpi", options.dpi, "pixels per inch")
      ->check(CLI::Range(40, 1200))
      ->option_text("N [" + std::to_string(options.dpi) + "]")
      ->group("Figures");
  add_formats(app, options.formats)->group("Figures");
  const auto numbers = [&](const char* name, std::vector<int>& value, const char* help) {
    app.add_option(name, value, help)
        ->delimiter(',')
        ->allow_extra_args(false)
        ->option_text("N[,N...]")
        ->group("Figures");
  };
  numbers("--layer", options.layers, "draw only these layers, counted from 0");
  numbers("--head", options.heads, "draw only these heads, counted from 0");
}

void add_model_options(CLI::App& app, ShowOptions& options) {
  app.add_option("--model", options.model, "TorchScript GPT (default: the built-in one)")
      ->check(not_empty())
      ->option_text("M.pt")
      ->group("Model");
  add_capture_options(app, options.capture, options.vocabulary);
  app.add_option("--max-tokens", options.max_tokens, "cut longer texts there, and say so")
      ->check(CLI::PositiveNumber.description(""))
      ->option_text("N")
      ->group("Model");
}

}  // namespace attnviz::cli
