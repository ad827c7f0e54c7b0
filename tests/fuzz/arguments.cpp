#include "cli/command_line.h"
#include "fuzz/input.h"
#include "fuzz/targets.h"

namespace attnviz::fuzz {

void arguments(std::string_view bytes) {
  std::vector<std::string> words;
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    words.emplace_back(bytes.substr(0, end).substr(0, bytes.find('\0')));  // as the shell would
    bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
  }
  allowed_to_fail([&] {
    const cli::CommandLine line = cli::parse_command_line(words);
    if (line.text.empty() == !line.run) finding("neither a text nor something to do");
  });
}

}  // namespace attnviz::fuzz
