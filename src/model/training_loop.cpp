#include "model/training_loop.h"

#include <cmath>

#include "attnviz/error.h"

namespace attnviz {
namespace {

using torch::indexing::None;
using torch::indexing::Slice;

/// What the softmax of one step is taken over, instead of the whole vocabulary.
struct Candidates {
  at::Tensor tokens;   ///< [n] int64, no token twice
  at::Tensor targets;  ///< [predictions] int64, indices into tokens
  at::Tensor weight;   ///< [n]: log of how many tokens each stands for
};

/// The targets themselves and `n_samples` others drawn evenly, each of which stands for all the
/// tokens that were not drawn (importance sampling; Jean et al. 2015, "sampled softmax").
Candidates choose_candidates(const at::Tensor& targets, const at::Tensor& fixed,
                             std::int64_t vocabulary_size, std::int64_t n_samples,
                             at::ScalarType type) {
  at::Tensor own = fixed.defined() ? fixed : std::get<0>(at::_unique2(targets));
  at::Tensor weight = torch::zeros({own.size(0)}, type);
  at::Tensor tokens = own;
  if (!fixed.defined()) {
    const at::Tensor drawn =
        std::get<0>(at::_unique2(torch::randint(vocabulary_size, {n_samples}, torch::kLong)));
    const at::Tensor others = drawn.masked_select(torch::isin(drawn, own).logical_not());
    const double each = double(vocabulary_size - own.size(0)) / double(others.size(0));
    tokens = torch::cat({own, others});
    weight = torch::cat({weight, torch::full({others.size(0)}, std::log(each), type)});
  }
  return {tokens, torch::searchsorted(own, targets), weight};
}

std::vector<at::Tensor> trained_parameters(const torch::jit::Module& gpt) {
  std::vector<at::Tensor> all;
  for (const at::Tensor& parameter : gpt.parameters()) {
    if (parameter.requires_grad()) all.push_back(parameter);
  }
  return all;
}

std::string not_finite(const char* what, std::int64_t step) {
  return std::string(what) + " is not finite at step " + std::to_string(step) +
         "; try a smaller learning rate";
}

/// The gradients of all batches of a step. Returns the loss, each prediction counting the same.
double add_gradients(torch::jit::Module& gpt, const std::vector<Batch>& batches,
                     std::int64_t n_samples, std::int64_t step) {
  double n_predictions = 0, total = 0;
  for (const Batch& batch : batches) n_predictions += batch.counts.sum().item<double>();
  for (const Batch& batch : batches) {
    gpt.train(batch.with_dropout);
    const double share = batch.counts.sum().item<double>() / n_predictions;
    const at::Tensor loss = loss_of(gpt, batch, n_samples);
    total += share * loss.item<double>();
    if (!std::isfinite(total)) throw ModelError(not_finite("the loss", step));
    (batches.size() == 1 ? loss : loss * share).backward();
  }
  return total;
}

}  // namespace

at::Tensor loss_of(torch::jit::Module& gpt, const Batch& batch, std::int64_t n_samples) {
  const bool is_tied = !gpt.hasattr("lm_head");
  const at::Tensor lm_head = gpt.attr(is_tied ? "token_embedding" : "lm_head").toTensor();
  const at::Tensor inputs = batch.ids.index({Slice(), Slice(None, -1)});
  const at::Tensor targets = batch.ids.index({Slice(), Slice(1, None)}).masked_select(batch.counts);
  const at::Tensor hidden =
      gpt.get_method("hidden")({inputs}).toTensor().index({batch.counts});  // [predictions, d]
  namespace F = torch::nn::functional;
  if (n_samples == 0 && !batch.softmax_tokens.defined()) {
    return F::cross_entropy(hidden.matmul(lm_head.t()), targets);
  }
  const Candidates candidates = choose_candidates(targets, batch.softmax_tokens, lm_head.size(0),
                                                  n_samples, lm_head.scalar_type());
  const at::Tensor logits =
      torch::addmm(candidates.weight, hidden, lm_head.index_select(0, candidates.tokens).t());
  return F::cross_entropy(logits, candidates.targets);
}

torch::optim::AdamW make_optimizer(const torch::jit::Module& gpt, double learning_rate) {
  std::vector<at::Tensor> decayed, others;
  for (const auto& parameter : gpt.named_parameters()) {
    if (!parameter.value.requires_grad()) continue;
    const bool is_matrix = parameter.value.dim() >= 2 && parameter.name != "token_embedding";
    (is_matrix ? decayed : others).push_back(parameter.value);
  }
  const auto options = [&](double decay) {
    auto group = std::make_unique<torch::optim::AdamWOptions>(learning_rate);
    group->betas(std::make_tuple(0.9, 0.98)).weight_decay(decay);
    return group;
  };
  std::vector<torch::optim::OptimizerParamGroup> groups;
  groups.emplace_back(decayed, options(0.01));
  groups.emplace_back(others, options(0.0));
  return torch::optim::AdamW(groups, torch::optim::AdamWOptions(learning_rate));
}

void run_loop(torch::jit::Module& gpt, torch::optim::AdamW& optimizer, const TrainingLoop& loop,
              const std::function<bool(const LoopStep&)>& on_step) {
  const std::vector<at::Tensor> parameters = trained_parameters(gpt);
  for (std::int64_t step = loop.first_step; step <= loop.last_step; ++step) {
    const std::vector<Batch> batches = loop.batches(step);
    for (auto& group : optimizer.param_groups()) {
      group.options().set_lr(loop.learning_rate(step));
    }
    optimizer.zero_grad();
    LoopStep done{.step = step, .repeats_only = batches[0].softmax_tokens.defined()};
    for (const Batch& batch : batches) done.n_tokens += batch.counts.numel();
    done.loss = add_gradients(gpt, batches, loop.softmax_samples, step);
    if (loop.before_update) loop.before_update();
    if (!std::isfinite(torch::nn::utils::clip_grad_norm_(parameters, loop.clip))) {
      throw ModelError(not_finite("the gradient", step));
    }
    optimizer.step();
    if (loop.after_update) loop.after_update();
    if (!on_step(done)) break;
  }
  gpt.eval();
}

}  // namespace attnviz
