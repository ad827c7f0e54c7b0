#include "attnviz/finetune.h"

#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/script.h>
#include <torch/torch.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>
#include <string_view>

#include "attnviz/error.h"
#include "file/json.h"
#include "model/frozen_weights.h"
#include "model/model_file.h"
#include "model/training_loop.h"

namespace attnviz {
namespace {

using Json = nlohmann::ordered_json;

/// The first token of a window, and in which text.
struct Window {
  std::size_t text;
  std::int64_t start;
};

std::vector<Window> windows_of(const std::vector<TokenIds>& texts, std::int64_t context) {
  std::vector<Window> windows;
  for (std::size_t text = 0; text < texts.size(); ++text) {
    const auto n = std::int64_t(texts[text].size());
    for (std::int64_t start = 0; start + context < n; start += context) {
      windows.push_back({text, start});
    }
  }
  return windows;
}

/// Tells runs apart, on one machine.
void add_bytes(std::size_t& hash, const void* bytes, std::size_t n) {
  const std::string_view view(static_cast<const char*>(bytes), n);
  hash = 31 * hash + std::hash<std::string_view>{}(view);
}

std::size_t hash_of(const std::vector<TokenIds>& texts) {
  std::size_t hash = texts.size();
  for (const TokenIds& ids : texts) add_bytes(hash, ids.data(), ids.size() * sizeof(TokenId));
  return hash;
}

std::size_t hash_of(const torch::jit::Module& gpt) {
  std::size_t hash = 0;
  for (const at::Tensor& parameter : gpt.parameters()) {
    const at::Tensor values = parameter.detach().contiguous();
    add_bytes(hash, values.data_ptr(), values.nbytes());
  }
  return hash;
}

void check(const std::vector<TokenIds>& texts, const FinetuneOptions& options,
           const GptConfig& config) {
  const auto require = [](bool holds, const std::string& what) {
    if (!holds) throw UsageError(what);
  };
  require(options.context >= 1 && options.context <= config.n_positions,
          "the context must be 1 to " + std::to_string(config.n_positions) + " tokens, not " +
              std::to_string(options.context));
  require(options.epochs >= 1 && options.batch >= 1 && options.accumulate >= 1 &&
              options.softmax_samples >= 0,
          "fine-tuning needs an epoch, a window in a batch and a batch in a step");
  require(options.learning_rate > 0 && options.clip > 0,
          "the learning rate and the clip must be above 0");
  require(!texts.empty(), "there is no text to train on");
  for (const TokenIds& text : texts) {
    require(std::int64_t(text.size()) > options.context,
            "a text has " + std::to_string(text.size()) + " tokens, less than one window of " +
                std::to_string(options.context + 1) + "; use a smaller context");
  }
}

}  // namespace

struct Finetuning::State {
  Gpt gpt;
  const std::vector<TokenIds> texts;
  FinetuneOptions options;
  std::vector<Window> windows;
  Json plan;  // what a state to go on with must have in common
  FrozenWeights frozen;
  torch::optim::AdamW optimizer;
  std::int64_t step = 0;    // done
  std::int64_t tokens = 0;  // seen since the start of this object
  double loss_sum = 0;      // of the epoch that it stands in
  std::int64_t n_losses = 0;

  State(Gpt model, const std::vector<TokenIds>& all, const FinetuneOptions& how)
      : gpt(std::move(model)),
        texts(all),
        options(how),
        windows(windows_of(all, how.context)),
        plan(plan_of()),
        frozen(gpt, how.only_heads),
        optimizer(make_optimizer(*gpt.module, how.learning_rate)) {}

  [[nodiscard]] Json plan_of() const {
    return {{"weights", hash_of(*gpt.module)},
            {"texts", hash_of(texts)},
            {"epochs", options.epochs},
            {"learning rate", options.learning_rate},
            {"batch", options.batch},
            {"accumulate", options.accumulate},
            {"context", options.context},
            {"clip", options.clip},
            {"softmax samples", options.softmax_samples},
            {"choice of heads", to_string(options.only_heads)},
            {"seed", options.seed}};
  }

