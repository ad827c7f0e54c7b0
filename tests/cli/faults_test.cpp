// What a machine can do to a program: each fault ends in one clear line, or in the work done, and
// no file is ever half.
#include <nlohmann/json.hpp>
#include <opencv2/imgcodecs.hpp>

#include "cli/program.h"
#include "test_models.h"

namespace attnviz {
namespace {

#ifdef ATTNVIZ_SANITIZED
constexpr bool kIsSanitized = true;
#else
constexpr bool kIsSanitized = false;
#endif

constexpr const char* kCommands[] = {"'a text' --prefix a --dpi 40 --figures last",
                                     "'a text' --generate 2 --prefix a --dpi 40 --figures last",
                                     "show --attention '" ATTNVIZ_TEST_DATA
                                     "/dumps/gpt2.npz' --prefix a --dpi 40 --figures last"};

class Faults : public Cli {
 protected:
  /// Every picture can be decoded, and nothing else lies there.
  void expect_whole_pictures(std::size_t n) const {
    std::size_t found = 0;
    for (const auto& entry : fs::directory_iterator(work())) {
      EXPECT_EQ(entry.path().extension(), ".png") << entry.path();
      EXPECT_FALSE(cv::imread(entry.path().string()).empty()) << entry.path();
      ++found;
    }
    EXPECT_EQ(found, n);
  }

