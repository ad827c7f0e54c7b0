#include "attnviz/finetune.h"

#include <gtest/gtest.h>

#include <cmath>

#include "attnviz/error.h"
#include "attnviz/surgery.h"
#include "attnviz/train.h"
#include "model/head_weights.h"
#include "model/training_loop.h"
#include "test_models.h"

namespace attnviz {
namespace {

Gpt fresh_gpt(GptConfig config = tiny_gpt()) {
  return {std::make_shared<torch::jit::Module>(build_gpt(config, 3)), {config, {}}};
}

TokenIds counting_text(std::size_t n) {
  TokenIds ids(n);
  for (std::size_t i = 0; i < n; ++i) ids[i] = TokenId((i * i) % 11);
  return ids;
}

FinetuneOptions short_run() {
  FinetuneOptions options;
  options.epochs = 2;
  options.batch = 2;
  options.context = 16;
  options.learning_rate = 1e-3;
  return options;
}

const auto kGoOn = [](const FinetuneProgress&) { return true; };

void run_all(Finetuning& finetuning) {
  while (finetuning.run_epoch(kGoOn)) {
  }
}

bool are_equal(const Gpt& a, const Gpt& b) {
  const auto ours = a.module->named_parameters(), theirs = b.module->named_parameters();
  auto other = theirs.begin();
  for (const auto& [name, values] : ours) {
    if (!at::equal(values, (*other).value)) return false;
    ++other;
  }
  return true;
}

std::vector<at::Tensor> weights_of(const Gpt& gpt) {
  std::vector<at::Tensor> all;
  for (const at::Tensor& parameter : gpt.module->parameters()) {
    all.push_back(parameter.detach().clone());
  }
  return all;
}

double largest_difference(const Gpt& a, const Gpt& b) {
  double largest = 0;
  const auto ours = weights_of(a), theirs = weights_of(b);
  for (std::size_t i = 0; i < ours.size(); ++i) {
    largest = std::max(largest, (ours[i] - theirs[i]).abs().max().item<double>());
  }
  return largest;
}

Batch some_batch() {
  Batch batch{torch::empty({2, 9}, torch::kLong), torch::ones({2, 8}, torch::kBool), {}, false};
  for (std::int64_t i = 0; i < 18; ++i) batch.ids.view(-1)[i] = (7 * i * i + i) % 40;
  batch.counts[1][3] = false;
  return batch;
}

// In float64, where rounding does not hide a mistake.
TEST(LossOf, HasTheGradientOfFiniteDifferences) {
  GptConfig config = tiny_gpt();
  config.qkv_bias = true;
  const Gpt gpt = fresh_gpt(config);
  gpt.module->to(torch::kDouble);
  gpt.module->eval();
  const Batch batch = some_batch();
  // Over all tokens, and over those of the batch alone.
  Batch sampled = batch;
  sampled.softmax_tokens = torch::arange(40).narrow(0, 0, 40);
  for (const Batch& each : {batch, sampled}) {
    for (const at::Tensor& parameter : gpt.module->parameters())
      parameter.mutable_grad() = at::Tensor();
    loss_of(*gpt.module, each, 0).backward();
    for (const auto& [name, parameter] : gpt.module->named_parameters()) {
      torch::NoGradGuard no_grad;
      const at::Tensor flat = parameter.view(-1), slope = parameter.grad().view(-1);
      for (const std::int64_t i : {std::int64_t(0), flat.size(0) / 2, flat.size(0) - 1}) {
        constexpr double kStep = 1e-6;
        flat[i] += kStep;
        const double above = loss_of(*gpt.module, each, 0).item<double>();
        flat[i] -= 2 * kStep;
        const double below = loss_of(*gpt.module, each, 0).item<double>();
        flat[i] += kStep;
        EXPECT_NEAR(slope[i].item<double>(), (above - below) / (2 * kStep), 1e-8) << name;
      }
    }
  }
}

TEST(LossOf, IsThatOfTheWholeVocabulary) {
  const Gpt gpt = fresh_gpt();
  gpt.module->eval();
  const TokenIds ids = counting_text(17);
  Batch batch{torch::tensor(ids).unsqueeze(0), torch::ones({1, 16}, torch::kBool), {}, false};
  EXPECT_NEAR(loss_of(*gpt.module, batch, 0).item<double>(), held_out_loss(*gpt.module, {ids}, 16),
              1e-5);
}

TEST(Finetune, LearnsTheText) {
  const std::vector<TokenIds> texts = {counting_text(400)};
  FinetuneOptions options = short_run();
  options.epochs = 8;
  options.learning_rate = 1e-2;
  Finetuning finetuning(fresh_gpt(), texts, options);
  const double before = held_out_loss(*finetuning.gpt().module, texts, 16);
  std::vector<double> losses;
  while (const auto loss = finetuning.run_epoch(kGoOn)) losses.push_back(*loss);
  ASSERT_EQ(losses.size(), 8U);
  EXPECT_GT(losses.front(), losses.back() + 0.5);
  EXPECT_LT(held_out_loss(*finetuning.gpt().module, texts, 16), before - 1);
}

TEST(Finetune, SeesEveryWindowOnceAnEpoch) {
  FinetuneOptions options = short_run();
  options.accumulate = 2;
  // 6 and 3 whole windows of 16 predictions; 4 windows a step.
  Finetuning finetuning(fresh_gpt(), {counting_text(6 * 16 + 5), counting_text(3 * 16 + 1)},
                        options);
  EXPECT_EQ(finetuning.steps(), 2 * 3);
  std::vector<std::int64_t> tokens;
  (void)finetuning.run_epoch([&](const FinetuneProgress& progress) {
    tokens.push_back(progress.tokens);
    return true;
  });
  EXPECT_EQ(tokens, (std::vector<std::int64_t>{64, 128, 144}));
}

TEST(Finetune, TheSameSeedGivesTheSameWeightsAndAnotherDoesNot) {
  const std::vector<TokenIds> texts = {counting_text(200)};
  const auto trained = [&](std::uint64_t seed) {
    FinetuneOptions options = short_run();
    options.seed = seed;
    options.softmax_samples = 8;
    Finetuning finetuning(fresh_gpt(), texts, options);
    run_all(finetuning);
    return finetuning.gpt();
  };
  const Gpt first = trained(1);
  EXPECT_TRUE(are_equal(first, trained(1)));
  EXPECT_FALSE(are_equal(first, trained(2)));
}

TEST(Finetune, AccumulatedBatchesAreOneLargeBatch) {
  GptConfig config = tiny_gpt();
  config.dropout = 0;
  const auto trained = [&](std::int64_t batch, std::int64_t accumulate) {
    FinetuneOptions options = short_run();
    options.batch = batch;
    options.accumulate = accumulate;
    // 13 windows: the last step has fewer.
    Finetuning finetuning(fresh_gpt(config), {counting_text(13 * 16 + 1)}, options);
    run_all(finetuning);
    return finetuning.gpt();
  };
  const Gpt large = trained(6, 1);
  EXPECT_LE(largest_difference(large, trained(2, 3)), 1e-4);
  EXPECT_GT(largest_difference(large, trained(2, 1)), 1e-3);
}

TEST(Finetune, AnInterruptedRunEndsInTheSameWeights) {
  const std::vector<TokenIds> texts = {counting_text(300)};
  FinetuneOptions options = short_run();
  options.epochs = 3;
  options.softmax_samples = 8;
  Finetuning whole(fresh_gpt(), texts, options);
  std::vector<double> losses;
  while (const auto loss = whole.run_epoch(kGoOn)) losses.push_back(*loss);
  for (const std::int64_t stop_at : {1, 9, 13}) {  // the second ends an epoch
    std::string state;
    {
      Finetuning first(fresh_gpt(), texts, options);
      const auto until = [&](const FinetuneProgress& progress) { return progress.step < stop_at; };
      while (first.run_epoch(until) && first.steps_done() < stop_at) {
      }
      EXPECT_EQ(first.steps_done(), stop_at);
      state = first.state("a note");
    }
    Finetuning second(fresh_gpt(), texts, options);
    EXPECT_EQ(second.resume(state), "a note");
    EXPECT_EQ(second.steps_done(), stop_at);
    std::optional<double> last;
    while (const auto loss = second.run_epoch(kGoOn)) last = loss;
    EXPECT_TRUE(are_equal(whole.gpt(), second.gpt())) << stop_at;
    EXPECT_EQ(last, losses.back());
  }
}

TEST(Finetune, AStateOfAnotherRunIsRefusedByWhatDiffers) {
  const std::vector<TokenIds> texts = {counting_text(100)};
  const std::string state = Finetuning(fresh_gpt(), texts, short_run()).state("");
  const auto refusal = [&](Finetuning finetuning) -> std::string {
    try {
      (void)finetuning.resume(state);
    } catch (const UsageError& error) {
      return error.what();
    }
    return "";
  };
  FinetuneOptions other = short_run();
  other.learning_rate = 0.5;
  EXPECT_NE(refusal({fresh_gpt(), texts, other}).find("learning rate was 0.001, not 0.5"),
            std::string::npos);
  EXPECT_NE(refusal({fresh_gpt(), {counting_text(101)}, short_run()}).find("it had other texts"),
            std::string::npos);
  EXPECT_EQ(refusal({fresh_gpt(), texts, short_run()}), "");
  Finetuning finetuning(fresh_gpt(), texts, short_run());
  EXPECT_THROW((void)finetuning.resume("no state"), ModelError);
  EXPECT_THROW((void)finetuning.resume(state.substr(0, state.size() / 2)), ModelError);
}

TEST(Finetune, TrainsTheChosenHeadsAloneBitForBit) {
  const std::vector<HeadId> heads = {{0, 2}, {1, 0}};
  GptConfig config = tiny_gpt();
  config.qkv_bias = true;
  const Gpt start = reset_heads(fresh_gpt(config), heads, HeadInit::xavier, 1);
  FinetuneOptions options = short_run();
  options.only_heads = heads;
  Finetuning finetuning(start, {counting_text(300)}, options);
  const Gpt before = reset_heads(fresh_gpt(config), heads, HeadInit::xavier, 1);
  run_all(finetuning);
  const Gpt& after = finetuning.gpt();
  for (const auto& [name, was] : before.module->named_parameters()) {
    const at::Tensor is = weight(*after.module, name);
    const auto part = block_weight(name);
    if (!part || !head_axis(part->name)) {
      EXPECT_TRUE(at::equal(was, is)) << name;
      continue;
    }
    for (std::int64_t head = 0; head < 4; ++head) {
      const bool is_trained = head == (part->block == 0 ? 2 : 0);
      const bool is_same =
          at::equal(of_head(was, part->name, head, 4), of_head(is, part->name, head, 4));
      // A bias of the keys shifts all scores of a row alike, and so has no effect.
      if (is_trained && part->name == "b_k") continue;
      EXPECT_EQ(is_same, !is_trained) << name << " of head " << head;
    }
  }
}

TEST(Finetune, ALossThatIsNotFiniteStopsBeforeTheWeightsAreTouched) {
  FinetuneOptions options = short_run();
  options.learning_rate = 1e30;
  Finetuning finetuning(fresh_gpt(), {counting_text(300)}, options);
  std::int64_t last = 0;
  try {
    (void)finetuning.run_epoch([&](const FinetuneProgress& progress) {
      last = progress.step;
      return true;
    });
    ADD_FAILURE() << "it should not go on";
  } catch (const ModelError& error) {
    const std::string expected = "not finite at step " + std::to_string(last + 1);
    EXPECT_NE(std::string(error.what()).find(expected), std::string::npos) << error.what();
  }
  EXPECT_EQ(finetuning.steps_done(), last);
}

TEST(Finetune, RefusesWhatCannotBeTrained) {
  const auto refused = [](const std::vector<TokenIds>& texts, auto change) {
    FinetuneOptions options = short_run();
    change(options);
    EXPECT_THROW(Finetuning(fresh_gpt(), texts, options), UsageError);
  };
  const std::vector<TokenIds> texts = {counting_text(100)};
  refused({}, [](auto&) {});
  refused({counting_text(16)}, [](auto&) {});
  refused(texts, [](auto& options) { options.context = 33; });
  refused(texts, [](auto& options) { options.epochs = 0; });
  refused(texts, [](auto& options) { options.learning_rate = 0; });
  refused(texts, [](auto& options) { options.only_heads = {{0, 4}}; });
}

}  // namespace
}  // namespace attnviz
