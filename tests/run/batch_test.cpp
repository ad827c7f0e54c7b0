#include <atomic>
#include <fstream>

#include "attnviz/checkpoint.h"
#include "attnviz/error.h"
#include "attnviz/survey.h"
#include "batch_fixture.h"

namespace attnviz {
namespace {

TEST_F(BatchTest, MakesOfEachTextWhatShowMakes) {
  write_texts(6);
  const BatchResult result = run_batch(texts(), options());
  EXPECT_EQ(result.progress.done, 6);
  EXPECT_EQ(result.stopped, "");
  ShowOptions show = options().show;
  show.out_dir = path("shown");
  Visualizer visualizer(show);
  for (const auto& [name, line] : index(path("out"))) {
    const std::string text = read_file(path("texts") / (name + ".txt"));
    const Shown shown = visualizer.show(text, name);
    EXPECT_EQ(line["tokens"], shown.ids.size());
    EXPECT_EQ(line["sha256"], sha256_of(text));
    EXPECT_TRUE(line["error"].is_null());
    ASSERT_EQ(line["files"].size(), 3U);
    for (std::size_t i = 0; i < 3; ++i) {
      const fs::path file = path("out") / line["files"][i].get<std::string>();
      EXPECT_EQ(file.filename(), shown.files[i].filename());
      EXPECT_TRUE(read_file(file) == read_file(shown.files[i])) << file;
      EXPECT_EQ(line["bytes"][i], fs::file_size(file));
    }
  }
  EXPECT_EQ(files(path("out")).size(), 6 * 3 + 1U);  // and batch.json
}

TEST_F(BatchTest, MakesWhatWasAskedFor) {
  write_text("sub/a.txt", "The cat sat");
  BatchOptions wanted = options();
  wanted.show.figures = {FigureKind::average};
  wanted.save_attention = wanted.heads = true;
  (void)run_batch(texts(), wanted);
  const auto made = files(path("out"));
  for (const char* file :
       {"batch.json", "heads.json", "heads.safetensors", "sub/a_attention_avg_per_layer.png",
        "sub/a_attention.safetensors", "sub/a_heads.json"}) {
    EXPECT_EQ(made.count(file), 1U) << file;
  }
  EXPECT_EQ(made.size(), 6U);
  wanted = options("nothing");
  wanted.show.figures = {};
  (void)run_batch(texts(), wanted);
  EXPECT_EQ(files(path("nothing")).size(), 1U);
  EXPECT_EQ(index(path("nothing"))["sub/a"]["tokens"], 3);
}

TEST_F(BatchTest, TheNumberOfJobsChangesNothing) {
  write_texts(8);
  BatchOptions one = options("one"), many = options("many");
  one.jobs = 1;
  many.jobs = 5;
  one.heads = many.heads = one.save_attention = many.save_attention = true;
  (void)run_batch(texts(), one);
  (void)run_batch(texts(), many);
  expect_same(path("one"), path("many"));
}

TEST_F(BatchTest, ABadTextIsToldAndTheOthersGoOn) {
  write_texts(3);
  write_text("empty.txt", "");
  write_text("newline.txt", "\n");
  write_text("latin1.txt", "caf\xe9");
  write_text("long.txt", std::string(2000, 'x'));
  std::ofstream(path("texts") / (std::string(240, 'n') + ".txt")) << "a long name";
  fs::create_symlink("nowhere", path("texts/gone.txt"));
  const BatchResult result = run_batch(texts(), options());
  EXPECT_EQ(result.progress.done, 3);
  EXPECT_EQ(result.progress.failed, 6);
  const auto lines = index(path("out"));
  EXPECT_EQ(lines.size(), 9U);
  const std::pair<const char*, const char*> expected[] = {{"empty", "empty"},
                                                          {"newline", "empty"},
                                                          {"latin1", "UTF-8"},
                                                          {"long", "positions"},
                                                          {"gone", "No such file"}};
  for (const auto& [name, why] : expected) {
    const std::string error = lines.at(name)["error"];
    EXPECT_NE(error.find(why), std::string::npos) << error;
    EXPECT_TRUE(lines.at(name)["files"].empty());
  }
  EXPECT_EQ(result.failures.size(), 6U);
  EXPECT_EQ(result.failures[0].name, "empty");
}

TEST_F(BatchTest, FailFastStopsAtTheFirst) {
  write_texts(12);
  write_text("bad.txt", std::string(3000, 'x'));  // the longest comes first
  BatchOptions wanted = options();
  wanted.fail_fast = true;
  wanted.jobs = 1;
  const BatchResult result = run_batch(texts(), wanted);
  EXPECT_EQ(result.progress.failed, 1);
  EXPECT_EQ(result.progress.done, 0);
  EXPECT_EQ(result.stopped, "--fail-fast");
}

TEST_F(BatchTest, TheSameAgainDoesNothing) {
  write_texts(4);
  (void)run_batch(texts(), options());
  const std::string before = read_file(path("out/index.jsonl"));
  const BatchResult again = run_batch(texts(), options());
  EXPECT_EQ(again.progress.kept, 4);
  EXPECT_EQ(again.progress.done, 0);
  EXPECT_EQ(read_file(path("out/index.jsonl")), before);
  BatchOptions forced = options();
  forced.force = true;
  EXPECT_EQ(run_batch(texts(), forced).progress.done, 4);
}

TEST_F(BatchTest, OnlyWhatIsMissingOrChangedIsDone) {
  write_texts(6);
  write_text("bad.txt", "");
  (void)run_batch(texts(), options());
  write_text("t1.txt", "another text");
  const auto time = fs::last_write_time(path("texts/t2.txt"));
  fs::last_write_time(path("texts/t2.txt"), time + std::chrono::hours(1));  // the same content
  fs::remove(path("out/t3_attention_avg_per_layer.png"));
  std::ofstream(path("out/t4_attention_avg_per_layer.png"), std::ios::app) << "x";
  write_text("bad.txt", "good now");
  const BatchResult again = run_batch(texts(), options());
  EXPECT_EQ(again.progress.kept, 3);
  EXPECT_EQ(again.progress.done, 4);
  (void)run_batch(texts(), options("anew"));
  expect_same(path("out"), path("anew"));
}

TEST_F(BatchTest, OtherOptionsModelsAndVocabulariesDoAllAgain) {
  write_texts(2);
  (void)run_batch(texts(), options());
  const auto done_with = [&](const BatchOptions& other) {
    return run_batch(texts(), other).progress.done;
  };
  BatchOptions other = options();
  other.show.figure.scale = ColourScale::unit;
  EXPECT_EQ(done_with(other), 2);
  other.show.max_tokens = 3;
  EXPECT_EQ(done_with(other), 2);
  other.save_attention = true;
  EXPECT_EQ(done_with(other), 2);
  other.heads = true;
  EXPECT_EQ(done_with(other), 2);
  GptConfig config = tiny_gpt();
  config.vocabulary_size = 50257;
  other.show.model = path("other/small.pt");
  save_gpt(build_gpt(config, 1), {config, {}}, other.show.model, Precision::half);
  EXPECT_EQ(done_with(other), 2);
  EXPECT_EQ(done_with(other), 0);
}

TEST_F(BatchTest, TextsThatAreNoLongerThereLeaveTheIndexButKeepTheirFiles) {
  write_texts(3);
  (void)run_batch(texts(), options());
  fs::remove(path("texts/t0.txt"));
  const BatchResult again = run_batch(texts(), options());
  EXPECT_EQ(again.n_left_behind, 1);
  EXPECT_EQ(index(path("out")).count("t0"), 0U);
  EXPECT_TRUE(fs::exists(path("out/t0_attention_avg_per_layer.png")));
}

TEST_F(BatchTest, StopsInOrderWhenItIsToldTo) {
  write_texts(10);
  BatchOptions wanted = options();
  wanted.heads = true;
  int n = 0;
  const BatchResult first =
      run_batch(texts(), wanted, [&](const BatchProgress&) { return ++n < 3; });
  EXPECT_EQ(first.stopped, "interrupted");
  // Asked before the first text, too: told to stop when the second is done, with none or more in
  // work.
  EXPECT_GE(first.progress.done, 2);
  EXPECT_LT(first.progress.done, 10);
  EXPECT_EQ(index(path("out")).size(), std::size_t(first.progress.done));
  const BatchResult second = run_batch(texts(), wanted);
  EXPECT_EQ(second.progress.kept, first.progress.done);
  EXPECT_EQ(second.stopped, "");
  wanted.out_dir = path("whole");
  (void)run_batch(texts(), wanted);
  expect_same(path("out"), path("whole"));
}

TEST_F(BatchTest, SumsThatAreGoneAreMadeAnewWithoutDrawing) {
  write_texts(5);
  BatchOptions wanted = options();
  wanted.heads = true;
  (void)run_batch(texts(), wanted);
  const auto before = files(path("out"));
  const auto drawn = fs::last_write_time(path("out/t0_attention_avg_per_layer.png"));
  fs::remove(path("out/heads.safetensors"));
  (void)run_batch(texts(), wanted);
  EXPECT_EQ(fs::last_write_time(path("out/t0_attention_avg_per_layer.png")), drawn);
  EXPECT_EQ(files(path("out")), before);
}

TEST_F(BatchTest, AnIndexOfOtherTextsIsNoReasonToSumThem) {
  write_texts(5);
  BatchOptions wanted = options();
  wanted.heads = true;
  (void)run_batch(texts(), wanted);
  fs::remove(path("texts/t0.txt"));
  (void)run_batch(texts(), wanted);
  wanted.out_dir = path("anew");
  (void)run_batch(texts(), wanted);
  EXPECT_EQ(read_file(path("out/heads.json")), read_file(path("anew/heads.json")));
}

TEST_F(BatchTest, TheHeadsOfAllTextsAreThoseOfASurvey) {
  write_texts(12);
  BatchOptions wanted = options();
  wanted.heads = true;
  wanted.show.figures = {};
  (void)run_batch(texts(), wanted);
  SurveyOptions survey;
  survey.model = wanted.show.model;
  survey.vocabulary = wanted.show.vocabulary;
  survey.texts = text_files(path("texts"));
  survey.importance = ImportanceKind::none;
  survey.n_templates = 0;
  const auto expected = nlohmann::json::parse(to_json(survey_heads(survey)));
  const auto found = nlohmann::json::parse(read_file(path("out/heads.json")));
  EXPECT_EQ(found["texts"], expected["texts"]);
  EXPECT_EQ(found["probes"], expected["probes"]);
  for (std::size_t head = 0; head < expected["heads"].size(); ++head) {
    EXPECT_EQ(found["heads"][head]["scores"], expected["heads"][head]["scores"]) << head;
  }
}

TEST_F(BatchTest, TwoAtOnceInOneFolderAreRefused) {
  write_texts(2);
  EXPECT_THROW((void)run_batch(texts(), options(),
                               [&](const BatchProgress&) {
                                 (void)run_batch(texts(), options());
                                 return true;
                               }),
               UsageError);
}

TEST_F(BatchTest, MemoryThatIsTooLittleIsSaidBeforehand) {
  write_texts(1);
  BatchOptions wanted = options();
  wanted.max_memory = 1 << 20;
  EXPECT_THROW((void)run_batch(texts(), wanted), UsageError);
}

TEST_F(BatchTest, APlanWritesNothing) {
  write_texts(3);
  const BatchPlan plan = plan_batch(texts(), options());
  ASSERT_EQ(plan.items.size(), 3U);
  EXPECT_EQ(plan.items[0].name, "t0");
  EXPECT_EQ(plan.items[0].files[0], path("out/t0_attention_all_layers_heads.png"));
  EXPECT_FALSE(fs::exists(path("out")));
  (void)run_batch(texts(), options());
  write_text("t1.txt", "changed");
  const BatchPlan again = plan_batch(texts(), options());
  EXPECT_TRUE(again.items[0].is_there);
  EXPECT_FALSE(again.items[1].is_there);
}

}  // namespace
}  // namespace attnviz
