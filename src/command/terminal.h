#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "attnviz/glance.h"

namespace attnviz::command {

/// Columns of the terminal that standard output is; 80 where it is none.
std::size_t output_width();

/// Standard output is a terminal and the user has not set NO_COLOR (no-color.org).
bool has_colours();

/// Of the environment; empty where it is not set.
std::string variable(const char* name);

/// How many: 24 bits where COLORTERM says so, xterm's 256 where TERM does, none where has_colours()
/// says none.
TerminalColours terminal_colours();

/// Broken between words into lines of at most `width` characters, those after the first with
/// `indent` spaces before them; no newline at the end. A longer word has a line of its own. Control
/// characters, which may come from a file, stand there as \xNN.
std::string wrapped(std::string_view text, std::size_t width, std::size_t indent = 0);

/// A path for standard output: as it is, for programs that read it; on a terminal, which control
/// characters would command, with those as \xNN.
std::string printed(const std::filesystem::path& path);

/// `12 s`, `3 min`, `1 h 20 min`.
std::string duration(double seconds);

/// `1 head`, `3 heads`.
std::string counted(std::int64_t n, const std::string& noun);

/// All of standard input: what a TEXT of `-` stands for.
std::string read_standard_input();

/// `[====    ]`; share: 0 to 1.
std::string bar(double share);

/// What goes on, on standard error: a line that redraws itself on a terminal, elsewhere one line
/// now and then; nothing where the user wants quiet.
class StatusLine {
 public:
  enum class First { at_once, later };
  explicit StatusLine(First first);
  ~StatusLine() { end(); }
  StatusLine(const StatusLine&) = delete;
  StatusLine& operator=(const StatusLine&) = delete;

  /// Long enough after the last one to show another. False ever where nothing is to be shown.
  [[nodiscard]] bool is_due() const;
  void show(const std::string& line);
  /// Leaves what is shown as a line of its own.
  void end();
  /// Takes it away.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  bool is_terminal_;
  bool is_open_ = false;
  Clock::time_point last_shown_;
};

}  // namespace attnviz::command
