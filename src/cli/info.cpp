#include "commands.h"

namespace attnviz::cli {
Run set_up_info(CLI::App& app) {
  auto arguments = std::make_shared<command::InfoArguments>();
  add_model(app, arguments->model);
  app.add_flag("--json", arguments->json, "print one JSON object instead");
  add_verbosity(app);
  app.footer(R"(Examples:
  attnviz info
  attnviz info gpt.pt --json | jq .heads)");
  return [arguments](const command::Commands& run) { return run.info(*arguments); };
}

}  // namespace attnviz::cli
