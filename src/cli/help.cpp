#include "help.h"

#include <sstream>

namespace attnviz::cli {

std::string HelpFormatter::make_option(const CLI::Option* option, bool is_positional) const {
  constexpr std::size_t kTextColumn = 26;
  constexpr std::size_t kLastColumn = 80;
  std::string line = "  " + make_option_name(option, is_positional) + make_option_opts(option);
  std::string help;
  if (line.size() + 2 > kTextColumn) {
    help = line + "\n";
    line.clear();
  }
  line.resize(kTextColumn, ' ');
  std::istringstream words(make_option_desc(option));
  for (std::string word; words >> word;) {
    const bool starts_line = line.size() == kTextColumn && line.back() == ' ';
    if (!starts_line && line.size() + 1 + word.size() > kLastColumn) {
      help += line + "\n";
      line.assign(kTextColumn, ' ');
      line += word;
    } else {
      line += (starts_line ? "" : " ") + word;
    }
  }
  return help + line + "\n";
}

}  // namespace attnviz::cli
