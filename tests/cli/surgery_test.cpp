// attnviz prune, reset and finetune as a user meets them.
#include <fstream>
#include <nlohmann/json.hpp>
#include <opencv2/imgcodecs.hpp>
#include <regex>

#include "hand_made_gpt.h"
#include "program.h"
#include "text/small_vocabulary.h"

namespace attnviz {
namespace {

class SurgeryCli : public Cli {
 protected:
  SurgeryCli() {
    vocabulary_.write();
    save_gpt(hand_made_gpt(), {HandMadeWeights::config(), {}}, elsewhere("hand.pt"),
             Precision::single);
    std::ofstream text(elsewhere("text.txt"));
    for (int i = 0; i < 12; ++i) {
      const std::string letters = i % 2 ? "abcdefghijklmnopqrstuvwx" : "xwvutsrqponmlkjihgfedcba";
      text << letters << letters;
    }
  }

  [[nodiscard]] std::string quoted(const std::string& name) const {
    return " '" + elsewhere(name).string() + "' ";
  }
  /// `prune hand.pt --text text.txt ...`
  [[nodiscard]] std::string on_hand(const std::string& command, const std::string& text) const {
    return command + quoted("hand.pt") + (text.empty() ? "" : "--text" + quoted(text)) +
           "--vocab '" + vocabulary_.folder.string() + "' ";
  }
  static void expect_eighty_columns(const std::string& text) {
    for (const std::string& line : lines(text)) EXPECT_LE(line.size(), 80U) << line;
  }

