#include "snapshot_report.h"

#include <spdlog/spdlog.h>

#include <cstdlib>
#include <iostream>
#include <sstream>

#include "attnviz/file.h"
#include "command.h"
#include "file/one_line.h"
#include "terminal.h"

namespace attnviz::command {
namespace {

void print_indented(const std::string& line) {
  std::cout << "  " << wrapped(line, output_width() - 2, 6) << '\n';
}

/// The most that moved, in words.
void print_heads(const TextResult& text, std::size_t n_heads) {
  for (std::size_t i = 0; i < text.most_changed.size() && i < n_heads; ++i) {
    print_indented(sentence(text.most_changed[i]));
  }
  if (text.most_changed.size() > n_heads) {
    std::cout << "  and " << text.most_changed.size() - n_heads << " more\n";
  }
}

/// `changed  cat   25 of 48 heads moved ...`, the message in a column of its own.
void print_text(const TextResult& text, std::size_t name_width, std::size_t n_heads) {
  std::string start(to_string(text.verdict));
  start.resize(9, ' ');
  start += one_line(text.name);
  start.resize(std::max(start.size(), 9 + name_width) + 2, ' ');
  const std::size_t room = std::max<std::size_t>(output_width(), 40) - (11 + name_width);
  std::istringstream lines(wrapped(text.message, room));
  if (start.size() > 11 + name_width) {
    start.resize(start.size() - 2);
    start += "\n" + std::string(11 + name_width, ' ');
  }
  for (std::string line; std::getline(lines, line);) {
    std::cout << start << line << '\n';
    start.assign(11 + name_width, ' ');
  }
  print_heads(text, n_heads);
  for (const auto& file : text.files) {
    std::cout << (file.extension() == ".html" ? "  page: " : "  picture: ") << printed(file)
              << '\n';
  }
}

void print_summary(const SnapshotReport& report) {
  const auto facts = report.facts();
  if (!facts.empty() && report.verdict() != Verdict::same) {
    std::cout << "\nwhat else is another than it was:\n";
    for (const FactChange& fact : facts) print_indented(sentence(fact));
  }
  std::string line;
  for (const Verdict verdict :
       {Verdict::same, Verdict::changed, Verdict::missing, Verdict::failed}) {
    const std::size_t n = report.count(verdict);
    if (n == 0) continue;
    line += (line.empty() ? "" : ", ") + std::to_string(n) + " " + std::string(to_string(verdict));
  }
  std::cout << (report.verdict() == Verdict::same ? "" : "\n") << report.name << ": " << line
            << '\n';
}

void print(const SnapshotReport& report, std::size_t n_heads) {
  constexpr std::size_t kWidest = 20;  // longer names have a line of their own
  std::size_t width = 0;
  for (const TextResult& text : report.texts) width = std::max(width, text.name.size());
  width = std::min(width, kWidest);
  for (const TextResult& text : report.texts) print_text(text, width, n_heads);
  print_summary(report);
}

/// GitHub's escapes of a workflow command's message, and those of its properties.
std::string escaped(const std::string& text, bool is_property) {
  std::string out;
  for (const char c : text) {
    if (c == '%' || c == '\n' || c == '\r' || (is_property && (c == ':' || c == ','))) {
      char code[4];
      std::snprintf(code, sizeof code, "%%%02X", static_cast<unsigned char>(c));
      out += code;
    } else {
      out += c;
    }
  }
  return out;
}

/// On standard error, which GitHub reads as it does standard output: that is for results.
void annotate(const SnapshotReport& report, const std::filesystem::path& suite) {
  const char* running = std::getenv("GITHUB_ACTIONS");
  if (running == nullptr || std::string(running) != "true") return;
  for (const TextResult& text : report.texts) {
    if (text.verdict == Verdict::same) continue;
    std::string message = text.message;
    for (std::size_t i = 0; i < text.most_changed.size() && i < 3; ++i) {
      message += "\n" + sentence(text.most_changed[i]);
    }
    std::cerr << "::error " << (suite.empty() ? "" : "file=" + escaped(suite.string(), true) + ",")
              << "title="
              << escaped("attention of " + text.name + ": " + std::string(to_string(text.verdict)),
                         true)
              << "::" << escaped(message, false) << '\n';
  }
}

}  // namespace

void check_report_files(const ReportArguments& arguments) {
  for (const auto& file : {arguments.junit, arguments.html, arguments.out_dir / "NAME_diff.png"}) {
    if (!file.empty()) check_writable(file);
  }
}

void give_report(SnapshotReport& report, const ReportArguments& arguments,
                 const std::filesystem::path& suite) {
  write_pictures(report, arguments.out_dir);
  if (arguments.json) {
    std::cout << to_json(report) << '\n';
  } else {
    print(report, arguments.n_heads);
  }
  if (!arguments.junit.empty()) write_file_atomically(arguments.junit, to_junit(report));
  if (!arguments.html.empty()) write_file_atomically(arguments.html, to_html(report));
  annotate(report, suite);
}

}  // namespace attnviz::command
