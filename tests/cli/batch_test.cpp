// `attnviz batch` and `merge` as a user meets them: outputs, faults, and being killed.
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <opencv2/imgcodecs.hpp>
#include <random>
#include <thread>

#include "program.h"

namespace attnviz {
namespace {

class BatchCli : public Cli {
 protected:
  void write_texts(int n) {
    for (int i = 0; i < n; ++i) {
      std::string text = "Text " + std::to_string(i) + " of some:";
      for (int word = 0; word < i * 7 % 30; ++word) text += " and the cat sat";
      write_file_atomically(elsewhere("texts") / ("t" + std::to_string(i) + ".txt"), text);
    }
  }
  [[nodiscard]] std::string texts() const { return "'" + elsewhere("texts").string() + "'"; }

  /// The files of a folder and what is in them; of the index what does not depend on time.
  static std::map<std::string, std::string> contents(const fs::path& folder) {
    std::map<std::string, std::string> all;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      if (!entry.is_directory()) all[entry.path().filename().string()] = read_file(entry.path());
    }
    std::string index;
    for (const std::string& line : lines(all["index.jsonl"])) {
      nlohmann::json json = nlohmann::json::parse(line);
      json.erase("ms");
      index += json.dump() + "\n";
    }
    all["index.jsonl"] = index;
    return all;
  }
};

TEST_F(BatchCli, PrintsTheFilesOfAllTextsAndTellsTheRestOnStandardError) {
  write_texts(3);
  const Outcome outcome =
      run("batch " + texts() + " --out-dir out --figures last --dpi 40 --head-report");
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.out, "out/index.jsonl\nout/heads.json\nout/heads.safetensors\n");
  EXPECT_NE(outcome.err.find("3 texts: 3 done"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("slowest: "), std::string::npos) << outcome.err;
  EXPECT_TRUE(fs::exists(work() / "out/t2_attention_last_layer_detailed.png"));
  const Outcome quiet = run("batch " + texts() + " --out-dir q --figures none --quiet");
  EXPECT_EQ(quiet.err, "");
}

TEST_F(BatchCli, HelpFitsEightyColumnsAndHasExamples) {
  for (const char* command : {"batch", "merge"}) {
    const Outcome outcome = run(std::string(command) + " --help");
    EXPECT_EQ(outcome.status, 0);
    EXPECT_NE(outcome.out.find("Examples:"), std::string::npos);
    for (const std::string& line : lines(outcome.out)) EXPECT_LE(line.size(), 80U) << line;
  }
}

TEST_F(BatchCli, ReadsListsAndStandardInput) {
  write_texts(3);
  const std::string list = "find " + texts() + " -name '*.txt' -print0 |";
  const std::string rest = " --out-dir out --figures none";
  EXPECT_EQ(run("batch --files-from - -0" + rest, list).status, 0);
  EXPECT_EQ(lines(read_file(work() / "out/index.jsonl")).size(), 3U);
  EXPECT_EQ(run("batch - --per-line" + rest, "printf 'one\\ntwo\\n' |").status, 0);
  const auto index = lines(read_file(work() / "out/index.jsonl"));
  ASSERT_EQ(index.size(), 2U);
  EXPECT_EQ(nlohmann::json::parse(index[1])["name"], "stdin_000002");
}

TEST_F(BatchCli, ADryRunListsItAllAndWritesNothing) {
  write_texts(2);
  const Outcome outcome = run("batch " + texts() + " --out-dir out --figures grid --dry-run");
  EXPECT_EQ(outcome.status, 0);
  const std::string folder = elsewhere("texts").string();
  EXPECT_EQ(outcome.out, folder + "/t0.txt: to do\n  out/t0_attention_all_layers_heads.png\n" +
                             folder + "/t1.txt: to do\n  out/t1_attention_all_layers_heads.png\n");
  EXPECT_TRUE(fs::is_empty(work()));
}

TEST_F(BatchCli, BadTextsAreListedAndTheStatusIsOne) {
  write_texts(2);
  for (int i = 0; i < 25; ++i) {
    write_file_atomically(elsewhere("texts") / ("empty" + std::to_string(i) + ".txt"), "");
  }
  const Outcome outcome = run("batch " + texts() + " --out-dir out --figures none");
  EXPECT_EQ(outcome.status, 1);
  EXPECT_NE(outcome.err.find("empty0.txt: the text is empty"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("and 5 more that failed; index.jsonl has them all"), std::string::npos)
      << outcome.err;
  EXPECT_NE(outcome.err.find("27 texts: 2 done, 25 failed"), std::string::npos) << outcome.err;
}

TEST_F(BatchCli, WrongUsageIsOneLine) {
  write_texts(2);
  expect_failure(run("batch --out-dir out"), 2, "there is no input");
  expect_failure(run("batch " + texts() + "/t0.txt " + texts() + "/t0.txt --out-dir out"), 2,
                 "would both write to");
  expect_failure(run("batch " + texts() + " --out-dir out --shard 3/2"), 2, "no shard 3 of 2");
  expect_failure(run("batch " + texts() + " --out-dir out --max-memory 9MB"), 2,
                 "raise --max-memory");
}

TEST_F(BatchCli, SlurmsArrayIsTheDefaultShard) {
  write_texts(5);
  const std::string rest = " --figures none --head-report";
  EXPECT_EQ(run("batch " + texts() + " --out-dir one" + rest).status, 0);
  for (const char* id : {"4", "5"}) {
    const Outcome outcome = run(
        "batch " + texts() + " --out-dir s" + id + rest,
        "SLURM_ARRAY_TASK_MIN=4 SLURM_ARRAY_TASK_COUNT=2 SLURM_ARRAY_TASK_ID=" + std::string(id) +
            " ");
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_NE(outcome.err.find("of 2, by Slurm's array variables"), std::string::npos);
  }
  const Outcome merged = run("merge s4 s5 -o all");
  EXPECT_EQ(merged.status, 0) << merged.err;
  EXPECT_EQ(merged.out, "all/index.jsonl\nall/heads.json\nall/heads.safetensors\n");
  EXPECT_EQ(read_file(work() / "all/heads.json"), read_file(work() / "one/heads.json"));
  const Outcome pod = run("batch " + texts() + " --out-dir p", "JOB_COMPLETION_INDEX=0 ");
  EXPECT_EQ(pod.status, 2);
  EXPECT_NE(pod.err.find("--shard /N"), std::string::npos) << pod.err;
}

TEST_F(BatchCli, AFullDiskStopsInOrderAndTheRestIsDoneLater) {
  write_texts(6);
  const std::string command = "batch " + texts() + " --figures last --dpi 60 --out-dir ";
  // A limit on the size of files fails as a full disk does: after some bytes, with an error.
  const Outcome full = run(command + "out", "trap '' XFSZ; ulimit -f 16; ");
  EXPECT_EQ(full.status, 1);
  EXPECT_NE(full.err.find("stopped before the end: cannot write"), std::string::npos) << full.err;
  for (const auto& entry : fs::directory_iterator(work() / "out")) {
    if (entry.path().extension() != ".png") continue;
    EXPECT_FALSE(cv::imread(entry.path().string()).empty()) << entry.path();
  }
  EXPECT_EQ(run(command + "out").status, 0);
  EXPECT_EQ(run(command + "whole").status, 0);
  EXPECT_EQ(contents(work() / "out"), contents(work() / "whole"));
}

TEST_F(BatchCli, InterruptedItStopsInOrder) {
  write_texts(30);
  const std::string command = "batch " + texts() + " --figures grid --dpi 60 --out-dir ";
  const Outcome stopped = interrupt(command + "out --verbose");
  EXPECT_EQ(stopped.status, 1) << stopped.err;
  EXPECT_NE(stopped.err.find("stopped before the end: interrupted"), std::string::npos)
      << stopped.err;
  EXPECT_FALSE(fs::exists(work() / "out/.index.journal"));
  EXPECT_EQ(run(command + "out").status, 0);
  EXPECT_EQ(run(command + "whole").status, 0);
  EXPECT_EQ(contents(work() / "out"), contents(work() / "whole"));
}

// Kills the program at random points, again and again, until it has done all: nothing is half, and
// in the end all is as if nothing had happened. ATTNVIZ_KILLS says how many such runs (default 2).
TEST_F(BatchCli, KilledAtAnyMomentItLosesNothing) {
  constexpr int kTexts = 24;
  write_texts(kTexts);
  write_file_atomically(elsewhere("texts/bad.txt"), "caf\xe9");
  const std::vector<std::string> arguments = {
      ATTNVIZ_PROGRAM, "batch", elsewhere("texts").string(), "--figures",     "average,last",
      "--dpi",         "60",    "--save-attention",          "--head-report", "--quiet"};
  const auto start = [&](const fs::path& out) {
    std::vector<std::string> words = arguments;
    words.insert(words.end(), {"--out-dir", out.string()});
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t silent;
    ::posix_spawn_file_actions_init(&silent);
    for (const int file : {1, 2}) {
      ::posix_spawn_file_actions_addopen(&silent, file, "/dev/null", O_WRONLY, 0);
    }
    pid_t program = 0;
    EXPECT_EQ(::posix_spawn(&program, argv[0], &silent, nullptr, argv.data(), environ), 0);
    ::posix_spawn_file_actions_destroy(&silent);
    return program;
  };
  const auto is_over = [](pid_t program) { return ::waitpid(program, nullptr, WNOHANG) != 0; };
  ::waitpid(start(work() / "whole"), nullptr, 0);
  const auto whole = contents(work() / "whole");
  ASSERT_EQ(whole.size(), 4 * kTexts + 4U);

  const char* wanted = std::getenv("ATTNVIZ_KILLS");
  const int n_runs = wanted != nullptr ? std::atoi(wanted) : 2;
  std::mt19937 random(0);
  int n_kills = 0;
  for (int run = 0; run < n_runs; ++run) {
    const fs::path out = work() / ("out" + std::to_string(run));
    fs::create_directories(out);
    for (bool is_done = false; !is_done;) {
      const pid_t program = start(out);
      // A random number of new files, then a random number of looks: some point in between.
      const auto count = [&] { return std::distance(fs::directory_iterator(out), {}); };
      const auto files = count() + std::int64_t(random() % 30);
      const int looks = int(random() % 300);
      while (!(is_done = is_over(program)) && count() < files) std::this_thread::yield();
      for (int look = 0; look < looks && !is_done; ++look) is_done = is_over(program);
      if (is_done) break;
      ::kill(program, SIGKILL);
      ::waitpid(program, nullptr, 0);
      ++n_kills;
      for (const auto& entry : fs::directory_iterator(out)) {
        std::string name = entry.path().filename().string();
        // A whole file may still have its temporary name, .NAME.01234567.tmp.
        if (name.ends_with(".tmp")) name = name.substr(1, name.size() - 14);
        if (name == ".index.journal" || name == "heads.safetensors") continue;
        ASSERT_EQ(whole.count(name), 1U) << name;
        if (name == "heads.json" || name == "index.jsonl") continue;
        ASSERT_TRUE(read_file(entry.path()) == whole.at(name)) << name;
      }
    }
    const auto found = contents(out);
    ASSERT_EQ(found.size(), whole.size());
    for (const auto& [name, bytes] : whole) ASSERT_TRUE(found.at(name) == bytes) << name;
    fs::remove_all(out);
  }
  EXPECT_GT(n_kills, n_runs);
  RecordProperty("kills", n_kills);
}

}  // namespace
}  // namespace attnviz
