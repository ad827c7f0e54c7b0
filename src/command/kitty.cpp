#include "kitty.h"

#include <unistd.h>

#include "attnviz/file.h"
#include "terminal.h"

namespace attnviz::command {

bool shows_pictures() {
  if (::isatty(STDOUT_FILENO) == 0 || !variable("TMUX").empty() || !variable("STY").empty()) {
    return false;
  }
  const std::string program = variable("TERM_PROGRAM");
  return variable("TERM") == "xterm-kitty" || program == "ghostty" || program == "WezTerm";
}

std::string kitty_picture(const std::string& png, std::size_t columns) {
  constexpr std::size_t kPiece = 4096;
  const std::string data = base64_of(png);
  std::string escapes;
  for (std::size_t start = 0; start < data.size(); start += kPiece) {
    const bool is_last = start + kPiece >= data.size();
    escapes += "\033_G";
    if (start == 0) escapes += "a=T,f=100,q=2,c=" + std::to_string(columns) + ",";
    escapes +=
        std::string("m=") + (is_last ? "0" : "1") + ";" + data.substr(start, kPiece) + "\033\\";
  }
  return escapes + "\n";
}

}  // namespace attnviz::command
