#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>

#include "attnviz/error.h"
#include "command_line.h"
#include "file/memory.h"
#include "load_commands.h"
#include "run/output.h"
#include "torch_hint.h"

namespace attnviz::cli {
namespace {

constexpr char kOutOfMemory[] =
    "out of memory; allow more of it, or take less at once: a shorter text (--max-tokens), fewer "
    "--jobs";

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
  const CommandLine chosen = parse_command_line({argv + (argc > 0), argv + argc});
  failed = chosen.failed;
  std::cout << chosen.text;
  const int status = chosen.run ? chosen.run(load_commands()) : command::kDone;
  std::cout.flush();
  if (!std::cout || std::ferror(stdout) != 0) throw FileError("cannot write to standard output");
  return status;
}

int status_of(int argc, char** argv) {
  command::ExitStatus failed = command::kFailed;
  try {
    return parse_and_run(argc, argv, failed);
  } catch (const UsageError& error) {
    spdlog::error("{}", error.what());
    return command::kWrongUsage;
  } catch (const MissingOperatorError& error) {
    spdlog::error("{}{}", error.what(), torch_hint());
  } catch (const std::exception& error) {
    spdlog::error("{}", is_out_of_memory(error) ? kOutOfMemory : message_of(error));
  }
  return failed;
}

}  // namespace
}  // namespace attnviz::cli

int main(int argc, char** argv) {
  using namespace attnviz;
  spdlog::set_default_logger(spdlog::stderr_logger_st("attnviz"));
  spdlog::set_pattern("%n: %v");
  // A file that may not grow any more is told of as a full disk is.
  std::signal(SIGXFSZ, SIG_IGN);
  cli::leave(cli::status_of(argc, argv));
}
