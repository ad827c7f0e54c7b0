#include "attnviz/finetuning.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <opencv2/imgcodecs.hpp>
#include <random>

#include "attnviz/error.h"
#include "attnviz/file.h"
#include "attnviz/pruning.h"
#include "attnviz/run.h"
#include "attnviz/train.h"
#include "test_models.h"
#include "text/small_vocabulary.h"

namespace attnviz {
namespace {

namespace fs = std::filesystem;

GptConfig small_gpt() {
  GptConfig config = trainable_gpt(2, 2, 16);
  config.vocabulary_size = 256;
  config.n_positions = 64;
  return config;
}

class FinetuningTest : public ::testing::Test {
 protected:
  FinetuningTest() {
    vocabulary_.write();
    save(small_gpt(), "model.pt");
    std::mt19937_64 random(5);
    std::ofstream text(text_);
    for (int i = 0; i < 120; ++i) text << (random() % 2 ? "the cat sat. " : "a dog ran! ");
    text.close();
    options_.model = file("model.pt");
    options_.out = file("out.pt");
    options_.texts = {text_};
    options_.vocabulary = vocabulary_.folder;
    options_.held_out = 0.1;
    options_.finetune.epochs = 2;
    options_.finetune.context = 32;
    options_.finetune.learning_rate = 3e-3;
  }

  [[nodiscard]] fs::path file(const std::string& name) const { return folder_.path() / name; }

  void save(const GptConfig& config, const std::string& name) const {
    save_gpt(build_gpt(config, 2), {config, {}}, file(name), Precision::single);
  }

  FinetuneResult run(const FinetuneEvents& events = {}) { return run_finetune(options_, events); }

  template <typename Error>
  std::string refusal() {
    try {
      (void)run();
    } catch (const Error& error) {
      EXPECT_FALSE(fs::exists(options_.out));
      return error.what();
    }
    ADD_FAILURE() << "it was not refused";
    return "";
  }

