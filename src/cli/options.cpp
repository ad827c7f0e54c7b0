#include <spdlog/spdlog.h>

#include <iostream>
#include <iterator>

#include "commands.h"

namespace attnviz::cli {

CLI::Validator not_empty() {
  return {[](const std::string& value) {
            return value.empty() ? std::string("its value is empty") : std::string();
          },
          ""};
}

void add_capture_options(CLI::App& app, ModelOptions& options, std::filesystem::path& vocabulary) {
  static const std::map<std::string, CaptureMode> kModes = {{"auto", CaptureMode::automatic},
                                                            {"graph", CaptureMode::graph},
                                                            {"method", CaptureMode::method}};
  app.add_option("--vocab", vocabulary, "folder of vocab.json and merges.txt")
      ->check(not_empty())
      ->option_text("DIR")
      ->group("Model");
  app.add_option_function<std::string>(
         "--capture", [&options](const std::string& name) { options.capture = kModes.at(name); },
         "how attention is taken out: graph (cut at the softmax), method "
         "(forward_with_attention), auto (graph, else method)")
      ->check(CLI::IsMember(names_of(kModes)).description(""))
      ->option_text("MODE [auto]")
      ->group("Model");
  app.add_option("--device", options.device, "where the model runs, such as cuda")
      ->option_text("D [" + options.device + "]")
      ->group("Model");
}

std::string read_standard_input() {
  return {std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()};
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
