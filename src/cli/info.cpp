#include "commands.h"

namespace attnviz::cli {
Run set_up_info(CLI::App& app) {
  auto arguments = std::make_shared<command::InfoArguments>();
  add_model(app, arguments->model);
  app.add_flag("--json", arguments->json, "print one JSON object instead");
  app.add_flag("--no-run", arguments->no_run, "only what can be read without loading the model");
  add_trust(app, arguments->trusted);
  add_verbosity(app);
  app.footer(R"(Examples:
  attnviz info
  attnviz info gpt.pt --json | jq .heads
  attnviz info from-the-web.pt --no-run
A model that does more than compute is not run either, and it is said why.)");
  return [arguments](const command::Commands& run) { return run.info(*arguments); };
}

}  // namespace attnviz::cli
