// Texts, names and paths that are legal, if unusual.
#include <nlohmann/json.hpp>
#include <opencv2/imgcodecs.hpp>

#include "cli/program.h"

namespace attnviz {
namespace {

class Odd : public Cli {
 protected:
  /// Draws the text, in shell quotes, and gives what --json says.
  nlohmann::json drawn(const std::string& text, const std::string& options = "") {
    const Outcome outcome = run(text + " --prefix odd --dpi 40 --json " + options);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(outcome.err, "");
    for (const unsigned char byte : outcome.out) EXPECT_TRUE(byte >= 0x20 || byte == '\n');
    const auto json = nlohmann::json::parse(outcome.out);
    EXPECT_EQ(json["files"].size(), 3U);
    for (const auto& entry : fs::recursive_directory_iterator(work())) {
      if (entry.is_directory()) continue;
      // OpenCV opens no path that is no UTF-8 on some systems.
      const std::string bytes = read_file(entry.path());
      EXPECT_FALSE(cv::imdecode(std::vector<char>(bytes.begin(), bytes.end()), 1).empty());
    }
    return json;
  }
};

TEST_F(Odd, OneToken) {
  EXPECT_EQ(drawn("a")["ids"].size(), 1U);
}

TEST_F(Odd, RightToLeftTextAndJoiners) {
  (void)drawn("'שלום עולם, مرحبا \u200f\u202b'");
  (void)drawn("'👩\u200d👩\u200d👧\u200d👦 \ufeff\u200b\u0301\u0301\u0301'");
}

TEST_F(Odd, ControlCharacters) {
  const auto json = drawn("\"$(printf 'a\\033[31mred\\a\\b\\r\\t\\177\\302\\205 \\001end')\"");
  EXPECT_GT(json["ids"].size(), 10U);
}

TEST_F(Odd, PathsWithSpacesNewlinesAndBytesThatAreNoUtf8) {
  const std::string folder = "\"$(printf 'a b\\nc \\377\\033[31m')\"";
  (void)drawn("'a text'", "--out-dir " + folder);
  EXPECT_TRUE(fs::exists(work() / "a b\nc \xff\x1b[31m" / "odd_attention_avg_per_layer.png"));
  write_file_atomically(elsewhere("d e\n\xff") / "t \xfe\n.txt", "some text");
  const Outcome batch = run("batch \"$(printf '" + elsewhere("d e").string() +
                            "\\n\\377')\" --out-dir out --figures last --dpi 40");
  EXPECT_EQ(batch.status, 0) << batch.err;
  EXPECT_TRUE(fs::exists(work() / "out/t \xfe\n_attention_last_layer_detailed.png"));
  const auto line = nlohmann::json::parse(read_file(work() / "out/index.jsonl"));
  EXPECT_EQ(line["tokens"], 2);
}

TEST_F(Odd, TenMegabytesOfText) {
  std::string text;
  while (text.size() < 10'000'000) text += "To be, or not to be: that is the question.\n";
  write_file_atomically(elsewhere("long.txt"), text);
  const std::string file = "--file '" + elsewhere("long.txt").string() + "'";
  const Outcome whole = run(file + " --prefix long");
  expect_failure(whole, 1, "--max-tokens 1024");
  EXPECT_EQ(run(file + " --prefix long --max-tokens 60 --dpi 40 --quiet").status, 0);
}

TEST_F(Odd, ALocaleOfTheUserChangesNothing) {
  const auto plain = drawn("'a text'");
  const std::string expected = read_file(work() / "odd_attention_avg_per_layer.png");
  (void)run("'a text' --prefix odd --dpi 40", "export LC_ALL=de_DE.UTF-8 LANGUAGE=de;");
  EXPECT_TRUE(read_file(work() / "odd_attention_avg_per_layer.png") == expected);
}

}  // namespace
}  // namespace attnviz
