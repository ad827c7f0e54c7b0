#include "attnviz/error.h"
#include "batch_fixture.h"

namespace attnviz {
namespace {

class MergeTest : public BatchTest {
 protected:
  /// Runs the shards of a batch into s1, s2 ...
  std::vector<fs::path> run_shards(std::int64_t n) {
    std::vector<fs::path> folders;
    for (std::int64_t i = 1; i <= n; ++i) {
      BatchOptions shard = wanted("s" + std::to_string(i));
      shard.shard = {i, n};
      (void)run_batch(texts(), shard);
      folders.push_back(shard.out_dir);
    }
    return folders;
  }

  [[nodiscard]] BatchOptions wanted(const std::string& out) const {
    BatchOptions wanted = options(out);
    wanted.show.figures = {FigureKind::last};
    wanted.heads = true;
    return wanted;
  }
};

TEST_F(MergeTest, ShardsTogetherAreOneRun) {
  write_texts(20);
  write_text("bad.txt", "");
  (void)run_batch(texts(), wanted("one"));
  for (const std::int64_t n : {2, 3}) {
    const std::string out = "merged" + std::to_string(n);
    const BatchResult merged = merge_batches(run_shards(n), path(out));
    EXPECT_EQ(merged.progress.texts, 21);
    EXPECT_EQ(merged.failures.size(), 1U);
    EXPECT_EQ(read_file(path(out) / "heads.json"), read_file(path("one/heads.json")));
    EXPECT_EQ(read_file(path(out) / "heads.safetensors"), read_file(path("one/heads.safetensors")));
    auto expected = index(path("one"));
    auto found = index(path(out));
    for (auto& [name, line] : found) {
      ASSERT_EQ(line["files"].size(), expected[name]["files"].size());
      for (std::size_t i = 0; i < line["files"].size(); ++i) {
        const std::string file = line["files"][i], own = expected[name]["files"][i];
        EXPECT_EQ(read_file(path(out) / file), read_file(path("one") / own));
      }
      line.erase("files");
      expected[name].erase("files");
    }
    EXPECT_EQ(found, expected);
    for (std::int64_t i = 1; i <= n; ++i) fs::remove_all(path("s" + std::to_string(i)));
  }
}

TEST_F(MergeTest, MergedFoldersMergeAgain) {
  write_texts(6);
  const auto first = run_shards(2);
  (void)merge_batches(first, path("a"));
  write_text("more.txt", "one more text");
  for (int i = 0; i < 6; ++i) fs::remove(path("texts/t" + std::to_string(i) + ".txt"));
  (void)run_batch(texts(), wanted("b"));
  EXPECT_EQ(merge_batches({path("a"), path("b")}, path("all")).progress.texts, 7);
  write_texts(6);
  (void)run_batch(texts(), wanted("one"));
  EXPECT_EQ(read_file(path("all/heads.json")), read_file(path("one/heads.json")));
}

TEST_F(MergeTest, RefusesWhatIsNotTheWholeOfOneBatch) {
  write_texts(6);
  const auto shards = run_shards(3);
  const auto refuses = [&](const std::vector<fs::path>& folders, const std::string& out = "m") {
    EXPECT_THROW((void)merge_batches(folders, path(out)), Error);
    EXPECT_FALSE(fs::exists(path("m")));
  };
  refuses({});
  refuses({shards[0], shards[1]});             // one is missing
  refuses({shards[0], shards[1], shards[1]});  // one twice
  refuses({shards[0], shards[1], shards[2]}, "s1");
  refuses({shards[0], path("texts")});
  BatchOptions other = wanted("other");
  other.show.figure.scale = ColourScale::unit;
  (void)run_batch(texts(), other);
  refuses({shards[0], other.out_dir});
  (void)run_batch(texts(), wanted("whole"));
  (void)run_batch(texts(), wanted("twice"));
  refuses({path("whole"), path("twice")});  // the same texts
}

TEST_F(MergeTest, RefusesAShardThatIsNotFinished) {
  write_texts(8);
  const auto shards = run_shards(2);
  BatchOptions second = wanted("s2");
  second.shard = {2, 2};
  second.force = true;
  (void)run_batch(texts(), second, [](const BatchProgress&) { return false; });
  EXPECT_THROW((void)merge_batches(shards, path("m")), FileError);
  second.force = false;
  (void)run_batch(texts(), second);
  EXPECT_EQ(merge_batches(shards, path("m")).progress.texts, 8);
}

TEST_F(MergeTest, AnIndexIsReplacedOnlyByForce) {
  write_texts(4);
  const auto shards = run_shards(2);
  (void)merge_batches(shards, path("m"));
  EXPECT_THROW((void)merge_batches(shards, path("m")), UsageError);
  EXPECT_NO_THROW((void)merge_batches(shards, path("m"), true));
}

TEST_F(MergeTest, ShardsDoNotShareAFolder) {
  write_texts(4);
  BatchOptions shard = wanted("s");
  shard.shard = {1, 2};
  (void)run_batch(texts(), shard);
  shard.shard = {2, 2};
  EXPECT_THROW((void)run_batch(texts(), shard), UsageError);
}

}  // namespace
}  // namespace attnviz
