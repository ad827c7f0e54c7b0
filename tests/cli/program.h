#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdio>
#include <sstream>
#include <string>
#include <vector>

#include "attnviz/file.h"
#include "test_models.h"

namespace attnviz {

namespace fs = std::filesystem;

struct Outcome {
  int status = -1;
  std::string out, err;
};

/// Runs `attnviz ARGUMENTS` through the shell, in a folder of its own.
class Cli : public ::testing::Test {
 protected:
  Outcome run(const std::string& arguments, const std::string& before = "") {
    return shell(before + kProgram + arguments);
  }

  /// Runs a copy of the program that has nothing beside it.
  Outcome run_alone(const std::string& arguments) {
    // Beside the tests, where programs may run.
    const fs::path copy = fs::path(ATTNVIZ_PROGRAM).parent_path() / "alone" / "bin" / "attnviz";
    fs::create_directories(copy.parent_path());
    fs::copy_file(ATTNVIZ_PROGRAM, copy, fs::copy_options::overwrite_existing);
    return shell("'" + copy.string() + "' " + arguments);
  }

  /// Runs it in the background until it prints a line on standard error, and then interrupts it.
  Outcome interrupt(const std::string& arguments) {
    const std::string fifo = "'" + elsewhere("fifo").string() + "'";
    return shell("mkfifo " + fifo + "; " + kProgram + arguments + " 2>" + fifo + " & exec 3<" +
                 fifo + "; read first <&3; kill -INT $!; cat <&3 >&2; wait $!");
  }

  /// One line on standard error, and none on standard output.
  void expect_failure(const Outcome& outcome, int status, const std::string& part) {
    EXPECT_EQ(outcome.status, status);
    EXPECT_EQ(outcome.out, "");
    EXPECT_NE(outcome.err.find(part), std::string::npos) << outcome.err;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_EQ(outcome.err.rfind("attnviz: ", 0), 0U) << outcome.err;
    EXPECT_TRUE(fs::is_empty(work()));
  }

  [[nodiscard]] fs::path work() const {
    fs::create_directories(folder_.path() / "work");
    return folder_.path() / "work";
  }
  [[nodiscard]] fs::path elsewhere(const std::string& name) const { return folder_.path() / name; }

 private:
  static constexpr char kProgram[] = " '" ATTNVIZ_PROGRAM "' ";

  Outcome shell(const std::string& command) {
    const fs::path errors = elsewhere("stderr");
    const std::string whole =
        "cd '" + work().string() + "' && { " + command + " ; } 2>'" + errors.string() + "'";
    Outcome outcome;
    FILE* pipe = ::popen(whole.c_str(), "r");
    char buffer[4096];
    for (std::size_t n = 0; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) {
      outcome.out.append(buffer, n);
    }
    outcome.status = WEXITSTATUS(::pclose(pipe));
    outcome.err = read_file(errors);
    return outcome;
  }

  TemporaryFolder folder_;
};

inline std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> all;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) all.push_back(line);
  return all;
}

}  // namespace attnviz