  /// Done, or one line and nothing written.
  void expect_done_or_told(const Outcome& outcome, const std::string& about) {
    if (outcome.status == 0) {
      EXPECT_EQ(lines(outcome.out).size(), 1U) << about;
      for (const auto& entry : fs::directory_iterator(work())) fs::remove(entry);
      return;
    }
    EXPECT_EQ(outcome.status, 1) << about << ": " << outcome.err;
    EXPECT_EQ(lines(outcome.err).size(), 1U) << about << ": " << outcome.err;
    EXPECT_EQ(outcome.err.rfind("attnviz: ", 0), 0U) << about << ": " << outcome.err;
    EXPECT_TRUE(fs::is_empty(work())) << about;
  }
};

TEST_F(Faults, AFolderThatMayNotBeWrittenTo) {
  expect_failure(run("'a text' --prefix a --out-dir /sys/kernel"), 1, "cannot write");
}

TEST_F(Faults, AFolderThatIsGone) {
  const Outcome outcome =
      run("'a text' --prefix a --dpi 40", "mkdir gone; cd gone; rmdir ../gone;");
  EXPECT_EQ(outcome.status, 1) << outcome.err;
  EXPECT_EQ(lines(outcome.err).size(), 1U) << outcome.err;
}

TEST_F(Faults, FewFileHandles) {
  if (kIsSanitized) GTEST_SKIP() << "a sanitizer wants file handles of its own";
  for (int n = 5; n < 20; n += 2) {  // with fewer the system itself cannot start it
    const std::string limit = "ulimit -n " + std::to_string(n) + "; ";
    for (const char* command : kCommands) expect_done_or_told(run(command, limit), limit);
  }
}

TEST_F(Faults, LittleMemory) {
  if (kIsSanitized) GTEST_SKIP() << "a sanitizer wants terabytes of address space";
  // In KiB of address space: from too little for the libraries to enough for all of it.
  for (const char* command : kCommands) {
    int n_done = 0, n_told = 0;
    for (int megabytes = 200; megabytes <= 2600; megabytes += 300) {
      const std::string limit = "ulimit -v " + std::to_string(megabytes * 1024) + "; ";
      const Outcome outcome = run(command, limit);
      (outcome.status == 0 ? n_done : n_told) += 1;
      const bool is_told = outcome.err.find("memory") != std::string::npos;
      EXPECT_TRUE(outcome.status == 0 || is_told) << limit << outcome.err;
      expect_done_or_told(outcome, limit);
    }
    EXPECT_GT(n_done, 0) << command;
    EXPECT_GT(n_told, 0) << command;
  }
}

TEST_F(Faults, AFileThatMayNotGrowIsToldOfWhoeverIgnoresTheSignal) {
  expect_failure(run("'a text' --prefix a", "ulimit -f 8;"), 1, "cannot write");
  expect_failure(run("'a text' --prefix a --figures none --html page.html", "ulimit -f 8;"), 1,
                 "cannot write");
}

TEST_F(Faults, AReaderThatLeavesEndsItInSilence) {
  // It is told how it ended by the shell: 128, and SIGPIPE's 13. It begins when the reader is gone.
  const Outcome piped =
      run("heads --list scores; echo $? >status; } | { exec <&-; : >gone; }; cat status",
          "{ while [ ! -e gone ]; do :; done; ");
  EXPECT_EQ(piped.err, "");
  EXPECT_EQ(piped.out, "141\n");
  const Outcome first = run("--completion zsh | head -n 1");
  EXPECT_EQ(first.err, "");
  EXPECT_EQ(lines(first.out).size(), 1U);
}

TEST_F(Faults, AModelThatIsCutShortWhileItIsRead) {
  if (kIsSanitized) GTEST_SKIP() << "a sanitizer tells of the signal itself";
  const std::string whole = "'" ATTNVIZ_SOURCE_DIR "/models/demo.pt'";
  const std::string name = elsewhere("model.pt").string(), model = " --model '" + name + "'";
  const std::string copy = "cp " + whole + " '" + name + "'; ";
  ASSERT_EQ(run("'a text' --figures last --prefix a --dpi 40" + model, copy).status, 0);
  const std::string picture = elsewhere("picture.png").string();
  for (const auto& entry : fs::directory_iterator(work())) fs::rename(entry, picture);
  // Cut off in the middle, again and again, from before it is opened on.
  const std::string cut = "while kill -0 $p 2>/dev/null; do truncate -s 40000 '" + name + "'; " +
                          copy + "done; wait $p";
  for (const std::string& command : {"'a text' --prefix a --dpi 40 --figures last" + model,
                                     "info '" + name + "'", "verify '" + picture + "'" + model}) {
    int n_told = 0;
    for (int i = 0; i < 6; ++i) {
      const Outcome outcome = run(command + " & p=$!; " + cut, copy);
      ASSERT_LE(outcome.status, 2) << command << ": " << outcome.err;
      if (outcome.status == 0) continue;
      ++n_told;
      if (outcome.err.empty()) continue;  // verify: another picture, and why
      EXPECT_EQ(lines(outcome.err).size(), 1U) << command << ": " << outcome.err;
      EXPECT_EQ(outcome.err.rfind("attnviz: ", 0), 0U) << command << ": " << outcome.err;
    }
    EXPECT_GT(n_told, 0) << command;
    for (const auto& entry : fs::directory_iterator(work())) fs::remove(entry);
  }
}

TEST_F(Faults, OneThatLeavesIsToldOfWhereItsSignalIsIgnored) {
  // The first line of another program is read only when ours has ended.
  const Outcome piped = run("heads --list scores | true", "trap '' PIPE;");
  EXPECT_TRUE(piped.err.empty() || piped.err == "attnviz: cannot write to standard output\n")
      << piped.err;
}

TEST_F(Faults, StandardOutputThatCannotBeWrittenTo) {
  for (const char* arguments : {"--help", "heads --list scores", "info --no-run",
                                "'a text' --dpi 40", "'a text' --dpi 40 --json"}) {
    const Outcome outcome = run(std::string(arguments) + " >/dev/full");
    EXPECT_EQ(outcome.status, 1) << arguments;
    EXPECT_EQ(outcome.err, "attnviz: cannot write to standard output\n") << arguments;
  }
}

TEST_F(Faults, AFolderThatVanishesDuringABatch) {
  for (int i = 0; i < 40; ++i) {
    write_file_atomically(elsewhere("texts") / ("t" + std::to_string(i) + ".txt"), "some text");
  }
  const std::string rest = "batch '" + elsewhere("texts").string() + "' --figures last --dpi 40";
  // Removed as soon as something is in it, and as often as it is made anew.
  const Outcome gone =
      run(rest +
          " --out-dir out & p=$!; while kill -0 $p 2>/dev/null; do ls out/*.png >/dev/null 2>&1 && "
          "rm -rf out 2>/dev/null; done; wait $p");
  EXPECT_EQ(gone.status, 1) << gone.err;
  // Found out by whoever writes there first.
  EXPECT_NE(gone.err.find("stopped before the end: "), std::string::npos) << gone.err;
  EXPECT_EQ(run(rest + " --out-dir out").status, 0);
}

TEST_F(Faults, RunsThatWriteToTheSameFilesAtOnce) {
  const std::string one = " --prefix same --dpi 50 --quiet >/dev/null &";
  const std::string program = "'" ATTNVIZ_PROGRAM "' ";
  const Outcome outcome = run("'first' --prefix same --dpi 50 --quiet >/dev/null; wait",
                              program + "'second text'" + one + program + "'third'" + one);
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  expect_whole_pictures(3);
}

TEST_F(Faults, SignalsBeforeTheEndLeaveNoHalfFiles) {
  for (const char* signal : {"INT", "TERM", "HUP", "KILL"}) {
    // Killed as soon as the first picture is there.
    (void)run(
        "'To be or not to be' --prefix a --dpi 300 & p=$!; while kill -0 $p 2>/dev/null && "
        "! ls a_* >/dev/null 2>&1; do :; done; kill -" +
        std::string(signal) + " $p 2>/dev/null; wait $p");
    for (const auto& entry : fs::directory_iterator(work())) {
      EXPECT_FALSE(cv::imread(entry.path().string()).empty()) << signal << " " << entry.path();
      fs::remove(entry);
    }
  }
}

TEST_F(Faults, AModelWithOtherEffectsIsToldOfAndNotRun) {
  torch::jit::Module module("Test");
  module.define("def forward(self, ids: Tensor):\n  torch.save(ids, \"" +
                (work() / "victim").string() + "\")\n  return ids\n");
  const std::string model = elsewhere("model.pt").string();
  module.save(model);
  expect_failure(run("'a text' --model '" + model + "'"), 1, "--trust-model");
  expect_failure(run("heads --model '" + model + "'"), 1, "--trust-model");
  const Outcome info = run("info '" + model + "'");
  EXPECT_EQ(info.status, 0) << info.err;
  EXPECT_NE(info.out.find("aten::save writes files"), std::string::npos) << info.out;
  EXPECT_NE(info.out.find("was not run"), std::string::npos) << info.out;
  EXPECT_TRUE(fs::is_empty(work()));
  const auto json = nlohmann::json::parse(run("info --no-run --json").out);
  EXPECT_EQ(json["was_run"], false);
  EXPECT_TRUE(json["effects"].empty());
  EXPECT_GT(json["operators"].size(), 10U);
}

TEST_F(Faults, NamesWithControlCharactersDoNotReachTheTerminal) {
  const Outcome outcome = run("'a text' --model \"$(printf 'a\\nb\\033[31m')\"");
  EXPECT_EQ(outcome.status, 1);
  EXPECT_EQ(lines(outcome.err).size(), 1U) << outcome.err;
  EXPECT_NE(outcome.err.find("a\\x0Ab\\x1B[31m"), std::string::npos) << outcome.err;
}

}  // namespace
}  // namespace attnviz
