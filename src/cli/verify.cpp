#include "commands.h"

namespace attnviz::cli {
namespace {

constexpr char kExamples[] = R"(Examples:
  attnviz verify cat_attention_all_layers_heads.png
  attnviz verify pictures/*.png --model gpt.pt
  attnviz verify dumped_attention_avg_per_layer.png --attention dumped.npz

A PNG by show or batch says what it was made of, and how: model or file of
patterns, vocabulary and tokens by their SHA-256, and all options.
Exit status: 0 the same byte for byte, 1 it differs, 2 it could not be drawn.)";

}  // namespace

Run set_up_verify(CLI::App& app) {
  auto arguments = std::make_shared<command::VerifyArguments>();
  VerifyOptions& options = arguments->options;
  app.add_option("PICTURE", arguments->pictures, "PNG files by show or batch")
      ->required()
      ->check(not_empty())
      ->option_text(" ");
  app.add_option("--model", options.model,
                 "that they were made of (default: the built-in one, if they were)")
      ->check(not_empty())
      ->option_text("M.pt")
      ->group("Model");
  CLI::Option* attention = app.add_option("--attention", options.attention,
                                          "the file of patterns that they were made of")
                               ->check(not_empty())
                               ->excludes(app.get_option("--model"))
                               ->option_text("F")
                               ->group("Patterns from files");
  app.add_option("--tokens", options.tokens, "the JSON list of its tokens that was named, too")
      ->check(not_empty())
      ->needs(attention)
      ->option_text("T.json")
      ->group("Patterns from files");
  add_capture_options(app, options.capture, options.vocabulary);
  add_verbosity(app);
  app.footer(kExamples);
  return [arguments](const command::Commands& run) { return run.verify(*arguments); };
}

}  // namespace attnviz::cli