  SmallVocabulary vocabulary_;
};

TEST_F(SurgeryCli, PruneTellsEachStepAndWritesAModelThatIsShownByItsNames) {
  const Outcome outcome =
      run(on_hand("prune", "text.txt") + "--context 48 --held-out 0.3 -o pruned.pt");
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_NE(outcome.err.find("169 held-out tokens only"), std::string::npos);
  EXPECT_TRUE(std::regex_search(outcome.out, std::regex("\nL0H1 +\\+0\\.0000 .*\\+0\\.0 %\n")));
  EXPECT_NE(outcome.out.find("pruned: 2 of 4 heads, L0H1, L1H1;"), std::string::npos);
  EXPECT_EQ(lines(outcome.out).back(), "pruned.pt");
  expect_eighty_columns(outcome.out);
  const Outcome info = run("info pruned.pt");
  EXPECT_NE(info.out.find("pruned       L0H1, L1H1"), std::string::npos) << info.out;
  const Outcome shown = run("abcabc --model pruned.pt --dpi 40 --prefix a --json --vocab '" +
                            vocabulary_.folder.string() + "'");
  EXPECT_EQ(nlohmann::json::parse(shown.out)["head_numbers"], nlohmann::json::parse("[[0],[0]]"));
}

TEST_F(SurgeryCli, PruneOfHeadsThatMayNotAllGoIsAFailureThatSaysSo) {
  const std::string command = on_hand("prune", "text.txt") + "--context 48 --heads L0H1,L1H0 ";
  const Outcome outcome = run(command + "-o pruned.pt");
  EXPECT_EQ(outcome.status, 1);
  EXPECT_NE(outcome.out.find("stopped there: without L1H0 too"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.err.find("not all of --heads are gone"), std::string::npos);
  EXPECT_EQ(run(command + "-o all.pt --max-loss-increase none").status, 0);
  EXPECT_EQ(run(command + "-o all.pt --max-loss-increase 20").status, 0);
}

TEST_F(SurgeryCli, ADryRunSaysWhatItWouldDo) {
  const Outcome outcome = run(on_hand("prune", "text.txt") + "--context 48 --dry-run");
  EXPECT_EQ(outcome.status, 0);
  EXPECT_NE(outcome.out.find("would be pruned: 2 of 4 heads"), std::string::npos);
  EXPECT_TRUE(fs::is_empty(work()));
}

TEST_F(SurgeryCli, WrongUsageOfSurgeryIsTwo) {
  const std::string prune = on_hand("prune", "");
  expect_failure(run(prune + "--heads L0H9 -o a.pt"), 2, "there is no head L0H9");
  expect_failure(run(prune + "--heads 3 -o a.pt"), 2, "'3' names no head");
  expect_failure(run(prune + "--heads L0H1"), 2, "-o OUT.pt");
  expect_failure(run(prune + "--heads L0H1 --max-loss-increase 2x -o a.pt"), 2, "not 2x");
  expect_failure(run(prune + "--by size -o a.pt"), 2, "size");
  expect_failure(run("reset" + quoted("hand.pt") + "-o a.pt"), 2, "--heads");
  expect_failure(run(on_hand("finetune", "text.txt") + "--heads L0H1 -o a.pt"), 2,
                 "--freeze-others");
  expect_failure(run(on_hand("finetune", "text.txt") + "--resume -o a.pt"), 2,
                 "nothing to go on with");
  expect_failure(run(on_hand("prune", "none.txt") + "-o a.pt"), 1, "none.txt");
  expect_failure(run("reset" + quoted("text.txt") + "--heads L0H1 -o a.pt"), 1, "TorchScript");
}

TEST_F(SurgeryCli, HelpFitsEightyColumnsAndHasExamples) {
  for (const char* command : {"prune", "reset", "finetune"}) {
    const Outcome outcome = run(std::string(command) + " --help");
    EXPECT_EQ(outcome.status, 0);
    EXPECT_NE(outcome.out.find("Examples:"), std::string::npos);
    expect_eighty_columns(outcome.out);
  }
}

TEST_F(SurgeryCli, ResetThenFinetuneDrawsTheHistory) {
  const Outcome reset = run("reset" + quoted("hand.pt") + "--heads L0H1 --seed 3 -o reset.pt");
  EXPECT_EQ(reset.status, 0) << reset.err;
  EXPECT_EQ(lines(reset.out).back(), "reset.pt");
  const Outcome outcome = run("finetune reset.pt --text" + quoted("text.txt") + "--vocab '" +
                              vocabulary_.folder.string() +
                              "' --context 32 --held-out 0.2 --epochs 1 --freeze-others --control" +
                              quoted("hand.pt") + "-o tuned.pt --prefix tuned --dpi 80 --quiet");
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  EXPECT_TRUE(std::regex_search(outcome.out, std::regex("before training: loss held-out [0-9.]+")));
  EXPECT_TRUE(std::regex_search(outcome.out, std::regex("\nepoch 1 of 1: loss train [0-9.]+, ")));
  EXPECT_TRUE(std::regex_search(outcome.out, std::regex("\n  control: loss train ")));
  EXPECT_NE(outcome.out.find("\ntuned.pt\n"), std::string::npos);
  EXPECT_GT(cv::imread((work() / "tuned_head_history.png").string()).cols, 300);
  expect_eighty_columns(outcome.out);
}

TEST_F(SurgeryCli, ASignalDuringFinetuningLeavesACheckpointToGoOnWith) {
  const std::string command =
      on_hand("finetune", "text.txt") + "--context 32 --held-out 0.2 --epochs 400 -o tuned.pt ";
  const Outcome outcome = interrupt(command);
  EXPECT_EQ(outcome.status, 1);
  EXPECT_NE(outcome.err.find("interrupted at step"), std::string::npos) << outcome.err;
  EXPECT_FALSE(fs::exists(work() / "tuned.pt"));
  EXPECT_TRUE(fs::exists(work() / "tuned.pt.checkpoints" / "state"));
  const Outcome again = run(command);
  EXPECT_EQ(again.status, 2);
  EXPECT_NE(again.err.find("go on with --resume"), std::string::npos) << again.err;
}

}  // namespace
}  // namespace attnviz