  TemporaryFolder folder_;
  SmallVocabulary vocabulary_;
  fs::path text_ = folder_.path() / "text.txt";
  FinetuneRunOptions options_;
};

TEST_F(FinetuningTest, LearnsReportsEachEpochAndLeavesTheModelAlone) {
  std::vector<std::int64_t> told;
  FinetuneEvents events;
  events.on_epoch = [&](const FinetuneEpoch& epoch) { told.push_back(epoch.epoch); };
  const FinetuneResult result = run(events);
  EXPECT_EQ(told, (std::vector<std::int64_t>{0, 1, 2}));
  EXPECT_TRUE(result.is_finished);
  EXPECT_FALSE(result.epochs[0].losses.train);
  EXPECT_LT(result.epochs[2].losses.held_out, result.epochs[0].losses.held_out - 0.5);
  EXPECT_LT(*result.epochs[2].losses.train, *result.epochs[1].losses.train);
  EXPECT_EQ(result.epochs[2].survey.report.heads.size(), 4U);
  EXPECT_EQ(result.files, (std::vector<fs::path>{options_.out}));
  EXPECT_FALSE(fs::exists(result.checkpoints));
  EXPECT_EQ(read_gpt_record(options_.out)->provenance.back(),
            (std::pair<std::string, std::string>{"then", "finetuned 2 of 2 epochs of text.txt"}));
}

TEST_F(FinetuningTest, AControlThatIsTheSameModelHasTheSameLosses) {
  options_.control = options_.model;
  for (const FinetuneEpoch& epoch : run().epochs) {
    ASSERT_TRUE(epoch.control);
    EXPECT_EQ(epoch.control->held_out, epoch.losses.held_out);
    EXPECT_EQ(epoch.control->train, epoch.losses.train);
  }
}

TEST_F(FinetuningTest, AStoppedRunGoesOnToTheSameFileAndHistory) {
  options_.control = options_.model;
  options_.history = file("history.json");
  (void)run();
  const std::string model = read_file(options_.out), history = read_file(options_.history);
  fs::remove(options_.out);
  fs::remove(options_.history);
  FinetuneEvents events;
  int n_steps = 0;
  events.on_step = [&](const FinetuneProgress&, const std::string&) { return ++n_steps < 9; };
  const FinetuneResult first = run(events);
  EXPECT_FALSE(first.is_finished);
  EXPECT_FALSE(fs::exists(options_.out));
  EXPECT_TRUE(fs::exists(first.checkpoints / "epoch_0.pt"));
  EXPECT_NE(refusal<UsageError>().find("--resume"), std::string::npos);
  options_.resume = true;
  n_steps = 0;
  EXPECT_FALSE(run(events).is_finished);  // stopped once more
  options_.keep_checkpoints = true;
  const FinetuneResult last = run();
  EXPECT_TRUE(last.is_finished);
  EXPECT_EQ(read_file(options_.out), model);
  EXPECT_EQ(read_file(options_.history), history);
  EXPECT_TRUE(fs::exists(last.checkpoints / "epoch_2.pt"));
  EXPECT_EQ(Model(last.checkpoints / "epoch_1.pt").capture({1, 2}).size(), 2U);
}

TEST_F(FinetuningTest, ResumeNeedsTheSameRun) {
  options_.resume = true;
  EXPECT_NE(refusal<UsageError>().find("nothing to go on with"), std::string::npos);
  options_.resume = false;
  FinetuneEvents events;
  events.on_step = [](const FinetuneProgress&, const std::string&) { return false; };
  (void)run(events);
  options_.resume = true;
  options_.finetune.batch = 3;
  EXPECT_NE(refusal<UsageError>().find("batch was 8, not 3"), std::string::npos);
}

TEST_F(FinetuningTest, HistoryAndFigureHoldEveryEpoch) {
  options_.history = file("history.json");
  options_.pictures.prefix = "tuned";
  options_.pictures.out_dir = folder_.path();
  options_.pictures.dpi = 80;
  const FinetuneResult result = run();
  EXPECT_EQ(result.files.size(), 4U);
  EXPECT_GT(cv::imread(file("tuned_head_history.png").string()).cols, 300);
  const auto json = nlohmann::json::parse(read_file(options_.history));
  EXPECT_EQ(json["kind"], "attnviz finetune");
  ASSERT_EQ(json["epochs"].size(), 3U);
  EXPECT_TRUE(json["epochs"][0]["train_loss"].is_null());
  EXPECT_EQ(json["epochs"][2]["heads"]["heads"].size(), 4U);
  EXPECT_EQ(json["epochs"][1]["held_out_loss"], result.epochs[1].losses.held_out);
}

TEST_F(FinetuningTest, FreezeOthersTrainsTheHeadsThatWereReset) {
  options_.freeze_others = true;
  EXPECT_NE(refusal<UsageError>().find("was reset"), std::string::npos);
  ResetOptions reset;
  reset.model = options_.model;
  reset.out = file("reset.pt");
  reset.heads = {{1, 0}};
  (void)run_reset(reset);
  options_.model = reset.out;
  (void)run();
  const Gpt before = load_gpt(reset.out), after = load_gpt(options_.out);
  const auto weight = [](const Gpt& gpt, const char* block, const char* name) {
    return gpt.module->attr(block).toModule().attr(name).toTensor();
  };
  EXPECT_TRUE(at::equal(weight(before, "block_0", "w_q"), weight(after, "block_0", "w_q")));
  EXPECT_TRUE(at::equal(weight(before, "block_1", "w_up"), weight(after, "block_1", "w_up")));
  const at::Tensor was = weight(before, "block_1", "w_o"), is = weight(after, "block_1", "w_o");
  EXPECT_TRUE(at::equal(was.narrow(1, 8, 8), is.narrow(1, 8, 8)));
  EXPECT_FALSE(at::equal(was.narrow(1, 0, 8), is.narrow(1, 0, 8)));
}

TEST_F(FinetuningTest, TheLossThatIsToldIsThatOfTheFile) {
  // Steps so small that half precision rounds most of them away.
  options_.finetune.learning_rate = 2e-5;
  const TokenIds all = Tokenizer(vocabulary_.folder).encode(read_file(text_));
  const auto cut = all.begin() + std::int64_t(double(all.size()) * (1 - options_.held_out));
  const std::vector<TokenIds> held_out = {TokenIds(cut, all.end())};
  std::vector<double> told;
  for (const Precision precision : {Precision::single, Precision::half}) {
    options_.precision = precision;
    told.push_back(run().epochs.back().losses.held_out);
    const Gpt written = load_gpt(options_.out);
    EXPECT_EQ(written.precision, precision);
    EXPECT_NEAR(held_out_loss(*written.module, held_out, 32), told.back(), 1e-6);
  }
  EXPECT_NE(told[0], told[1]);
}

TEST_F(FinetuningTest, MaskedHeadsStaySilent) {
  save_gpt(mask_heads(load_gpt(options_.model), {{0, 1}}), file("masked.pt"));
  options_.model = file("masked.pt");
  (void)run();
  const Gpt after = load_gpt(options_.out);
  const at::Tensor w_o = after.module->attr("block_0").toModule().attr("w_o").toTensor();
  EXPECT_EQ(w_o.narrow(1, 8, 8).abs().max().item<double>(), 0);
  EXPECT_EQ(after.record.masked, (std::vector<HeadId>{{0, 1}}));
}

TEST_F(FinetuningTest, TheControlIsTrainedWhole) {
  options_.control = options_.model;
  options_.freeze_others = true;
  options_.finetune.only_heads = {{1, 0}};
  const FinetuneEpoch last = run().epochs.back();
  EXPECT_LT(last.control->held_out, last.losses.held_out - 0.1);
}

TEST_F(FinetuningTest, NoFileIsWrittenOverOneThatIsRead) {
  const std::string text = read_file(text_);
  options_.history = text_;
  EXPECT_NE(refusal<UsageError>().find("text.txt would be written over"), std::string::npos);
  EXPECT_EQ(read_file(text_), text);
  options_.history = folder_.path() / "." / "out.pt";
  EXPECT_NE(refusal<UsageError>().find("written over"), std::string::npos);
  options_.history.clear();
  options_.out = options_.model;
  const std::string model = read_file(options_.model);
  EXPECT_THROW((void)run(), UsageError);
  EXPECT_EQ(read_file(options_.model), model);
}

TEST_F(FinetuningTest, AFolderWithoutAStateIsNoRun) {
  fs::create_directories(file("out.pt.checkpoints"));
  EXPECT_TRUE(run().is_finished);
}

TEST_F(FinetuningTest, SharedLayersAskFirst) {
  GptConfig config = small_gpt();
  config.shared_layers = true;
  save(config, "model.pt");
  EXPECT_NE(refusal<UsageError>().find("--shared-layers"), std::string::npos);
  options_.finetune.epochs = 1;
  options_.shared_layers = SharedLayers::untie;
  (void)run();
  EXPECT_FALSE(read_gpt_record(options_.out)->config.shared_layers);
  options_.shared_layers = SharedLayers::together;
  (void)run();
  EXPECT_TRUE(read_gpt_record(options_.out)->config.shared_layers);
}

TEST_F(FinetuningTest, ALossThatIsNotFiniteSaysWhereTheLastGoodModelIs) {
  options_.finetune.learning_rate = 1e30;
  const std::string message = refusal<ModelError>();
  EXPECT_NE(message.find("not finite at step"), std::string::npos) << message;
  EXPECT_NE(message.find("epoch_0.pt"), std::string::npos) << message;
  EXPECT_TRUE(fs::exists(file("out.pt.checkpoints") / "epoch_0.pt"));
}

TEST_F(FinetuningTest, RefusesShortTextsAndFilesThatAreNotThere) {
  options_.finetune.context = 64;
  std::ofstream(text_) << std::string(40, 'a');
  EXPECT_NE(refusal<UsageError>().find("less than one window"), std::string::npos);
  options_.texts = {file("none.txt")};
  EXPECT_NE(refusal<FileError>().find("none.txt"), std::string::npos);
  options_.texts.clear();
  EXPECT_NE(refusal<UsageError>().find("--text"), std::string::npos);
}

}  // namespace
}  // namespace attnviz
