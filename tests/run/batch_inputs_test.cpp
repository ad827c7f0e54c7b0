#include <gtest/gtest.h>

#include <cstdlib>

#include "attnviz/batch.h"
#include "attnviz/error.h"
#include "attnviz/file.h"
#include "run/batch_text.h"
#include "test_models.h"

namespace attnviz {
namespace {

namespace fs = std::filesystem;

/// A working folder with some texts, and inputs as seen from there.
class BatchInputsTest : public ::testing::Test {
 protected:
  BatchInputsTest() : before_(fs::current_path()) { fs::current_path(folder_.path()); }
  ~BatchInputsTest() override { fs::current_path(before_); }

  static std::vector<std::string> names(const std::vector<BatchText>& texts) {
    std::vector<std::string> all;
    for (const BatchText& text : texts) all.push_back(text.name);
    return all;
  }
  static std::vector<std::string> contents(const std::vector<BatchText>& texts) {
    std::vector<std::string> all;
    for (const BatchText& text : texts) all.push_back(read_text(text, 1 << 20).text);
    return all;
  }

 private:
  TemporaryFolder folder_;
  fs::path before_;
};
using Strings = std::vector<std::string>;

TEST_F(BatchInputsTest, AFileIsOneTextNamedByItsPath) {
  write_file_atomically("books/emma.v2.txt", "Emma\nWoodhouse\n");
  const auto texts = list_texts({{"books/emma.v2.txt"}});
  EXPECT_EQ(names(texts), Strings{"books/emma.v2"});
  EXPECT_EQ(contents(texts), Strings{"Emma\nWoodhouse"});
  EXPECT_EQ(read_text(texts[0], 100).sha256, sha256_of_file("books/emma.v2.txt"));
}

TEST_F(BatchInputsTest, NamesNeverLeadOutOfTheOutputFolder) {
  write_file_atomically("a/b.txt", "x");
  const fs::path whole = fs::absolute("a/b.txt");
  EXPECT_EQ(names(list_texts({{"a/../../" + fs::current_path().filename().string() + "/a/b.txt"}})),
            Strings{(fs::current_path().filename() / "a/b").string()});
  EXPECT_EQ(names(list_texts({{whole}})),
            Strings{whole.relative_path().replace_extension().string()});
}

TEST_F(BatchInputsTest, AFolderGivesTheFilesThatAGlobFitsByName) {
  for (const char* file : {"t/b.txt", "t/a/z.txt", "t/a.md", "t/.git/c.txt", "t/deep/er/d.txt"}) {
    write_file_atomically(file, "x");
  }
  EXPECT_EQ(names(list_texts({{"t"}})), (Strings{".git/c", "a/z", "b", "deep/er/d"}));
  EXPECT_EQ(names(list_texts({{"t"}, {"*.md", "a/*"}})), (Strings{"a/z", "a"}));
  EXPECT_THROW((void)list_texts({{"t"}, {"*.rst"}}), FileError);
}

TEST_F(BatchInputsTest, LinesAreTextsWithNumbersOfTheirOwn) {
  write_file_atomically("l.txt", "one\n\ntwo\r\nthree");
  const auto texts = list_texts({{"l.txt"}, {}, true});
  EXPECT_EQ(names(texts), (Strings{"l_000001", "l_000003", "l_000004"}));
  EXPECT_EQ(contents(texts), (Strings{"one", "two", "three"}));
  EXPECT_EQ(read_text(texts[1], 100).sha256, sha256_of("two"));
  EXPECT_EQ(input_of(texts[1]), "l.txt:3");
}

TEST_F(BatchInputsTest, JsonLinesNameThemselves) {
  write_file_atomically("s/x.jsonl",
                        "{\"text\": \"To \\u00e9\\n\", \"prefix\": \"acts/one\"}\n"
                        "{\"text\": \"be\", \"id\": 3}\n"
                        "not json\n{\"prefix\": \"y\"}\n{\"text\": 1}\n");
  const auto texts = list_texts({{"s/x.jsonl"}});
  EXPECT_EQ(names(texts), (Strings{"s/acts/one", "s/x_000002", "s/x_000003", "s/y", "s/x_000005"}));
  EXPECT_EQ(read_text(texts[0], 100).text, "To \u00e9\n");
  EXPECT_EQ(read_text(texts[1], 100).text, "be");
  for (std::size_t i = 2; i < 5; ++i) EXPECT_THROW((void)read_text(texts[i], 100), TextError) << i;
}

TEST_F(BatchInputsTest, RefusesNamesThatAreNone) {
  for (const char* prefix : {"../out", "/etc/x", "a/", "..", "a/../../b"}) {
    write_file_atomically("x.jsonl",
                          R"({"text": "a", "prefix": ")" + std::string(prefix) + "\"}\n");
    EXPECT_THROW((void)list_texts({{"x.jsonl"}}), UsageError) << prefix;
  }
}

TEST_F(BatchInputsTest, FindsCollisionsBeforeTheWork) {
  write_file_atomically("a.txt", "x");
  write_file_atomically("a.md", "x");
  write_file_atomically("t/a.txt", "x");
  EXPECT_THROW((void)list_texts({{"a.txt", "a.md"}}), UsageError);
  EXPECT_THROW((void)list_texts({{"a.txt", "a.txt"}}), UsageError);
  EXPECT_THROW((void)list_texts({{"a.txt", "t"}}), UsageError);
  EXPECT_EQ(list_texts({{"a.txt", "t/a.txt"}}).size(), 2U);
}

TEST_F(BatchInputsTest, AnUnreadableFileIsATextThatFailsLater) {
  const auto texts = list_texts({{"missing.txt", "gone.jsonl"}});
  ASSERT_EQ(texts.size(), 2U);
  for (const BatchText& text : texts) EXPECT_THROW((void)read_text(text, 100), FileError);
}

std::vector<BatchText> texts_of_sizes(const std::vector<std::uintmax_t>& sizes) {
  const auto source = std::make_shared<BatchSource>();
  std::vector<BatchText> texts;
  for (const auto size : sizes) {
    texts.push_back({"t" + std::to_string(texts.size()), source, 0, 0, size});
  }
  return texts;
}

TEST(Shards, HaveEachTextOnceAndEqualCosts) {
  std::vector<std::uintmax_t> sizes;
  for (std::uintmax_t i = 0; i < 1000; ++i) sizes.push_back(i * 7919 % 4000);
  const auto texts = texts_of_sizes(sizes);
  for (const std::int64_t n : {1, 2, 3, 7, 64}) {
    std::vector<int> seen(texts.size());
    double least = 1e9, most = 0;
    for (std::int64_t i = 1; i <= n; ++i) {
      double cost = 0;
      for (const std::size_t place : texts_of_shard(texts, {i, n})) {
        ++seen[place];
        cost += cost_of(texts[place]);
      }
      least = std::min(least, cost);
      most = std::max(most, cost);
    }
    EXPECT_EQ(seen, std::vector<int>(texts.size(), 1)) << n;
    EXPECT_LT(most / least, 1.05) << n;
  }
}

TEST(Shards, MayBeMoreThanTexts) {
  const auto texts = texts_of_sizes({5, 5});
  std::size_t n = 0;
  for (std::int64_t i = 1; i <= 4; ++i) n += texts_of_shard(texts, {i, 4}).size();
  EXPECT_EQ(n, 2U);
}

/// Environment variables for the time of a test.
class Environment {
 public:
  explicit Environment(std::vector<std::pair<const char*, const char*>> variables)
      : variables_(std::move(variables)) {
    for (const auto& [name, value] : variables_) ::setenv(name, value, 1);
  }
  ~Environment() {
    for (const auto& [name, value] : variables_) ::unsetenv(name);
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  std::vector<std::pair<const char*, const char*>> variables_;
};

TEST(Shards, AreReadFromTheCommandLine) {
  const Shard shard = parse_shard("2/4");
  EXPECT_EQ(shard.index, 2);
  EXPECT_EQ(shard.of, 4);
  for (const char* text : {"0/4", "5/4", "2", "a/4", "2/", "2/4x", "-1/4", "", "/4"}) {
    EXPECT_THROW((void)parse_shard(text), UsageError) << text;
  }
}

TEST(Shards, ComeFromSlurmsJobArray) {
  EXPECT_FALSE(shard_of_environment());
  const Environment slurm({{"SLURM_ARRAY_TASK_ID", "9"},
                           {"SLURM_ARRAY_TASK_MIN", "3"},
                           {"SLURM_ARRAY_TASK_STEP", "3"},
                           {"SLURM_ARRAY_TASK_COUNT", "4"}});
  const auto shard = shard_of_environment();
  ASSERT_TRUE(shard);
  EXPECT_EQ(shard->index, 3);
  EXPECT_EQ(shard->of, 4);
}

TEST(Shards, ComeFromKubernetesIndexedJob) {
  const Environment kubernetes(
      std::vector<std::pair<const char*, const char*>>{{"JOB_COMPLETION_INDEX", "0"}});
  EXPECT_EQ(parse_shard("/8").index, 1);
  EXPECT_EQ(parse_shard("/8").of, 8);
  EXPECT_THROW((void)shard_of_environment(), UsageError);  // of how many?
}

TEST(Machine, HasACoreAndMemory) {
  EXPECT_GE(usable_cores(), 1);
  EXPECT_GT(usable_memory(), 1U << 20U);
}

}  // namespace
}  // namespace attnviz
