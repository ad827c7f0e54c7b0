// attnviz heads as a user meets it.
#include <fstream>
#include <nlohmann/json.hpp>
#include <opencv2/imgcodecs.hpp>
#include <regex>

#include "hand_made_gpt.h"
#include "program.h"
#include "text/small_vocabulary.h"

namespace attnviz {
namespace {

class HeadsCli : public Cli {
 protected:
  HeadsCli() {
    vocabulary_.write();
    save_gpt(hand_made_gpt(), {}, elsewhere("hand.pt"), Precision::single);
    for (int i = 0; i < 2; ++i) {
      std::string text = i == 0 ? "abcdefghijklmnopqrst" : "tsrqponmlkjihgfedcba";
      std::ofstream(elsewhere("text" + std::to_string(i) + ".txt")) << text + text << '\n';
    }
  }

  [[nodiscard]] std::string hand_made() const {
    return " --model '" + elsewhere("hand.pt").string() + "' --vocab '" +
           vocabulary_.folder.string() + "' ";
  }
  [[nodiscard]] std::string files() const {
    return " --file '" + elsewhere("text0.txt").string() + "' '" + elsewhere("text1.txt").string() +
           "' ";
  }

  SmallVocabulary vocabulary_;
};

TEST_F(HeadsCli, PrintsATableThatFitsEightyColumnsAndAnswers) {
  const Outcome outcome = run("heads" + hand_made() + files());
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.err, "");
  EXPECT_TRUE(std::regex_search(outcome.out, std::regex("\nL0H0 +previous-token .*1\\.00")));
  EXPECT_TRUE(std::regex_search(outcome.out, std::regex("\nL1H0 +induction .*1\\.00")));
  EXPECT_NE(outcome.out.find("Are heads dead?"), std::string::npos);
  EXPECT_EQ(outcome.out.find('\033'), std::string::npos) << "colours belong on a terminal";
  for (const std::string& line : lines(outcome.out)) EXPECT_LE(line.size(), 80U) << line;
  EXPECT_TRUE(fs::is_empty(work()));
}

TEST_F(HeadsCli, SortsAndChooses) {
  const Outcome sorted = run("heads --sort induction --quiet" + hand_made() + files());
  EXPECT_LT(sorted.out.find("\nL1H0"), sorted.out.find("\nL0H0"));
  const Outcome only = run("heads --only induction" + hand_made() + files());
  EXPECT_NE(only.out.find("\nL1H0"), std::string::npos);
  EXPECT_EQ(only.out.find("\nL0H0"), std::string::npos);
  const Outcome strict =
      run("heads --only induction --threshold induction=1.1" + hand_made() + files());
  EXPECT_EQ(strict.out.find("\nL1H0  induction"), std::string::npos);
}

TEST_F(HeadsCli, ExplainsInSentences) {
  const Outcome outcome = run("heads --explain --only induction" + hand_made() + files());
  EXPECT_NE(outcome.out.find("L1H0 matches the induction pattern on repeated random tokens (1.00"),
            std::string::npos)
      << outcome.out;
}

TEST_F(HeadsCli, JsonOfSeveralModelsIsAnArrayAndCsvHasThemAll) {
  const std::string model = " '" + elsewhere("hand.pt").string() + "' ";
  const std::string two = " --model" + model + model + "--vocab '" + vocabulary_.folder.string() +
                          "' " + files() + " --importance none";
  const auto json = nlohmann::json::parse(run("heads --json" + two).out);
  ASSERT_TRUE(json.is_array());
  EXPECT_EQ(json.size(), 2U);
  EXPECT_EQ(lines(run("heads --csv" + two).out).size(), 9U);
  EXPECT_NE(run("heads" + two).out.find("Since hand.pt: no label, flag or score moved"),
            std::string::npos);
}

TEST_F(HeadsCli, NaiveEntropyAndDetectHeadAreThereWhenAskedFor) {
  const std::string common = hand_made() + files() + "--importance none --json";
  const auto scores = [&](const std::string& options) {
    return nlohmann::json::parse(run("heads " + options + common).out)["heads"][1]["scores"];
  };
  EXPECT_FALSE(scores("").contains("naive-entropy"));
  double expected = 0;  // of even attention to 40 tokens: ln(40!) / 40
  for (int n = 1; n <= 40; ++n) expected += std::log(n) / 40;
  EXPECT_NEAR(scores("--entropy naive")["naive-entropy"]["mean"].get<double>(), expected, 1e-5);
  EXPECT_TRUE(scores("--scores tl-induction-mul").contains("tl-induction-mul"));
}

TEST_F(HeadsCli, ComparesWithAnOlderReport) {
  const std::string common = hand_made() + files() + "--importance none ";
  auto older = nlohmann::json::parse(run("heads --json" + common).out);
  older["heads"][2]["scores"]["induction"]["mean"] = 0.5;
  std::ofstream(elsewhere("old.json")) << older;
  const Outcome outcome = run("heads --compare '" + elsewhere("old.json").string() + "'" + common);
  EXPECT_EQ(outcome.status, 0);
  EXPECT_NE(outcome.out.find("L1H0 induction: 0.50 -> 1.00"), std::string::npos) << outcome.out;
  std::ofstream(elsewhere("old.json")) << "{}";
  expect_failure(run("heads --json" + common + "--compare x"), 2, "excludes");
  EXPECT_EQ(run("heads --compare '" + elsewhere("old.json").string() + "'" + common).status, 1);
}

TEST_F(HeadsCli, ABadFileIsReportedTheRestGoesOnAndTheStatusIsOne) {
  const Outcome outcome = run("heads --json --importance none" + hand_made() + files() + " '" +
                              elsewhere("gone.txt").string() + "'");
  EXPECT_EQ(outcome.status, 1);
  EXPECT_NE(outcome.err.find("gone.txt"), std::string::npos);
  EXPECT_EQ(nlohmann::json::parse(outcome.out)["texts"]["n"], 2);
}

TEST_F(HeadsCli, APipeServesAsAFile) {
  const std::string pipe = "'" + elsewhere("pipe").string() + "'";
  const Outcome outcome =
      run("heads --json --importance none" + hand_made() + "--file " + pipe,
          "mkfifo " + pipe + "; cat '" + elsewhere("text0.txt").string() + "' > " + pipe + " & ");
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(nlohmann::json::parse(outcome.out)["texts"]["longest"], 40);
}

TEST_F(HeadsCli, OutputThatCannotBeWrittenIsAFailureOfAnyCommand) {
  for (const char* command : {"heads --list scores", "info"}) {
    const Outcome outcome = run(std::string(command) + " >/dev/full");
    EXPECT_EQ(outcome.status, 1) << command;
    EXPECT_NE(outcome.err.find("cannot write to standard output"), std::string::npos);
  }
}

TEST_F(HeadsCli, WrongUsageIsTwoAndBadInputOne) {
  const std::string rest = hand_made() + files();
  expect_failure(run("heads --threshold inducton=0.4" + rest), 2, "did you mean induction?");
  expect_failure(run("heads --sort height" + rest), 2, "there is no score height");
  expect_failure(run("heads --only sleepy" + rest), 2, "--only takes one of");
  expect_failure(run("heads --scores prev" + rest), 2, "there is no score prev");
  expect_failure(run("heads --json --csv" + rest), 2, "excludes");
  expect_failure(run("heads --importance much" + rest), 2, "much");
  expect_failure(run("heads --dir nowhere" + hand_made()), 1, "nowhere");
  expect_failure(run("heads ''" + hand_made()), 1, "empty");
}

TEST_F(HeadsCli, DrawsTheSummaryAndOfSeveralModelsTheHistory) {
  const std::string model = " '" + elsewhere("hand.pt").string() + "' ";
  const std::string rest = " --vocab '" + vocabulary_.folder.string() + "' " + files() +
                           "--importance none --out-dir pictures --prefix";
  const Outcome outcome = run("heads --model" + model + model + rest + " hand --dpi 80");
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  for (const char* name : {"hand_head_summary.png", "hand_head_history.png"}) {
    EXPECT_NE(outcome.out.find(std::string("\npictures/") + name + "\n"), std::string::npos);
    EXPECT_GT(cv::imread((work() / "pictures" / name).string()).cols, 300) << name;
  }
  EXPECT_EQ(run("heads --model" + model + rest + " a/b").status, 2);
  EXPECT_EQ(run("heads --model" + model + " --prefix a --out-dir /proc/none").status, 1);
}

TEST_F(HeadsCli, ListsScoresAndThresholds) {
  EXPECT_NE(run("heads --list scores").out.find("previous-token (share)"), std::string::npos);
  EXPECT_NE(run("heads --list thresholds").out.find("induction=0.5"), std::string::npos);
}

}  // namespace
}  // namespace attnviz