  [[nodiscard]] std::int64_t windows_a_step() const { return options.batch * options.accumulate; }
  [[nodiscard]] std::int64_t steps_an_epoch() const {
    return (std::int64_t(windows.size()) + windows_a_step() - 1) / windows_a_step();
  }
  [[nodiscard]] std::int64_t steps() const { return options.epochs * steps_an_epoch(); }

  /// The windows in the order of an epoch, counted from 0.
  [[nodiscard]] std::vector<Window> order_of(std::int64_t epoch) const {
    std::vector<Window> order = windows;
    std::seed_seq seed{options.seed, std::uint64_t(epoch)};
    std::mt19937_64 random(seed);
    std::shuffle(order.begin(), order.end(), random);
    return order;
  }

  [[nodiscard]] Batch batch_of(const std::vector<Window>& order, std::int64_t first,
                               std::int64_t end) const {
    const std::int64_t n = options.context + 1;
    Batch batch{torch::empty({end - first, n}, torch::kLong),
                torch::ones({end - first, n - 1}, torch::kBool),
                {},
                true};
    for (std::int64_t row = first; row < end; ++row) {
      const Window& window = order[std::size_t(row)];
      std::copy_n(texts[window.text].begin() + window.start, n,
                  batch.ids[row - first].data_ptr<std::int64_t>());
    }
    return batch;
  }

  [[nodiscard]] std::vector<Batch> batches_of(const std::vector<Window>& order,
                                              std::int64_t step_of_epoch) const {
    std::vector<Batch> batches;
    const std::int64_t first = step_of_epoch * windows_a_step();
    const std::int64_t end = std::min(first + windows_a_step(), std::int64_t(order.size()));
    for (std::int64_t at = first; at < end; at += options.batch) {
      batches.push_back(batch_of(order, at, std::min(at + options.batch, end)));
    }
    return batches;
  }

  [[nodiscard]] double learning_rate_at(std::int64_t at) const {
    const double warm_up = 0.05 * double(steps());
    return options.learning_rate * std::min(1.0, double(at) / std::max(1.0, warm_up));
  }

