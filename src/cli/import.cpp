#include <map>

#include "attnviz/error.h"
#include "commands.h"

namespace attnviz::cli {
namespace {

const std::map<std::string, bool> kGelus = {{"exact", true}, {"tanh", false}};

}  // namespace

Run set_up_import(CLI::App& app) {
  auto arguments = std::make_shared<command::ImportArguments>();
  ImportRunOptions& options = arguments->options;
  app.add_option("CHECKPOINT", options.checkpoint,
                 "file of torch.save, .safetensors, index, TorchScript, or a folder with one")
      ->required()
      ->check(not_empty())
      ->option_text(" ");
  app.add_option("-o,--out", options.out, "the model to write")
      ->required()
      ->check(not_empty())
      ->option_text("MODEL.pt");
  const auto number = [&](const char* name, std::optional<std::int64_t>& value, const char* help) {
    app.add_option(name, value, help)->check(positive())->option_text("N");
  };
  number("--heads", options.import.n_heads, "heads in each layer, where the file does not say");
  number("--layers", options.import.n_layers, "layers, where they share one set of weights");
  app.add_option_function<std::string>(
         "--gelu", [&](const std::string& name) { options.import.exact_gelu = kGelus.at(name); },
         "activation, where the file does not say")
      ->check(one_of(names_of(kGelus)))
      ->option_text("exact|tanh");
  app.add_flag_callback(
      "--half", [&] { options.precision = Precision::half; },
      "save in half precision: half the size, rounded");
  app.add_option("--verify", arguments->verify,
                 "print what the model predicts after TEXT, and its loss on it")
      ->check(not_empty())
      ->option_text("TEXT");
  app.add_option("--vocab", arguments->vocabulary, "folder of vocab.json and merges.txt")
      ->check(not_empty())
      ->option_text("DIR");
  add_trust(app, options.import.trusted);
  add_verbosity(app);
  app.footer(R"(Examples:
  attnviz import trained_model.pth -o gpt.pt
  attnviz import ckpt.pt -o nano.pt --verify "To be or not to"
  attnviz import gpt2/ -o gpt2.pt
No code of a checkpoint is run (of TorchScript, only the model itself). Its
layout is recognised by names and shapes: GPTTransformer, nanoGPT, minGPT,
Hugging Face GPT-2.)");
  return [arguments](const command::Commands& run) { return run.import(*arguments); };
}

}  // namespace attnviz::cli
