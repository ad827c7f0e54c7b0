#include <spdlog/spdlog.h>

#include "commands.h"

namespace attnviz::cli {

CLI::Validator not_empty() {
  return {[](const std::string& value) {
            return value.empty() ? std::string("its value is empty") : std::string();
          },
          ""};
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