  bool run_to(std::int64_t last, const std::function<bool(const FinetuneProgress&)>& on_step);
};

bool Finetuning::State::run_to(std::int64_t last,
                               const std::function<bool(const FinetuneProgress&)>& on_step) {
  const std::int64_t epoch = step / steps_an_epoch();
  const std::vector<Window> order = order_of(epoch);
  bool goes_on = true;
  TrainingLoop loop;
  loop.first_step = step + 1;
  loop.last_step = last;
  loop.clip = options.clip;
  loop.softmax_samples = options.softmax_samples;
  loop.batches = [&](std::int64_t at) {
    // Dropout and samples hang on nothing that came before, so that a step can be the first one.
    torch::manual_seed(options.seed * 0x9e3779b97f4a7c15U + std::uint64_t(at));
    return batches_of(order, at - 1 - epoch * steps_an_epoch());
  };
  loop.learning_rate = [&](std::int64_t at) { return learning_rate_at(at); };
  loop.before_update = [&] { frozen.mask_gradients(); };
  loop.after_update = [&] { frozen.restore(); };
  run_loop(*gpt.module, optimizer, loop, [&](const LoopStep& done) {
    step = done.step;
    tokens += done.n_tokens;
    loss_sum += done.loss * double(done.n_tokens);
    n_losses += done.n_tokens;
    goes_on = !on_step || on_step({epoch + 1, step, steps(), tokens, done.loss});
    return goes_on;
  });
  return goes_on;
}

Finetuning::Finetuning(Gpt gpt, const std::vector<TokenIds>& texts,
                       const FinetuneOptions& options) {
  check(texts, options, gpt.record.config);
  state_ = std::make_unique<State>(std::move(gpt), texts, options);
}
Finetuning::Finetuning(Finetuning&&) noexcept = default;
Finetuning::~Finetuning() = default;

std::optional<double> Finetuning::run_epoch(
    const std::function<bool(const FinetuneProgress&)>& on_step) {
  State& state = *state_;
  if (state.step >= state.steps()) return std::nullopt;
  const std::int64_t last = (epochs_done() + 1) * state.steps_an_epoch();
  bool goes_on = false;
  // The executor rewrites a graph after it ran a few times, and rounds otherwise from then on: a
  // run that goes on would differ from one that never stopped.
  const torch::jit::GraphOptimizerEnabledGuard as_written(false);
  try {
    goes_on = state.run_to(last, on_step);
  } catch (const c10::Error& error) {
    throw ModelError("training failed: " + first_line(error));
  }
  if (state.step < last && !goes_on) return std::nullopt;
  const double mean = state.loss_sum / double(state.n_losses);
  state.loss_sum = 0;
  state.n_losses = 0;
  return mean;
}

std::int64_t Finetuning::epochs_done() const {
  return state_->step / state_->steps_an_epoch();
}
std::int64_t Finetuning::steps_done() const {
  return state_->step;
}
std::int64_t Finetuning::steps() const {
  return state_->steps();
}
const Gpt& Finetuning::gpt() const {
  return state_->gpt;
}

std::string Finetuning::state(const std::string& note) const {
  const State& state = *state_;
  torch::serialize::OutputArchive archive;
  archive.write("plan", c10::IValue(state.plan.dump()));
  archive.write("note", c10::IValue(note));
  archive.write("step", c10::IValue(state.step));
  archive.write("loss_sum", c10::IValue(state.loss_sum));
  archive.write("n_losses", c10::IValue(state.n_losses));
  std::size_t n = 0;
  for (const at::Tensor& parameter : state.gpt.module->parameters()) {
    archive.write("weights_" + std::to_string(n++), parameter.detach());
  }
  torch::serialize::OutputArchive optimizer(archive.compilation_unit());
  state.optimizer.save(optimizer);
  archive.write("optimizer", optimizer);
  std::ostringstream bytes;
  archive.save_to(bytes);
  return bytes.str();
}

namespace {

/// A zip archive ends with a record of 22 bytes, where it was written to the end. LibTorch would
/// say so too, but keeps some memory each time.
bool is_whole_archive(const std::string& bytes) {
  constexpr std::size_t kEnd = 22;
  return bytes.size() >= kEnd && bytes.compare(bytes.size() - kEnd, 4, "PK\x05\x06") == 0;
}

}  // namespace

std::string Finetuning::resume(const std::string& saved) {
  if (!is_whole_archive(saved)) {
    throw ModelError("the state of that run is damaged: it does not go on to its end");
  }
  State& state = *state_;
  torch::NoGradGuard no_grad;
  try {
    std::istringstream bytes(saved);
    torch::serialize::InputArchive archive;
    archive.load_from(bytes, torch::kCPU);
    const auto value = [&](const char* name) {
      c10::IValue read;
      archive.read(name, read);
      return read;
    };
    const Json plan = Json::parse(shallow(value("plan").toStringRef()));
    for (const auto& [name, now] : state.plan.items()) {
      if (plan.at(name) == now) continue;
      std::string what = "its " + name + " was " + plan.at(name).dump() + ", not " + now.dump();
      if (name == "weights") what = "it began with another model";
      if (name == "texts") what = "it had other texts, or held out another share";
      throw UsageError("that run cannot be gone on with: " + what);
    }
    std::size_t n = 0;
    for (at::Tensor parameter : state.gpt.module->parameters()) {
      at::Tensor read;
      archive.read("weights_" + std::to_string(n++), read);
      parameter.copy_(read);
    }
    torch::serialize::InputArchive optimizer;
    archive.read("optimizer", optimizer);
    state.optimizer.load(optimizer);
    state.step = value("step").toInt();
    state.loss_sum = value("loss_sum").toDouble();
    state.n_losses = value("n_losses").toInt();
    return value("note").toStringRef();
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw ModelError("the state of that run is damaged: " + first_line(error));
  }
}

}  // namespace attnviz
