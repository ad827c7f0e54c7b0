#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "attnviz/error.h"
#include "attnviz/file.h"
#include "attnviz/run.h"
#include "test_models.h"

namespace attnviz {
namespace {

namespace fs = std::filesystem;

/// GPT-2's vocabulary, but few weights: quick to load and to run.
fs::path small_model(const TemporaryFolder& folder) {
  GptConfig config = tiny_gpt();
  config.vocabulary_size = 50257;
  const auto path = folder.path() / "small.pt";
  save_gpt(build_gpt(config, 0), {config, {}}, path, Precision::half);
  return path;
}

ShowOptions options_in(const TemporaryFolder& folder) {
  ShowOptions options;
  options.model = small_model(folder);
  options.vocabulary = ATTNVIZ_SOURCE_DIR "/vocab/gpt2";
  options.out_dir = folder.path() / "pictures";
  options.figure.dpi = 40;
  return options;
}

TEST(Show, WritesTheThreeFiguresAndNothingElse) {
  const TemporaryFolder folder;
  const ShowOptions options = options_in(folder);
  const Shown shown = visualize_attention("The cat sat on the mat", "cat", options);
  const std::vector<fs::path> expected = {
      options.out_dir / "cat_attention_all_layers_heads.png",
      options.out_dir / "cat_attention_avg_per_layer.png",
      options.out_dir / "cat_attention_last_layer_detailed.png"};
  EXPECT_EQ(shown.files, expected);
  for (const fs::path& file : expected) EXPECT_GT(fs::file_size(file), 1000U);
  EXPECT_EQ(std::distance(fs::directory_iterator(options.out_dir), {}), 3);
  EXPECT_EQ(shown.ids, (TokenIds{464, 3797, 3332, 319, 262, 2603}));
  EXPECT_EQ(shown.tokens[1], "·cat");
  EXPECT_EQ(shown.n_heads, (std::vector<std::int64_t>{4, 4}));
}

TEST(Show, TheSameInputGivesTheSameBytes) {
  const TemporaryFolder a, b;
  const Shown first = visualize_attention("The cat sat", "cat", options_in(a));
  const Shown second = visualize_attention("The cat sat", "cat", options_in(b));
  for (std::size_t i = 0; i < first.files.size(); ++i) {
    EXPECT_EQ(read_file(first.files[i]), read_file(second.files[i])) << first.files[i];
  }
}

TEST(Show, ChosenLayersAndHeadsAreInTheNames) {
  const TemporaryFolder folder;
  ShowOptions options = options_in(folder);
  options.figure.choice.layers = {0};
  options.figure.choice.heads = {3};
  const Shown shown = visualize_attention("The cat", "cat", options);
  EXPECT_EQ(shown.files[2].filename(), "cat_layer_0_head_3_attention_last_layer_detailed.png");
}

TEST(Show, CutsAtMaxTokensAndSaysSo) {
  const TemporaryFolder folder;
  ShowOptions options = options_in(folder);
  options.max_tokens = 4;
  const Shown shown = visualize_attention("The cat sat on the mat", "cat", options);
  EXPECT_EQ(shown.ids.size(), 4U);
  EXPECT_EQ(shown.n_tokens_cut, 2U);
  EXPECT_EQ(shown.text, "The cat sat on");
}

TEST(Show, RefusesTextsThatAreNone) {
  const TemporaryFolder folder;
  Visualizer visualizer(options_in(folder));
  EXPECT_THROW(visualizer.show("", "p"), TextError);
  EXPECT_THROW(visualizer.show("a\xff", "p"), TextError);
  EXPECT_THROW(visualizer.show("a", ""), UsageError);
  EXPECT_THROW(visualizer.show("a", "../b"), UsageError);
}

TEST(Show, LeavesNothingWhereAFigureCannotBeWritten) {
  const TemporaryFolder folder;
  ShowOptions options = options_in(folder);
  options.out_dir = folder.path() / "small.pt";  // a file
  EXPECT_THROW(visualize_attention("The cat", "cat", options), FileError);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1);
}

TEST(Json, HoldsWhatWasMade) {
  const TemporaryFolder folder;
  const ShowOptions options = options_in(folder);
  const auto json =
      nlohmann::json::parse(to_json(visualize_attention("To be \"or\" not", "tobe", options)));
  EXPECT_EQ(json["text"], "To be \"or\" not");
  EXPECT_EQ(json["ids"].size(), json["tokens"].size());
  EXPECT_EQ(json["layers"], 2);
  EXPECT_EQ(json["heads"], (std::vector<int>{4, 4}));
  EXPECT_EQ(json["files"].size(), 3U);
  EXPECT_GT(json["timings_ms"]["attention"].get<double>(), 0);
}

TEST(Safetensors, HoldsThePatternsBitForBit) {
  const TemporaryFolder folder;
  ShowOptions options = options_in(folder);
  options.save_attention = folder.path() / "attention.safetensors";
  const Shown shown = visualize_attention("The cat sat", "cat", options);
  EXPECT_EQ(shown.files.back(), options.save_attention);
  const std::string bytes = read_file(options.save_attention);
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  EXPECT_EQ(length % 8, 0U);
  const auto header = nlohmann::json::parse(bytes.substr(8, length));
  EXPECT_EQ(header["__metadata__"]["attnviz:text"], "The cat sat");
  const auto& entry = header["layer_1"];
  EXPECT_EQ(entry["dtype"], "F32");
  EXPECT_EQ(entry["shape"], (std::vector<int>{4, 3, 3}));
  const auto expected = Model(options.model).capture(shown.ids).at(1).contiguous();
  const std::size_t start = 8 + length + entry["data_offsets"][0].get<std::size_t>();
  EXPECT_EQ(std::memcmp(bytes.data() + start, expected.data_ptr(), expected.nbytes()), 0);
  const std::size_t end = header["ids"]["data_offsets"][1].get<std::size_t>();
  EXPECT_EQ(8 + length + end, bytes.size());
}

TEST(PrefixFrom, IsMadeOfTheTextsWords) {
  EXPECT_EQ(prefix_from("To be, or not to be?"), "to_be_or_not_to_be");
  EXPECT_EQ(prefix_from("../../etc/passwd"), "etc_passwd");
}

TEST(PrefixFrom, SaysWhereItLeftSomethingOut) {
  const std::string a = prefix_from("a very long text that goes on and on until it is cut here");
  const std::string b = prefix_from("a very long text that goes on and on until it is cut there");
  EXPECT_NE(a, b);
  EXPECT_LE(a.size(), 50U);
  EXPECT_EQ(a.rfind("a_very_long_text_that_goes_on_and_on", 0), 0U);
  EXPECT_NE(prefix_from("日本"), prefix_from("中国"));
  EXPECT_EQ(prefix_from("日本").rfind("text_", 0), 0U);
}

}  // namespace
}  // namespace attnviz
