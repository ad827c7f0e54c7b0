// The built program as a user meets it: arguments, both outputs, exit status, and what it drew.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <opencv2/imgcodecs.hpp>

#include "program.h"

namespace attnviz {
namespace {

TEST_F(Cli, DrawsTheThreeFiguresOfAText) {
  const Outcome outcome = run("'To be or not to be, that is the question' --prefix tobe");
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.err, "");
  EXPECT_EQ(outcome.out,
            "./tobe_attention_all_layers_heads.png\n./tobe_attention_avg_per_layer.png\n"
            "./tobe_attention_last_layer_detailed.png\n");
  const cv::Size sizes[] = {{3000, 2250}, {2250, 1500}, {1800, 1200}};
  int i = 0;
  for (const std::string& file : lines(outcome.out)) {
    EXPECT_EQ(cv::imread((work() / file).string()).size(), sizes[i++]) << file;
  }
}

TEST_F(Cli, DrawsTheTwoExamplesWithoutAText) {
  const Outcome outcome = run("--dpi 40");
  EXPECT_EQ(outcome.status, 0);
  ASSERT_EQ(lines(outcome.out).size(), 6U);
  EXPECT_EQ(lines(outcome.out)[0], "./tobe_attention_all_layers_heads.png");
  EXPECT_EQ(lines(outcome.out)[5], "./cat_attention_last_layer_detailed.png");
}

TEST_F(Cli, TheShowCommandIsTheSame) {
  const Outcome a = run("'The cat' --prefix a --dpi 40");
  const Outcome b = run("show 'The cat' --prefix b --dpi 40");
  EXPECT_EQ(b.status, 0);
  EXPECT_EQ(read_file(work() / lines(a.out).at(0)), read_file(work() / lines(b.out).at(0)));
}

TEST_F(Cli, ReadsStandardInputAndFiles) {
  const Outcome piped = run("- --json --dpi 40", "printf 'The cat\\n' |");
  std::ofstream(elsewhere("text.txt")) << "The cat\n";
  const Outcome file = run("--file '" + elsewhere("text.txt").string() + "' --json --dpi 40");
  for (const Outcome& outcome : {piped, file}) {
    EXPECT_EQ(outcome.status, 0);
    EXPECT_EQ(nlohmann::json::parse(outcome.out)["ids"], (std::vector<int>{464, 3797}));
  }
}

TEST_F(Cli, MakesItsFolderAndAPrefixFromTheText) {
  const Outcome outcome = run("'The cat sat.' --out-dir 'new folder/pictures' --dpi 40");
  EXPECT_EQ(outcome.status, 0);
  EXPECT_TRUE(
      fs::exists(work() / "new folder/pictures/the_cat_sat_attention_all_layers_heads.png"));
}

TEST_F(Cli, SaysWhatItCut) {
  const Outcome outcome = run("'The cat sat on the mat' --max-tokens 2 --dpi 40 --prefix cat");
  EXPECT_EQ(outcome.status, 0);
  EXPECT_NE(outcome.err.find("the last 4 were cut"), std::string::npos) << outcome.err;
  EXPECT_EQ(run("'The cat sat on the mat' --max-tokens 2 --dpi 40 --quiet").err, "");
}

TEST_F(Cli, VersionAndHelpGoToStandardOutput) {
  const Outcome version = run("--version");
  EXPECT_EQ(version.status, 0);
  EXPECT_NE(version.out.find("LibTorch "), std::string::npos);
  EXPECT_NE(version.out.find("OpenCV "), std::string::npos);
  for (const char* arguments : {"--help", "show --help", "heads --help", "train --help"}) {
    const Outcome help = run(arguments);
    EXPECT_EQ(help.status, 0);
    EXPECT_EQ(help.err, "");
    for (const std::string& line : lines(help.out)) EXPECT_LE(line.size(), 80U) << line;
  }
  EXPECT_NE(run("--help").out.find("Examples"), std::string::npos);
}

TEST_F(Cli, HelpAndWrongUsageNeedNothingBesideTheProgram) {
  EXPECT_EQ(run_alone("--help").out, run("--help").out);
  EXPECT_EQ(run_alone("--version").out, run("--version").out);
  EXPECT_EQ(run_alone("heads --help").out, run("heads --help").out);
  expect_failure(run_alone("--dpi 3"), 2, "--dpi");
  expect_failure(run_alone("'The cat'"), 1, "attnviz is not whole: attnviz-commands.so");
}

TEST_F(Cli, WrongUsageIsTwo) {
  expect_failure(run("'a text' --no-such-option"), 2, "--no-such-option");
  expect_failure(run("The cat sat"), 2, "cat");
  expect_failure(run("'a text' --scale loud"), 2, "loud");
  expect_failure(run("'a text' --format gif"), 2, "gif");
  expect_failure(run("'a text' --prefix ''"), 2, "prefix");
  expect_failure(run("'a text' --prefix a/b"), 2, "--out-dir");
  expect_failure(run("--prefix p"), 2, "--prefix needs");
  expect_failure(run("--file ''"), 2, "--file");
  expect_failure(run("'a text' --model ''"), 2, "--model");
  expect_failure(run("'a text' --scale 3"), 2, "--scale");
  expect_failure(run("train"), 2, "--text");
}

TEST_F(Cli, BadInputIsOneLineAndStatusOne) {
  expect_failure(run("''"), 1, "empty");
  expect_failure(run("\"$(printf 'a\\377b')\""), 1, "UTF-8");
  expect_failure(run("'a text' --model /no/such/model.pt"), 1, "/no/such/model.pt");
  expect_failure(run("'a text' --model /etc/passwd"), 1, "not a TorchScript file");
  expect_failure(run("'a text' --vocab /no/such/folder"), 1, "/no/such/folder");
  expect_failure(run("--file /no/such/text"), 1, "/no/such/text");
  expect_failure(run("'a text' --layers 6"), 2, "there are layers 0 to 5");
  expect_failure(run("'a text' --heads 0,8"), 2, "there are heads 0 to 7");
  expect_failure(run("'a text' --out-dir /proc/nowhere"), 1, "/proc/nowhere");
  expect_failure(run("'a text' --device nonsense"), 1, "nonsense");
  expect_failure(run("--file '" + elsewhere("long").string() + "'",
                     "yes word | head -n 2000 >'" + elsewhere("long").string() + "';"),
                 1, "--max-tokens 1024");
}

TEST_F(Cli, AFullDiskLeavesNothingBehind) {
  // The largest file that may be written, in blocks of 512 or 1024 bytes: less than any picture.
  expect_failure(run("'a text' --prefix a", "trap '' XFSZ; ulimit -f 8;"), 1, "cannot write");
}

TEST_F(Cli, ADiskThatFillsUpLaterLeavesNothingBehindEither) {
  // Enough for the smaller pictures, not for the largest.
  expect_failure(run("'To be or not to be' --prefix a", "trap '' XFSZ; ulimit -f 120;"), 1,
                 "cannot write");
}

TEST_F(Cli, ListsOfHeadsLeaveTheTextAlone) {
  const Outcome outcome = run("--layers 1,2 'hi there' --dpi 40 --prefix p");
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(lines(outcome.out).at(0), "./p_layer_1_2_attention_all_layers_heads.png");
}

TEST_F(Cli, ImportsACheckpointAndSaysWhatItIs) {
  const std::string data = ATTNVIZ_TEST_DATA "/checkpoints/";
  const std::string model = elsewhere("imported.pt").string();
  const Outcome imported = run("import " + data + "nanogpt/ckpt.pt -o '" + model + "'");
  EXPECT_EQ(imported.status, 0) << imported.err;
  EXPECT_EQ(imported.out, model + "\n");
  EXPECT_NE(imported.err.find("nanoGPT"), std::string::npos) << imported.err;
  const auto info = nlohmann::json::parse(run("info --json '" + model + "'").out);
  EXPECT_EQ(info["heads"], (std::vector<int>{2, 2, 2}));
  EXPECT_EQ(info["provenance"]["layout"], "nanoGPT");
  EXPECT_EQ(info["weight_sets"], 3);
  const Outcome foreign = run("info " + data + "gpt_transformer/model.pt");
  EXPECT_NE(foreign.out.find("1 set for 3 layers"), std::string::npos) << foreign.out;
  EXPECT_NE(foreign.out.find("another program"), std::string::npos) << foreign.out;
}

TEST_F(Cli, ImportOfWhatIsNoCheckpointLeavesNothing) {
  const std::string model = elsewhere("imported.pt").string();
  const std::string out = " -o '" + model + "'";
  expect_failure(run("import /no/such/file" + out), 1, "/no/such/file");
  expect_failure(run("import /etc/passwd" + out), 1, "/etc/passwd");
  expect_failure(run("import x.pth"), 2, "--out");
  expect_failure(run("import x.pth" + out + " --gelu relu"), 2, "--gelu");
  expect_failure(run("info /etc/passwd"), 1, "/etc/passwd");
  EXPECT_FALSE(fs::exists(model));
}

TEST_F(Cli, VerifyPredictsWhatComesNext) {
  const std::string model = elsewhere("imported.pt").string();
  const std::string data = ATTNVIZ_TEST_DATA "/checkpoints/";
  // Its 19 tokens are the first of GPT-2's: punctuation and digits.
  const Outcome outcome =
      run("import " + data + "nanogpt/ckpt.pt -o '" + model + "' --verify '&%$'");
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(lines(outcome.out).size(), 8U) << outcome.out;
  EXPECT_NE(outcome.out.find("2.944 is chance"), std::string::npos) << outcome.out;  // ln 19
}

TEST_F(Cli, TrainingThatCannotWorkLeavesAnOlderModelAlone) {
  const std::string model = elsewhere("old.pt").string();
  const std::string text = elsewhere("text.txt").string();
  std::ofstream(model) << "an older model";
  std::ofstream(text) << std::string(2000, 'a') << " and " << std::string(2000, 'b');
  const std::string train = "train --text '" + text + "' --out '" + model + "' ";
  expect_failure(run(train + "--context 4"), 2, "context");
  expect_failure(run(train + "--context 2000"), 2, "--context");
  expect_failure(run(train + "--context 64 --batch-tokens 40"), 2, "--batch-tokens");
  expect_failure(run(train + "--learning-rate -1"), 2, "--learning-rate");
  EXPECT_EQ(read_file(model), "an older model");
}

TEST_F(Cli, TrainsSavesAndShowsItsOwnModel) {
  std::ofstream text(elsewhere("text.txt"));
  for (int i = 0; i < 300; ++i) text << "the cat sat on the mat, and then ";
  text.close();
  const std::string model = elsewhere("mine.pt").string();
  const Outcome trained =
      run("train --text '" + elsewhere("text.txt").string() + "' --out '" + model +
          "' --layers 2 --heads 3 --d-model 12 --context 16 --batch-tokens 64 --steps 6");
  EXPECT_EQ(trained.status, 0) << trained.err;
  EXPECT_EQ(trained.out, model + "\n");
  EXPECT_NE(trained.err.find("held-out loss"), std::string::npos) << trained.err;
  const Outcome shown = run("'the cat sat' --json --dpi 40 --model '" + model + "'");
  EXPECT_EQ(nlohmann::json::parse(shown.out)["heads"], (std::vector<int>{3, 3})) << shown.err;

  const std::string more = "train --from '" + model + "' --text '" +
                           elsewhere("text.txt").string() + "' --out '" +
                           elsewhere("more.pt").string() + "' --context 16 --batch-tokens 64 ";
  EXPECT_EQ(run(more + "--steps 2").status, 0);
  const Outcome info = run("info --json '" + elsewhere("more.pt").string() + "'");
  EXPECT_EQ(nlohmann::json::parse(info.out)["heads"], (std::vector<int>{3, 3})) << info.err;
  EXPECT_EQ(run(more + "--layers 3").status, 2);
}

TEST_F(Cli, ASignalDuringTrainingSavesWhatThereIs) {
  std::ofstream text(elsewhere("text.txt"));
  for (int i = 0; i < 300; ++i) text << "the cat sat on the mat, and then ";
  text.close();
  const std::string model = elsewhere("mine.pt").string();
  const Outcome outcome = interrupt(
      "train --text '" + elsewhere("text.txt").string() + "' --out '" + model +
      "' --layers 1 --heads 2 --d-model 8 --context 16 --batch-tokens 64 --steps 1000000");
  EXPECT_EQ(outcome.status, 1) << outcome.err;
  EXPECT_NE(outcome.err.find("interrupted"), std::string::npos) << outcome.err;
  EXPECT_EQ(outcome.out, model + "\n");
  EXPECT_EQ(run("'the cat' --dpi 40 --model '" + model + "'").status, 0);
}

}  // namespace
}  // namespace attnviz
