#include <torch/script.h>

#include <algorithm>
#include <random>

#include "attnviz/error.h"
#include "attnviz/file.h"
#include "attnviz/run.h"
#include "run/consent.h"
#include "run/split.h"

namespace attnviz {
namespace {

/// Per layer [head], summed over what was added.
using Sums = std::vector<at::Tensor>;

void add(Sums& sums, std::size_t layer, const at::Tensor& scores) {
  if (sums.size() <= layer) {
    sums.push_back(scores);
  } else {
    sums[layer] += scores;
  }
}

/// None where nothing was added, or no head is left.
std::optional<BestHead> best(const Sums& sums, double n, const KeptHeads& kept) {
  std::optional<BestHead> found;
  for (std::size_t layer = 0; layer < sums.size(); ++layer) {
    if (sums[layer].numel() == 0) continue;
    const auto [score, index] = sums[layer].max(0);
    if (!found || score.item<double>() / n > found->score) {
      const int head = head_number(kept, std::int64_t(layer), index.item<std::int64_t>());
      found = {{int(layer), head}, score.item<double>() / n};
    }
  }
  return found;
}

std::vector<at::Tensor> patterns_on(torch::jit::Module& gpt, const TokenIds& ids) {
  std::vector<at::Tensor> layers = patterns_of(gpt, torch::tensor(ids).unsqueeze(0));
  for (at::Tensor& layer : layers) layer = layer.squeeze(0);
  return layers;
}

/// A block of random tokens that fills the window with its repeats.
TokenIds repeated_block(std::mt19937_64& random, std::int64_t length, std::int64_t window,
                        std::int64_t vocabulary_size) {
  std::uniform_int_distribution<TokenId> token(0, vocabulary_size - 1);
  TokenIds ids;
  for (std::int64_t i = 0; i < window; ++i) {
    ids.push_back(i < length ? token(random) : ids[std::size_t(i - length)]);
  }
  return ids;
}

std::optional<BestHead> measure_induction(torch::jit::Module& gpt, std::int64_t context,
                                          const KeptHeads& kept) {
  constexpr int kProbes = 16;
  const std::int64_t vocabulary_size = gpt.attr("token_embedding").toTensor().size(0);
  std::mt19937_64 random(1);
  Sums sums;
  for (int probe = 0; probe < kProbes; ++probe) {
    const auto length = std::uniform_int_distribution<std::int64_t>(8, context / 2)(random);
    const TokenIds ids = repeated_block(random, length, context, vocabulary_size);
    const auto layers = patterns_on(gpt, ids);
    for (std::size_t l = 0; l < layers.size(); ++l) add(sums, l, induction_score(layers[l], ids));
  }
  return best(sums, kProbes, kept);
}

Gpt new_gpt(const TrainRunOptions& options, const Tokenizer& tokenizer) {
  GptConfig config = trainable_gpt(options.n_layers, options.n_heads, options.d_model);
  config.vocabulary_size = std::int64_t(tokenizer.size());
  config.n_positions = std::max(config.n_positions, options.train.context);
  return {std::make_shared<torch::jit::Module>(build_gpt(config, options.train.seed)),
          {config, {}}};
}

Gpt gpt_to_go_on_with(const std::filesystem::path& path, const Tokenizer& tokenizer) {
  Gpt gpt = load_gpt(path);
  require_vocabulary(gpt.record.config, tokenizer, path);
  if (gpt.record.masked.empty()) return gpt;
  throw UsageError("training would wake the masked heads of " + path.string() + ", " +
                   to_string(gpt.record.masked) + ": prune them, or use attnviz finetune");
}

constexpr std::size_t kSteps = 2;  ///< of provenance's entries

/// All but the steps. Made before training, which may write over the model that it goes on with.
Provenance provenance(const TrainRunOptions& options) {
  Provenance provenance = {{"attnviz", version()},
                           {"made by", "attnviz train"},
                           {"steps", "0"},
                           {"seed", std::to_string(options.train.seed)}};
  if (!options.from.empty()) {
    provenance.emplace_back("sha256 " + options.from.filename().string(),
                            sha256_of_file(options.from));
  }
  for (const auto& path : options.texts) {
    provenance.emplace_back("sha256 " + path.filename().string(), sha256_of_file(path));
  }
  return provenance;
}

}  // namespace

TrainMeasure measure_gpt(torch::jit::Module& gpt, const std::vector<TokenIds>& texts,
                         std::int64_t context, const KeptHeads& kept) {
  torch::NoGradGuard no_grad;
  gpt.eval();
  TrainMeasure measure;
  measure.held_out_loss = held_out_loss(gpt, texts, context);
  Sums previous, current, first;
  double n = 0;
  for (const TokenIds& text : texts) {
    const auto end = std::int64_t(text.size());
    for (std::int64_t start = 0; start + context <= end; start += context, ++n) {
      const TokenIds ids(text.begin() + start, text.begin() + start + context);
      const auto layers = patterns_on(gpt, ids);
      for (std::size_t l = 0; l < layers.size(); ++l) {
        add(previous, l, previous_token_score(layers[l]));
        add(current, l, current_token_score(layers[l]));
        add(first, l, first_token_score(layers[l]));
      }
    }
  }
  measure.previous_token = best(previous, n, kept);
  measure.current_token = best(current, n, kept);
  measure.first_token = best(first, n, kept);
  measure.induction = measure_induction(gpt, context, kept);
  return measure;
}

TrainMeasure run_training(const TrainRunOptions& options,
                          const std::function<bool(const TrainProgress&)>& on_step,
                          const std::function<void(const TrainMeasure&)>& on_measure) {
  check_writable(options.out);
  const Tokenizer tokenizer(options.vocabulary.empty() ? built_in_vocabulary()
                                                       : options.vocabulary);
  const Split split =
      read_split(options.texts, options.held_out, options.train.context + 2, tokenizer);
  const Gpt start = options.from.empty() ? new_gpt(options, tokenizer)
                                         : gpt_to_go_on_with(options.from, tokenizer);
  torch::jit::Module& gpt = *start.module;
  TrainOptions how = options.train;
  if (!options.from.empty()) how.repeat_share = 0;
  GptRecord record = start.record;
  record.provenance = provenance(options);
  TrainMeasure measure;
  const auto measure_and_save = [&](std::int64_t step) {
    record.provenance[kSteps].second = std::to_string(step);
    save_gpt(gpt, record, options.out, Precision::half);
    measure = measure_gpt(gpt, split.held_out, options.train.context, record.config.kept);
    measure.step = step;
    on_measure(measure);
  };
  train(gpt, split.used, how, [&](const TrainProgress& progress) {
    const bool goes_on = on_step(progress);
    const bool is_last = !goes_on || progress.step == progress.steps;
    if (is_last || progress.step % options.measure_every == 0) measure_and_save(progress.step);
    return goes_on;
  });
  return measure;
}

}  // namespace attnviz
