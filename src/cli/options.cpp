#include <spdlog/spdlog.h>

#include "commands.h"

namespace attnviz::cli {

CLI::Validator not_empty() {
  return {[](const std::string& value) {
            return value.empty() ? std::string("its value is empty") : std::string();
          },
          ""};
}

namespace {

/// CLI11's own says its bounds in 309 digits, and takes -1 for a large number without a sign.
CLI::Validator number_where(bool (*is_fine)(double), const char* wanted) {
  return {[is_fine, wanted](const std::string& text) {
            constexpr double kMost = 9e15;  // whole numbers are exact up to there
            double number = 0;
            const bool is_number = CLI::detail::lexical_cast(text, number);
            if (is_number && number > kMost) return text + " is too large";
            if (is_number && is_fine(number)) return std::string();
            return text + " is no number " + wanted;
          },
          ""};
}

}  // namespace

CLI::Validator positive() {
  return number_where([](double number) { return number > 0; }, "above 0");
}

CLI::Validator not_negative() {
  return number_where([](double number) { return number >= 0; }, "of 0 or more");
}

CLI::Option* add_number(CLI::App& app, const char* name, std::int64_t& value, const char* help) {
  return app.add_option(name, value, help)
      ->check(positive())
      ->option_text("N [" + std::to_string(value) + "]");
}

CLI::Validator one_of(const std::vector<std::string>& names) {
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : "|") + name;
  return CLI::IsMember(names).description("").name(all);
}

void add_pictures(CLI::App& app, SurveyPictures& pictures, const char* help) {
  app.add_option("--prefix", pictures.prefix, help)->option_text("P")->group("Output");
  app.add_option("--out-dir", pictures.out_dir, "folder for the pictures, made if missing")
      ->option_text("D [.]")
      ->group("Output");
  app.add_option("--dpi", pictures.dpi, "pixels per inch")
      ->check(CLI::Range(40, 1200).description(""))
      ->option_text("N [" + std::to_string(pictures.dpi) + "]")
      ->group("Output");
  add_formats(app, pictures.formats)->group("Output");
}

CLI::Option* add_model(CLI::App& app, std::filesystem::path& model) {
  return app.add_option("MODEL", model, "TorchScript GPT (default: the built-in one)")
      ->check(not_empty())
      ->option_text(" ");
}

CLI::Option* add_out(CLI::App& app, std::filesystem::path& out) {
  return app.add_option("-o,--out", out, "the model to write")
      ->check(not_empty())
      ->option_text("OUT.pt");
}

CLI::Option* add_heads(CLI::App& app, std::vector<HeadId>& heads, const std::string& help) {
  return app
      .add_option_function<std::vector<std::string>>(
          "--heads",
          [&heads](const std::vector<std::string>& names) {
            for (const std::string& name : names) {
              heads.push_back(head_named(CLI::detail::trim_copy(name)));
            }
          },
          help)
      ->delimiter(',')
      ->allow_extra_args(false)
      ->option_text("L0H3,L2H1,...");
}

void add_shared_layers(CLI::App& app, SharedLayers& shared_layers) {
  auto* together = app.add_flag_callback(
      "--shared-layers", [&] { shared_layers = SharedLayers::together; },
      "where layers share their weights: change the head in all of them");
  auto* untie = app.add_flag_callback(
      "--untie-layers", [&] { shared_layers = SharedLayers::untie; },
      "where they do: give each layer its own copy first, outputs equal");
  together->option_text(" ");
  untie->excludes(together)->option_text(" ");
}

void add_capture_options(CLI::App& app, ModelOptions& options, std::filesystem::path& vocabulary) {
  static const std::map<std::string, CaptureMode> kModes = {{"auto", CaptureMode::automatic},
                                                            {"graph", CaptureMode::graph},
                                                            {"observe", CaptureMode::observe},
                                                            {"method", CaptureMode::method}};
  app.add_option("--vocab", vocabulary, "folder of vocab.json and merges.txt")
      ->check(not_empty())
      ->option_text("DIR")
      ->group("Model");
  app.add_option_function<std::string>(
         "--capture", [&options](const std::string& name) { options.capture = kModes.at(name); },
         "how attention is taken out: graph (cut at the softmax), observe (watch the "
         "softmaxes that run), method (forward_with_attention), auto (the first that works)")
      ->check(one_of(names_of(kModes)))
      ->option_text("MODE [auto]")
      ->group("Model");
  app.add_option("--device", options.device, "where the model runs, such as cuda")
      ->option_text("D [" + options.device + "]")
      ->group("Model");
  add_trust(app, options.trusted)->group("Model");
}

CLI::Option* add_trust(CLI::App& app, bool& trusted) {
  return app
      .add_flag("--trust-model", trusted,
                "run a model whose code does more than compute, such as to write files")
      ->option_text(" ");
}

void add_verbosity(CLI::App& app) {
  auto* quiet = app.add_flag_callback(
      "-q,--quiet", [] { spdlog::set_level(spdlog::level::err); }, "only errors on standard error");
  quiet->option_text(" ");
  app.add_flag_callback(
         "-v,--verbose", [] { spdlog::set_level(spdlog::level::debug); },
         "what is done and how long it takes, on standard error")
      ->excludes(quiet)
      ->option_text(" ");
}

}  // namespace attnviz::cli
