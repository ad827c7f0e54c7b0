#include "command_line.h"

#include <algorithm>
#include <sstream>

#include "attnviz/error.h"
#include "attnviz/run.h"
#include "help.h"
#include "shell.h"

namespace attnviz::cli {
namespace {

constexpr char kExamples[] = R"(Examples:
  attnviz                              the two example texts, in this folder
  attnviz "The cat sat on the mat" --prefix cat --out-dir pictures
  attnviz --file speech.txt --max-tokens 256 --scale log
  attnviz "The cat sat on the mat" --model gpt.pt --layers 5 --heads 1
  echo "The cat sat" | attnviz - --json | jq .files
  attnviz heads --model gpt.pt --dir texts --prefix gpt
  attnviz batch texts --out-dir pictures --head-report
  attnviz prune gpt.pt --fraction 0.25 --text books/*.txt -o smaller.pt
  attnviz train --text corpus/*.txt --out mine.pt
  attnviz snapshot check attention.json --html changes.html
  attnviz compare gpt.pt pruned.pt
  attnviz show --attention dumped.npz --drop-first
  attnviz verify pictures/cat_attention_all_layers_heads.png

`attnviz TEXT` is short for `attnviz show TEXT`; see `attnviz show --help`.
Exit status: 0 done, 1 failed, 2 wrong usage; of snapshot check, compare and
verify 0 same, 1 changed, 2 not done; of snapshot check 3 a baseline is missing.)";

/// Thrown by an option that asks for a text instead of a command.
struct TextWanted {
  std::string text;
};

std::string version_text() {
  return "attnviz " + version() + "\nLibTorch " + libtorch_version() +
         "\nOpenCV " ATTNVIZ_OPENCV_VERSION;
}

/// `attnviz TEXT` means `attnviz show TEXT`.
void add_default_command(std::vector<std::string>& words) {
  static const std::vector<std::string> kOwn = {"-h", "--help", "--version", "--completion",
                                                "--manual"};
  const auto is_first = [&](const std::string& word) {
    return !words.empty() && words.front().substr(0, words.front().find('=')) == word;
  };
  const bool is_command = std::any_of(commands().begin(), commands().end(),
                                      [&](const Command& c) { return is_first(c.name); });
  if (!is_command && std::none_of(kOwn.begin(), kOwn.end(), is_first)) {
    words.insert(words.begin(), commands().front().name);
  }
}

}  // namespace

CommandLine parse_command_line(std::vector<std::string> words) {
  CLI::App app{"See what a GPT's attention heads do.", "attnviz"};
  app.formatter(std::make_shared<HelpFormatter>());
  app.set_version_flag("--version", version_text(), "the versions of attnviz and its libraries");
  app.add_option_function<std::string>(
         "--completion",
         [&app](const std::string& shell) { throw TextWanted{completion(app, shell)}; },
         "print a completion script: bash, zsh or fish")
      ->check(one_of({"bash", "zsh", "fish"}))
      ->type_name("SHELL");
  app.add_option_function<std::string>(
         "--manual", [&app](const std::string& name) { throw TextWanted{manual(app, name)}; },
         "print the manual page of a command, or of attnviz, in roff")
      ->type_name("COMMAND");
  app.require_subcommand(1);
  CommandLine chosen;
  for (const Command& command : commands()) {
    CLI::App* subcommand = app.add_subcommand(command.name, command.summary);
    const Run run = command.set_up(*subcommand);
    subcommand->callback([&chosen, &command, run] {
      chosen.run = run;
      chosen.failed = command.failed;
    });
  }
  app.footer(kExamples);  // after the subcommands, which would inherit it
  add_default_command(words);
  std::reverse(words.begin(), words.end());  // as CLI11 wants them
  try {
    app.parse(words);
  } catch (const TextWanted& wanted) {
    return {wanted.text, {}, command::kFailed};
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) {
      throw UsageError(std::string(error.what()) + " (see attnviz --help)");
    }
    std::ostringstream text;  // --help, --version
    app.exit(error, text, text);
    return {text.str(), {}, command::kFailed};
  }
  return chosen;
}

}  // namespace attnviz::cli
