#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>

#include "attnviz/error.h"
#include "attnviz/run.h"
#include "commands.h"
#include "help.h"
#include "load_commands.h"
#include "run/output.h"

namespace attnviz::cli {
namespace {

constexpr char kExamples[] = R"(Examples:
  attnviz                              the two example texts, in this folder
  attnviz "The cat sat on the mat" --prefix cat --out-dir pictures
  attnviz --file speech.txt --max-tokens 256 --scale log
  attnviz "The cat sat on the mat" --model gpt.pt --layer 5 --head 1
  echo "The cat sat" | attnviz - --json | jq .files
  attnviz heads --model gpt.pt --dir texts --prefix gpt
  attnviz batch texts --out-dir pictures --heads
  attnviz prune gpt.pt --fraction 0.25 --text books/*.txt -o smaller.pt
  attnviz train --text corpus/*.txt --out mine.pt
  attnviz snapshot check attention.json --html changes.html
  attnviz compare gpt.pt pruned.pt

`attnviz TEXT` is short for `attnviz show TEXT`; see `attnviz show --help`.
Exit status: 0 done, 1 failed, 2 wrong usage; of snapshot check and compare
0 same, 1 changed, 2 not done, 3 a baseline is missing.)";

std::string version_text() {
  return "attnviz " + version() + "\nLibTorch " + libtorch_version() +
         "\nOpenCV " ATTNVIZ_OPENCV_VERSION;
}

/// `attnviz TEXT` means `attnviz show TEXT`.
std::vector<std::string> with_default_command(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  static const std::vector<std::string> kOwn = {"-h", "--help", "--version"};
  const auto is_first = [&](const std::string& word) {
    return !arguments.empty() && arguments.front() == word;
  };
  const bool is_command = std::any_of(commands().begin(), commands().end(),
                                      [&](const Command& c) { return is_first(c.name); });
  if (!is_command && std::none_of(kOwn.begin(), kOwn.end(), is_first)) {
    arguments.insert(arguments.begin(), commands().front().name);
  }
  return arguments;
}

/// Ends the program without taking LibTorch apart, which costs a tenth of a short run. Memory is
/// looked through at an ordinary end, so where that is checked there is one.
[[noreturn]] void leave(int status) {
  std::fflush(nullptr);
#ifdef ATTNVIZ_SANITIZED
  std::exit(status);
#else
  std::_Exit(status);
#endif
}

/// failed: set to the exit status of whatever the chosen subcommand throws.
int parse_and_run(int argc, char** argv, command::ExitStatus& failed) {
  CLI::App app{"See what a GPT's attention heads do.", "attnviz"};
  app.formatter(std::make_shared<HelpFormatter>());
  app.set_version_flag("--version", version_text(), "the versions of attnviz and its libraries");
  app.require_subcommand(1);
  Run run;
  for (const Command& command : commands()) {
    CLI::App* subcommand = app.add_subcommand(command.name, command.summary);
    auto run_command = command.set_up(*subcommand);
    subcommand->callback([&run, &failed, &command, run_command] {
      run = run_command;
      failed = command.failed;
    });
  }
  app.footer(kExamples);  // after the subcommands, which would inherit it
  std::vector<std::string> arguments = with_default_command(argc, argv);
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    spdlog::error("{} (see attnviz --help)", error.what());
    return command::kWrongUsage;
  }
  const int status = run(load_commands());
  std::cout.flush();
  if (!std::cout) throw FileError("cannot write to standard output");
  return status;
}

int status_of(int argc, char** argv) {
  command::ExitStatus failed = command::kFailed;
  try {
    return parse_and_run(argc, argv, failed);
  } catch (const UsageError& error) {
    spdlog::error("{}", error.what());
    return command::kWrongUsage;
  } catch (const std::bad_alloc&) {
    spdlog::error("out of memory; try a shorter text (--max-tokens)");
  } catch (const std::exception& error) {
    spdlog::error("{}", message_of(error));
  }
  return failed;
}

}  // namespace
}  // namespace attnviz::cli

int main(int argc, char** argv) {
  using namespace attnviz;
  spdlog::set_default_logger(spdlog::stderr_logger_st("attnviz"));
  spdlog::set_pattern("%n: %v");
  cli::leave(cli::status_of(argc, argv));
}
