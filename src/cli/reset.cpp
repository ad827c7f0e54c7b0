#include "commands.h"

namespace attnviz::cli {
namespace {

const std::map<std::string, HeadInit> kInits = {{"xavier", HeadInit::xavier},
                                                {"normal", HeadInit::normal}};

}  // namespace

Run set_up_reset(CLI::App& app) {
  auto options = std::make_shared<ResetOptions>();
  add_model(app, options->model);
  add_heads(app, options->heads, "the heads to reset")->required();
  add_out(app, options->out)->required();
  app.add_option_function<std::string>(
         "--init", [options](const std::string& name) { options->init = kInits.at(name); },
         "new queries, keys and values: xavier (by the matrix' size), normal (deviation 0.02)")
      ->check(one_of(names_of(kInits)))
      ->option_text("HOW [xavier]");
  app.add_option("--seed", options->seed, "of the new weights")->option_text("N [0]");
  add_shared_layers(app, options->shared_layers);
  add_verbosity(app);
  app.footer(R"(Examples:
  attnviz reset gpt.pt --heads L0H3,L2H1 -o reset.pt
  attnviz finetune reset.pt --text book.txt --freeze-others -o trained.pt
The heads' columns of the output projection become zero, so that the model
computes what it does without them; from there they can learn something new.)");
  return [options](const command::Commands& run) { return run.reset(*options); };
}

}  // namespace attnviz::cli
