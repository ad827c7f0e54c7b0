#pragma once

#include <string>
#include <vector>

#include "commands.h"

namespace attnviz::cli {

/// What the words of a command line ask for: to print a text (help, versions), or to run a command.
struct CommandLine {
  std::string text;
  Run run;  ///< empty: there is only the text
  command::ExitStatus failed = command::kFailed;
};

/// words: without the program's name, which stands before them. Throws UsageError.
CommandLine parse_command_line(std::vector<std::string> words);

}  // namespace attnviz::cli
