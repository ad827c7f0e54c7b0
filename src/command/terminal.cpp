#include "terminal.h"

#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <sstream>

#include "file/one_line.h"

namespace attnviz::command {

std::size_t output_width() {
  constexpr std::size_t kUsual = 80;
  winsize size{};
  if (::isatty(STDOUT_FILENO) == 0 || ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return kUsual;
  return size.ws_col == 0 ? kUsual : size.ws_col;
}

bool has_colours() {
  return ::isatty(STDOUT_FILENO) != 0 && variable("NO_COLOR").empty();
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

TerminalColours terminal_colours() {
  if (!has_colours() || variable("TERM") == "dumb") return TerminalColours::none;
  const std::string depth = variable("COLORTERM");
  if (depth == "truecolor" || depth == "24bit") return TerminalColours::all;
  return variable("TERM").find("256color") != std::string::npos ? TerminalColours::palette
                                                                : TerminalColours::none;
}

std::string wrapped(std::string_view text, std::size_t width, std::size_t indent) {
  std::istringstream words{std::string(text)};
  std::string lines, line;
  for (std::string word; words >> word;) {
    word = one_line(word);
    if (line.empty()) {
      line = word;
    } else if (line.size() + 1 + word.size() <= width) {
      line += " " + word;
    } else {
      lines += line + "\n";
      line = std::string(indent, ' ') + word;
    }
  }
  return lines + line;
}

std::string printed(const std::filesystem::path& path) {
  return ::isatty(STDOUT_FILENO) != 0 ? one_line(path.string()) : path.string();
}

std::string duration(double seconds) {
  const long minutes = std::lround(seconds / 60);
  if (minutes < 1) return std::to_string(std::lround(seconds)) + " s";
  if (minutes < 60) return std::to_string(minutes) + " min";
  return std::to_string(minutes / 60) + " h " + std::to_string(minutes % 60) + " min";
}

std::string counted(std::int64_t n, const std::string& noun) {
  return std::to_string(n) + " " + noun + (n == 1 ? "" : "s");
}

std::string read_standard_input() {
  return {std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()};
}

std::string bar(double share) {
  constexpr double kWidth = 8;
  const auto done = static_cast<std::size_t>(std::clamp(share, 0.0, 1.0) * kWidth);
  return "[" + std::string(done, '=') + std::string(std::size_t(kWidth) - done, ' ') + "]";
}

StatusLine::StatusLine(First first)
    : is_terminal_(::isatty(STDERR_FILENO) != 0),
      last_shown_(first == First::at_once ? Clock::time_point() : Clock::now()) {}

bool StatusLine::is_due() const {
  if (!spdlog::should_log(spdlog::level::info)) return false;
  const double since = std::chrono::duration<double>(Clock::now() - last_shown_).count();
  return since >= (is_terminal_ ? 0.2 : 30.0);
}

void StatusLine::show(const std::string& line) {
  if (!spdlog::should_log(spdlog::level::info)) return;
  last_shown_ = Clock::now();
  if (!is_terminal_) return spdlog::info("{}", line);
  std::fprintf(stderr, "\r\033[K%s", line.c_str());
  is_open_ = true;
}

void StatusLine::end() {
  if (is_open_) std::fputc('\n', stderr);
  is_open_ = false;
}

void StatusLine::clear() {
  if (is_open_) std::fputs("\r\033[K", stderr);
  is_open_ = false;
}

}  // namespace attnviz::command
