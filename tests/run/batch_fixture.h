#pragma once

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "attnviz/batch.h"
#include "attnviz/file.h"
#include "test_models.h"

namespace attnviz {

namespace fs = std::filesystem;

/// A small model of GPT-2's vocabulary, a folder of texts, and a folder for what is made of them.
class BatchTest : public ::testing::Test {
 protected:
  BatchTest() {
    GptConfig config = tiny_gpt();
    config.vocabulary_size = 50257;
    model_ = folder_.path() / "small.pt";
    save_gpt(build_gpt(config, 0), {config, {}}, model_, Precision::half);
  }

  void write_text(const std::string& name, const std::string& text) {
    write_file_atomically(folder_.path() / "texts" / name, text);
  }

  /// n texts of different lengths; the repeats give induction something to score.
  void write_texts(int n) {
    for (int i = 0; i < n; ++i) {
      std::string text;
      for (int word = 0; word < 3 + i * 5 % 23; ++word)
        text += "the cat " + std::to_string(i) + " ";
      write_text("t" + std::to_string(i) + ".txt", text.substr(0, 10 + std::size_t(i * 13 % 60)));
    }
  }

  [[nodiscard]] std::vector<BatchText> texts() const {
    return list_texts({{folder_.path() / "texts"}});
  }

  [[nodiscard]] BatchOptions options(const std::string& out = "out") const {
    BatchOptions options;
    options.show.model = model_;
    options.show.vocabulary = ATTNVIZ_SOURCE_DIR "/vocab/gpt2";
    options.show.figure.dpi = 40;
    options.out_dir = folder_.path() / out;
    options.jobs = 2;
    return options;
  }

  [[nodiscard]] fs::path path(const std::string& name) const { return folder_.path() / name; }

  /// Every line of an index, by the text's name, without the times.
  static std::map<std::string, nlohmann::json> index(const fs::path& folder) {
    std::map<std::string, nlohmann::json> lines;
    std::istringstream in(read_file(folder / "index.jsonl"));
    for (std::string line; std::getline(in, line);) {
      nlohmann::json json = nlohmann::json::parse(line);
      EXPECT_TRUE(json.erase("ms"));
      lines[json["name"]] = json;
    }
    return lines;
  }

  /// Every file but the index, by its path.
  static std::map<std::string, std::string> files(const fs::path& folder) {
    std::map<std::string, std::string> all;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      const std::string name = fs::relative(entry.path(), folder).string();
      if (!entry.is_directory() && name != "index.jsonl") all[name] = read_file(entry.path());
    }
    return all;
  }

  /// The same texts done, in the same bytes.
  static void expect_same(const fs::path& a, const fs::path& b) {
    const auto files_a = files(a), files_b = files(b);
    for (const auto& [name, bytes] : files_a) {
      ASSERT_EQ(files_b.count(name), 1U) << name;
      EXPECT_TRUE(files_b.at(name) == bytes) << name;
    }
    EXPECT_EQ(files_a.size(), files_b.size());
    EXPECT_EQ(index(a), index(b));
  }

 private:
  TemporaryFolder folder_;
  fs::path model_;
};

}  // namespace attnviz
