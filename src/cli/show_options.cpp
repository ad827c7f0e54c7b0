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

void add_layers_and_heads(CLI::App& app, HeadChoice& choice, const char* group) {
  const auto numbers = [&](const char* name, std::vector<int>& value, const char* help) {
    app.add_option_function<std::string>(
           name, [&value](const std::string& list) { value = numbers_named(list); }, help)
        ->option_text("0,3-5")
        ->group(group);
  };
  numbers("--layers", choice.layers, "only these layers, counted from 0");
  numbers("--heads", choice.heads, "only the heads with these numbers, counted from 0");
}

void add_choice(CLI::App& app, HeadChoice& choice, const char* group) {
  add_layers_and_heads(app, choice, group);
  app.add_option_function<std::vector<std::string>>(
         "--only",
         [&choice](const std::vector<std::string>& names) {
           for (const std::string& name : names) choice.only.push_back(head_named(name));
         },
         "only these heads")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->excludes(app.get_option("--layers"))
      ->excludes(app.get_option("--heads"))
      ->option_text("L5H1,L3H2")
      ->group(group);
}

void add_figure_options(CLI::App& app, ShowOptions& show) {
  FigureOptions& options = show.figure;
  app.add_option_function<std::vector<std::string>>(
         "--figures",
         [&figures = show.figures](const std::vector<std::string>& names) {
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
  add_choice(app, options.choice, "Figures");
  const auto flag = [&](const char* name, bool& value, const char* help) {
    app.add_flag(name, value, help)->option_text(" ")->group("Figures");
  };
  flag("--drop-first", options.focus.drop_first,
       "leave out the first key, where attention is parked; the rest of a row is made to sum to 1");
  app.add_option("--top", options.focus.top, "of each query only its K strongest keys")
      ->check(positive())
      ->option_text("K")
      ->group("Figures");
  flag("--merge-words", show.merge_words,
       "words instead of tokens: the sum over a word's keys, the mean over its queries");
}

CLI::Option* add_tokens(CLI::App& app, DumpOptions& dump) {
  return app.add_option("--tokens", dump.tokens, "a JSON list of its tokens or ids")
      ->check(not_empty())
      ->option_text("T.json")
      ->group("Patterns from files");
}

void add_dump_options(CLI::App& app, DumpOptions& dump) {
  app.add_option("--tensors", dump.tensors, "which of its tensors, by name, such as 'cross*'")
      ->check(not_empty())
      ->option_text("GLOB")
      ->group("Patterns from files");
  app.add_option("--batch-item", dump.batch_item, "which text of a batch, counted from 0")
      ->check(not_negative())
      ->option_text("N")
      ->group("Patterns from files");
  app.add_flag("--bidirectional", dump.bidirectional,
               "queries may see later keys (default: found out by the weights)")
      ->option_text(" ")
      ->group("Patterns from files");
}

void add_model_options(CLI::App& app, ShowOptions& options) {
  app.add_option("--model", options.model, "TorchScript GPT (default: the built-in one)")
      ->check(not_empty())
      ->option_text("M.pt")
      ->group("Model");
  add_capture_options(app, options.capture, options.vocabulary);
  app.add_option("--max-tokens", options.max_tokens, "cut longer texts there, and say so")
      ->check(positive())
      ->option_text("N")
      ->group("Model");
}

}  // namespace attnviz::cli
