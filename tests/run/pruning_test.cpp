// Which heads go, and what is left: against a model whose heads are known.
#include "attnviz/pruning.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <fstream>
#include <random>

#include "attnviz/error.h"
#include "attnviz/file.h"
#include "attnviz/gated_model.h"
#include "attnviz/run.h"
#include "attnviz/survey.h"
#include "hand_made_gpt.h"
#include "run/head_order.h"
#include "run/split.h"
#include "test_models.h"
#include "text/small_vocabulary.h"

namespace attnviz {
namespace {

namespace fs = std::filesystem;

std::string message_of(const std::function<void()>& run) {
  try {
    run();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

class PruningTest : public ::testing::Test {
 protected:
  PruningTest() {
    vocabulary_.write();
    save_gpt(hand_made_gpt(), {HandMadeWeights::config(), {}}, model_, Precision::single);
    // 24 letters in an order of their own, twice, again and again: windows of 48.
    std::mt19937_64 random(5);
    std::ofstream text(text_);
    for (int i = 0; i < 20; ++i) {
      std::string letters = "abcdefghijklmnopqrstuvwx";
      std::shuffle(letters.begin(), letters.end(), random);
      text << letters << letters;
    }
    text.close();
    options_.model = model_;
    options_.out = folder_.path() / "out.pt";
    options_.vocabulary = vocabulary_.folder;
    options_.texts = {text_};
    options_.context = 48;
    options_.held_out = 0.2;
  }

  [[nodiscard]] std::string refusal() const {
    const std::string message = message_of([&] { (void)run_prune(options_); });
    EXPECT_FALSE(fs::exists(options_.out)) << "what is refused is not written";
    return message;
  }

  TemporaryFolder folder_;
  SmallVocabulary vocabulary_;
  fs::path model_ = folder_.path() / "hand.pt", text_ = folder_.path() / "text.txt";
  PruneOptions options_;
};

TEST_F(PruningTest, TheIdleHeadsGoAndItStopsBeforeTheLimit) {
  const PruneResult result = run_prune(options_);
  EXPECT_EQ(result.heads, (std::vector<HeadId>{{0, 1}, {1, 1}}));
  ASSERT_EQ(result.steps.size(), 2U);
  for (const PruneStep& step : result.steps) {
    EXPECT_EQ(step.effect, 0);
    EXPECT_NEAR(step.held_out_loss, result.loss_before, 1e-6);
  }
  EXPECT_FALSE(result.refused) << "the others are the last of their layers";
  EXPECT_EQ(read_gpt_record(options_.out)->config.kept, (KeptHeads{{0}, {0}}));
  EXPECT_LT(result.bytes_after, result.bytes_before);
  EXPECT_LT(result.parameters_after, result.parameters_before);
  EXPECT_TRUE(fs::exists(options_.out));
  EXPECT_EQ(result.n_held_out, 4 * 47);
}

TEST_F(PruningTest, TheReportOfThePrunedModelHasTheOldNames) {
  options_.heads = {{0, 1}};
  (void)run_prune(options_);
  SurveyOptions survey;
  survey.model = options_.out;
  survey.vocabulary = vocabulary_.folder;
  survey.texts = {{"text", "", text_}};
  survey.importance = ImportanceKind::zero;
  const HeadReport report = survey_heads(survey).report;
  ASSERT_EQ(report.heads.size(), 3U);
  EXPECT_EQ(to_string(report.heads[2].id), "L1H1");
  EXPECT_EQ(report.heads[0].labels.at(0).kind, LabelKind::previous_token);
  EXPECT_EQ(report.heads[1].labels.at(0).kind, LabelKind::induction);
  options_.model = options_.out;
  options_.out = folder_.path() / "again.pt";
  options_.heads = {{0, 1}};
  EXPECT_EQ(refusal(), "there is no head L0H1: layer 0 has H0");
  options_.heads = {{1, 1}};
  (void)run_prune(options_);
  EXPECT_EQ(read_gpt_record(options_.out)->pruned, (std::vector<HeadId>{{0, 1}, {1, 1}}));
}

TEST_F(PruningTest, NothingIsWrittenWhereEvenTheFirstHeadBreaksTheLimit) {
  options_.heads = {{1, 0}, {0, 0}};
  const std::string message = refusal();
  EXPECT_NE(message.find("no head can go: without L1H0"), std::string::npos) << message;
  EXPECT_NE(message.find("--max-loss-increase"), std::string::npos);
}

TEST_F(PruningTest, OfHeadsByNameThoseGoThatMayAndTheRestIsTold) {
  options_.heads = {{1, 0}, {0, 1}};
  const PruneResult result = run_prune(options_);
  EXPECT_EQ(result.heads, (std::vector<HeadId>{{0, 1}}));
  EXPECT_FALSE(result.is_complete);
  ASSERT_TRUE(result.refused);
  EXPECT_EQ(result.refused->heads, (std::vector<HeadId>{{1, 0}}));
  EXPECT_GT(result.refused->held_out_loss, result.loss_before + 1);
}

TEST_F(PruningTest, WithoutALimitHeadsByNameAllGo) {
  options_.heads = {{1, 0}, {0, 0}, {1, 1}};
  options_.max_loss_increase.reset();
  const PruneResult result = run_prune(options_);
  EXPECT_EQ(result.heads.size(), 3U);
  EXPECT_EQ(read_gpt_record(options_.out)->config.n_heads, (std::vector<std::int64_t>{1, 0}));
  EXPECT_GT(result.loss_after(), result.loss_before + 1);
}

// The induction head reads what the other one noted: alone each is worth something else than
// without the other.
TEST_F(PruningTest, EffectsAreMeasuredAnewAsOthersGo) {
  options_.max_loss_increase.reset();
  options_.dry_run = true;
  const auto steps_of = [&](const std::vector<HeadId>& heads) {
    options_.heads = heads;
    return run_prune(options_).steps;
  };
  const std::vector<PruneStep> both = steps_of({{1, 0}, {0, 0}});
  ASSERT_EQ(both.size(), 2U);
  EXPECT_EQ(steps_of(both[0].heads)[0].effect, both[0].effect);
  EXPECT_GT(std::abs(*steps_of(both[1].heads)[0].effect - *both[1].effect), 0.1);
}

// Every candidate measured at every step, in plain loops.
TEST_F(PruningTest, TheOrderIsThatOfMeasuringAllAnew) {
  GptConfig config = trainable_gpt(2, 4, 16);
  config.vocabulary_size = 256;
  save_gpt(build_gpt(config, 7), {config, {}}, model_, Precision::single);
  options_.max_loss_increase.reset();
  options_.fraction = 0.75;
  std::vector<HeadId> found;
  for (const PruneStep& step : run_prune(options_).steps) found.push_back(step.heads[0]);
  ASSERT_EQ(found.size(), 6U);

  GatedModel model(model_);
  const Split split = read_split({text_}, 0.2, 48, Tokenizer(vocabulary_.folder));
  const auto windows = windows_of(split.used, 48, 16);
  std::vector<HeadId> gone, left = all_heads(config.n_heads);
  while (gone.size() < found.size()) {
    std::pair<double, HeadId> least = {1e9, {}};
    for (const HeadId head : left) {
      std::vector<HeadId> more = gone;
      more.push_back(head);
      least = std::min(least, {mean_loss(model, windows, model.without(more)), head});
    }
    std::erase(left, least.second);
    const auto is_in_its_layer = [&](HeadId head) { return head.layer == least.second.layer; };
    if (std::none_of(left.begin(), left.end(), is_in_its_layer)) continue;  // the last one stays
    gone.push_back(least.second);
  }
  EXPECT_EQ(to_string(found), to_string(gone));
}

TEST_F(PruningTest, TrainingOnKeepsTheNamesAndRefusesMaskedHeads) {
  options_.heads = {{0, 1}};
  (void)run_prune(options_);
  TrainRunOptions train;
  train.texts = {text_};
  train.vocabulary = vocabulary_.folder;
  train.from = options_.out;
  train.out = folder_.path() / "trained.pt";
  train.held_out = 0.2;
  train.train.steps = 1;
  train.train.context = 16;
  train.train.batch_tokens = 32;
  TrainMeasure measure;
  const auto go = [&] {
    measure = run_training(
        train, [](const TrainProgress&) { return true; }, [](const TrainMeasure&) {});
  };
  options_.heads = {{0, 0}, {1, 0}};
  options_.max_loss_increase.reset();
  (void)run_prune(options_);
  go();
  EXPECT_EQ(to_string(measure.first_token->head).substr(2), "H1") << "the others are gone";
  options_.heads = {{0, 0}, {0, 1}};
  (void)run_prune(options_);
  go();
  EXPECT_EQ(measure.first_token->head.layer, 1) << "layer 0 has no heads left";
  options_.heads = {{0, 1}};
  (void)run_prune(options_);
  go();
  EXPECT_EQ(read_gpt_record(train.out)->pruned, options_.heads);
  EXPECT_EQ(read_gpt_record(train.out)->config.kept, (KeptHeads{{0}, {0, 1}}));
  options_.mask = true;
  (void)run_prune(options_);
  EXPECT_NE(message_of(go).find("wake the masked heads"), std::string::npos);
}

TEST_F(PruningTest, FewHeldOutTokensAreTold) {
  const PruneResult result = run_prune(options_);
  ASSERT_EQ(result.notes.size(), 1U);
  EXPECT_NE(result.notes[0].find("188 held-out tokens only"), std::string::npos);
}

TEST_F(PruningTest, TheLastHeadOfALayerStaysUnlessItIsNamed) {
  options_.fraction = 1;
  options_.max_loss_increase.reset();
  EXPECT_EQ(run_prune(options_).heads, (std::vector<HeadId>{{0, 1}, {1, 1}}));
}

TEST_F(PruningTest, AFractionIsAtMostThatManyHeads) {
  options_.fraction = 0.49;
  EXPECT_EQ(run_prune(options_).steps.size(), 1U);
  options_.fraction = 0.2;
  fs::remove(options_.out);
  EXPECT_NE(refusal().find("not even one"), std::string::npos);
}

TEST_F(PruningTest, FlaggedAreThoseThatTheReportFlags) {
  options_.flagged = true;
  const PruneResult result = run_prune(options_);
  EXPECT_EQ(result.n_candidates, 2);
  EXPECT_EQ(result.heads, (std::vector<HeadId>{{0, 1}, {1, 1}}));
}

TEST_F(PruningTest, EntropyTakesTheMostDiffuseAndRandomItsSeed) {
  options_.dry_run = true;
  options_.fraction = 0.5;
  options_.order = PruneOrder::entropy;
  EXPECT_EQ(run_prune(options_).heads, (std::vector<HeadId>{{0, 1}, {1, 1}}));
  options_.order = PruneOrder::random;
  options_.max_loss_increase.reset();
  std::set<std::vector<HeadId>> seen;
  for (options_.seed = 0; options_.seed < 8; ++options_.seed) {
    const std::vector<HeadId> heads = run_prune(options_).heads;
    EXPECT_EQ(run_prune(options_).heads, heads);
    seen.insert(heads);
  }
  EXPECT_GT(seen.size(), 1U);
}

TEST_F(PruningTest, ADryRunWritesNothing) {
  options_.dry_run = true;
  EXPECT_EQ(run_prune(options_).heads.size(), 2U);
  EXPECT_FALSE(fs::exists(options_.out));
}

TEST_F(PruningTest, MaskedIsSilentInTheOldShapeAndCalledSo) {
  options_.mask = true;
  options_.heads = {{0, 0}};
  options_.max_loss_increase.reset();
  const PruneResult result = run_prune(options_);
  const GptRecord record = *read_gpt_record(options_.out);
  EXPECT_EQ(record.masked, options_.heads);
  EXPECT_TRUE(record.pruned.empty());
  EXPECT_EQ(record.config.n_heads, (std::vector<std::int64_t>{2, 2}));
  EXPECT_EQ(record.provenance.back().second, "masked L0H0");
  EXPECT_EQ(result.parameters_after, result.parameters_before);
}

TEST_F(PruningTest, AFoldedMeanIsWhatAblationByTheMeanMeasures) {
  options_.heads = {{0, 0}};
  options_.max_loss_increase.reset();
  const double zero = run_prune(options_).loss_after();
  options_.fold_mean = true;
  const double mean = run_prune(options_).loss_after();  // run_prune holds the new model against it
  EXPECT_GT(std::abs(zero - mean), 1e-4);
}

TEST_F(PruningTest, BuiltInTextsAreEnough) {
  options_.texts.clear();
  options_.dry_run = true;
  EXPECT_GT(run_prune(options_).n_held_out, 100);
}

TEST_F(PruningTest, AForeignModuleIsMaskedOrMustBeImported) {
  torch::jit::Module foreign = torch::jit::load(model_.string());
  foreign.save(model_.string());  // without the record
  options_.heads = {{0, 0}};
  options_.max_loss_increase.reset();
  const std::string message = refusal();
  EXPECT_NE(message.find("--mask"), std::string::npos) << message;
  EXPECT_NE(message.find("attnviz import"), std::string::npos);
  options_.mask = true;
  const PruneResult result = run_prune(options_);
  EXPECT_EQ(std::vector<std::string>(result.notes.begin() + 1, result.notes.end()),
            (std::vector<std::string>{"its method run_blocks is left out: it might attend unmasked",
                                      "its method hidden is left out: it might attend unmasked"}));
  options_.model = options_.out;
  options_.out = folder_.path() / "again.pt";
  options_.heads = {{0, 1}};
  EXPECT_NEAR(run_prune(options_).loss_before, result.loss_after(), 1e-5);
}

TEST_F(PruningTest, SharedLayersAskFirstAndSayWhatElseChanges) {
  GptConfig config = HandMadeWeights::config();
  config.shared_layers = true;
  save_gpt(build_gpt(config, HandMadeWeights()), {config, {}}, model_, Precision::single);
  options_.heads = {{1, 1}};
  const std::string message = refusal();
  EXPECT_NE(message.find("changing L1H1 also changes L0H1"), std::string::npos) << message;
  EXPECT_NE(message.find("--shared-layers"), std::string::npos);
  EXPECT_NE(message.find("--untie-layers"), std::string::npos);
  options_.heads.clear();
  EXPECT_NE(refusal().find("each head exists once"), std::string::npos);

  options_.heads = {{1, 1}};
  options_.shared_layers = SharedLayers::together;
  EXPECT_EQ(run_prune(options_).heads, (std::vector<HeadId>{{0, 1}, {1, 1}}));
  options_.shared_layers = SharedLayers::untie;
  const PruneResult untied = run_prune(options_);
  EXPECT_EQ(untied.heads, (std::vector<HeadId>{{1, 1}}));
  EXPECT_FALSE(read_gpt_record(options_.out)->config.shared_layers);
}

TEST_F(PruningTest, RefusesWhatMakesNoSense) {
  const auto refused = [&](auto change, const char* part) {
    const PruneOptions before = options_;
    change(options_);
    const std::string message = refusal();
    EXPECT_NE(message.find(part), std::string::npos) << message;
    options_ = before;
  };
  refused([](auto& o) { o.heads = {{0, 2}}; }, "there is no head L0H2: layer 0 has H0, H1");
  refused([](auto& o) { o.heads = {{0, 1}}, o.flagged = true; }, "neither");
  refused([](auto& o) { o.heads = {{0, 1}}, o.fraction = 0.5; }, "neither");
  refused([](auto& o) { o.fraction = 1.5; }, "--fraction");
  refused([](auto& o) { o.max_loss_increase.reset(); }, "say which heads");
  refused([](auto& o) { o.out = "/proc/none/out.pt"; }, "/proc/none");
  refused([&](auto& o) { o.context = 2000, o.texts = {vocabulary_.folder / "merges.txt"}; },
          "smaller --context");
  torch::NoGradGuard no_grad;
  torch::jit::Module broken = hand_made_gpt();
  broken.attr("norm_weight").toTensor().fill_(NAN);
  save_gpt(broken, {HandMadeWeights::config(), {}}, model_, Precision::single);
  refused([](auto&) {}, "not a finite number");
}

TEST_F(PruningTest, ResetWritesAModelThatIsTheMaskedOne) {
  ResetOptions reset;
  reset.model = model_;
  reset.out = options_.out;
  reset.heads = {{0, 0}};
  EXPECT_EQ(run_reset(reset), reset.heads);
  EXPECT_EQ(read_gpt_record(reset.out)->reset, reset.heads);
  const TokenIds ids = {97, 98, 99, 97, 98, 99};
  GatedModel before(model_), after(reset.out);
  EXPECT_NEAR(before.run(ids, before.without({{0, 0}})).loss,
              after.run(ids, after.open_gates()).loss, 1e-6);
  reset.heads = {{5, 0}};
  EXPECT_EQ(message_of([&] { (void)run_reset(reset); }),
            "there is no head L5H0: layers count from 0 to 1");
}

TEST_F(PruningTest, APrunedModelIsShownUnderItsOldNumbers) {
  options_.heads = {{0, 0}, {1, 0}, {1, 1}};
  options_.max_loss_increase.reset();
  (void)run_prune(options_);
  ShowOptions show;
  show.model = options_.out;
  show.vocabulary = vocabulary_.folder;
  show.out_dir = folder_.path();
  const Shown shown = visualize_attention("abcabc", "pruned", show);
  EXPECT_EQ(shown.kept, (KeptHeads{{1}, {}}));
  EXPECT_EQ(shown.files.size(), 3U);
  EXPECT_NE(read_file(shown.files[0]).find("those left: L0H1"), std::string::npos);
  show.figure.choice.heads = {1};
  EXPECT_EQ(visualize_attention("abcabc", "p", show).files.size(), 3U);
  show.figure.choice.heads = {0};
  EXPECT_EQ(message_of([&] { (void)visualize_attention("abcabc", "p", show); }),
            "there is no head 0; there is head 1");
}

}  // namespace
}  // namespace attnviz
