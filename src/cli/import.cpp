#include <spdlog/spdlog.h>

#include <cstdio>
#include <iostream>
#include <map>

#include "attnviz/error.h"
#include "attnviz/run.h"
#include "commands.h"

namespace attnviz::cli {
namespace {

struct ImportArguments {
  ImportRunOptions options;
  std::string gelu;
  std::optional<std::string> verify;
  std::filesystem::path vocabulary;
  bool half = false;
};

const std::map<std::string, bool> kGelus = {{"exact", true}, {"tanh", false}};

void report(const ImportedGpt& imported) {
  const GptConfig& config = imported.record.config;
  spdlog::info("recognised as {}: {} layers of {} heads, d_model {}, {} tokens, {} positions",
               imported.layout, config.n_layers(), config.n_heads[0], config.d_model,
               config.vocabulary_size, config.n_positions);
  for (const std::string& note : imported.notes) spdlog::info("{}", note);
}

/// The table that --verify prints.
void print(const Predictions& predictions) {
  std::printf("most probable next tokens\n");
  for (const Prediction& next : predictions.next) {
    std::printf("  %6.2f %%  %s\n", 100 * next.probability, next.token.c_str());
  }
  if (predictions.n_predicted > 0) {
    std::printf("loss on the text: %.3f nats a token over %ld; %.3f is chance\n", predictions.loss,
                long(predictions.n_predicted), predictions.chance_loss);
  }
}

int run(const ImportArguments& arguments) {
  ImportRunOptions options = arguments.options;
  if (!arguments.gelu.empty()) options.import.exact_gelu = kGelus.at(arguments.gelu);
  if (arguments.half) options.precision = Precision::half;
  report(run_import(options));
  std::cout << options.out.string() << std::endl;
  if (arguments.verify) {
    const Tokenizer tokenizer(arguments.vocabulary.empty() ? built_in_vocabulary()
                                                           : arguments.vocabulary);
    Model model(options.out);
    print(predict(model, tokenizer, *arguments.verify));
  }
  return kDone;
}

}  // namespace

std::function<int()> set_up_import(CLI::App& app) {
  auto arguments = std::make_shared<ImportArguments>();
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
    app.add_option(name, value, help)->check(CLI::PositiveNumber.description(""))->option_text("N");
  };
  number("--heads", options.import.n_heads, "heads in each layer, where the file does not say");
  number("--layers", options.import.n_layers, "layers, where they share one set of weights");
  app.add_option("--gelu", arguments->gelu, "activation, where the file does not say")
      ->check(CLI::IsMember({"exact", "tanh"}).description(""))
      ->option_text("exact|tanh");
  app.add_flag("--half", arguments->half, "save in half precision: half the size, rounded");
  app.add_option("--verify", arguments->verify,
                 "print what the model predicts after TEXT, and its loss on it")
      ->check(not_empty())
      ->option_text("TEXT");
  app.add_option("--vocab", arguments->vocabulary, "folder of vocab.json and merges.txt")
      ->check(not_empty())
      ->option_text("DIR");
  add_verbosity(app);
  app.footer(R"(Examples:
  attnviz import trained_model.pth -o gpt.pt
  attnviz import ckpt.pt -o nano.pt --verify "To be or not to"
  attnviz import gpt2/ -o gpt2.pt
No code of the checkpoint is run. Its layout is recognised by names and shapes:
GPTTransformer, nanoGPT, minGPT, Hugging Face GPT-2.)");
  return [arguments] { return run(*arguments); };
}

}  // namespace attnviz::cli
