#include "attnviz/train.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "attnviz/error.h"
#include "model/model_file.h"
#include "model/training_loop.h"

namespace attnviz {
namespace {

class Batches {
 public:
  Batches(const std::vector<TokenIds>& texts, const TrainOptions& options,
          std::int64_t vocabulary_size)
      : texts_(texts), options_(options), vocabulary_size_(vocabulary_size), random_(options.seed) {
    std::vector<double> windows;
    for (const TokenIds& text : texts) windows.push_back(double(text.size()) - options.context);
    text_choice_ = std::discrete_distribution<std::size_t>(windows.begin(), windows.end());
  }

  /// Blocks of random tokens, repeated through the window. A batch draws on few tokens, so that its
  /// softmax is cheap and copying is the only thing to learn.
  Batch repeats(std::int64_t window, std::int64_t shortest, std::int64_t longest, bool few_words) {
    TokenIds pool(256);
    for (TokenId& id : pool) id = uniform(0, vocabulary_size_ - 1);
    Batch batch = empty(options_.batch_tokens / window, window);
    for (std::int64_t row = 0; row < batch.ids.size(0); ++row) {
      const std::int64_t length = uniform(shortest, longest);
      const TokenIds words = choose_words(length, few_words);
      if (few_words && chance() < 0.2) {
        fill_refrain(batch, row, [&] { return pool[std::size_t(uniform(0, 255))]; });
        continue;
      }
      fill_repeats(batch, row, length,
                   [&](std::int64_t) { return pool[std::size_t(pick(words) % 256)]; });
    }
    batch.softmax_tokens = std::get<0>(at::_unique2(torch::tensor(pool)));
    // Random blocks cannot be learned by heart, and dropout slows the learning of exact copies.
    batch.with_dropout = false;
    return batch;
  }

  /// Windows of text; some of them repeat a stretch of text, or of random tokens.
  Batch text() {
    Batch batch = empty(options_.batch_tokens / options_.context, options_.context);
    const std::int64_t window = options_.context;
    for (std::int64_t row = 0; row < batch.ids.size(0); ++row) {
      const TokenIds& source = texts_[text_choice_(random_)];
      const auto start = source.begin() + uniform(0, std::int64_t(source.size()) - window - 1);
      if (chance() >= options_.mixed_repeats) {
        std::copy_n(start, window + 1, batch.ids[row].data_ptr<std::int64_t>());
        continue;
      }
      const std::int64_t length = uniform(4, window / 2);
      const double kind = chance();
      if (kind < 0.2) {
        fill_refrain(batch, row, [&] { return uniform(0, vocabulary_size_ - 1); });
      } else if (kind < 0.5) {
        const TokenIds words = choose_words(length, true);
        fill_repeats(batch, row, length, [&](std::int64_t) { return pick(words); });
      } else {
        fill_repeats(batch, row, length, [&](std::int64_t i) { return start[i]; });
        // A repeated stretch of text is worth predicting from its start.
        batch.counts[row].fill_(true);
      }
    }
    return batch;
  }

  std::int64_t uniform(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random_);
  }

 private:
  static Batch empty(std::int64_t rows, std::int64_t window) {
    return {torch::empty({rows, window + 1}, torch::kLong),
            torch::ones({rows, window}, torch::kBool),
            {},
            true};
  }

  template <typename Token>
  static void fill_repeats(Batch& batch, std::int64_t row, std::int64_t length, Token token) {
    std::int64_t* ids = batch.ids[row].data_ptr<std::int64_t>();
    for (std::int64_t i = 0; i < batch.ids.size(1); ++i) {
      ids[i] = i < length ? token(i) : ids[i - length];
    }
    batch.counts[row].narrow(0, 0, std::min(length, batch.counts.size(1))).fill_(false);
  }

  /// Random tokens among which the window's first one comes back now and then, at places that
  /// nothing foretells. Only those places count: what to say there is told by the first position
  /// alone.
  template <typename Token>
  void fill_refrain(Batch& batch, std::int64_t row, Token token) {
    std::int64_t* ids = batch.ids[row].data_ptr<std::int64_t>();
    bool* counts = batch.counts[row].data_ptr<bool>();
    ids[0] = token();
    for (std::int64_t i = 1; i < batch.ids.size(1); ++i) {
      counts[i - 1] = chance() < 0.1;
      ids[i] = counts[i - 1] ? ids[0] : token();
    }
  }

  /// The tokens that a random block is made of. With `few_words` half of the blocks use each token
  /// several times: what follows is then told only by the token before as well, and heads that look
  /// there must form.
  TokenIds choose_words(std::int64_t length, bool few_words) {
    const bool is_narrow = few_words && chance() < 0.5;
    TokenIds words(static_cast<std::size_t>(is_narrow ? uniform(2, length / 2 + 1) : 256));
    for (TokenId& id : words) id = uniform(0, vocabulary_size_ - 1);
    return words;
  }

  TokenId pick(const TokenIds& words) {
    return words[static_cast<std::size_t>(uniform(0, std::int64_t(words.size()) - 1))];
  }

  double chance() { return std::uniform_real_distribution<double>()(random_); }

  const std::vector<TokenIds>& texts_;
  const TrainOptions& options_;
  std::int64_t vocabulary_size_;
  std::mt19937_64 random_;
  std::discrete_distribution<std::size_t> text_choice_;
};

/// Linear warm-up, then a cosine down to a tenth.
double learning_rate_at(std::int64_t step, const TrainOptions& options) {
  if (step <= options.warmup_steps) {
    return options.learning_rate * double(step) / double(options.warmup_steps);
  }
  const double done =
      double(step - options.warmup_steps) / double(options.steps - options.warmup_steps);
  return options.learning_rate * (0.1 + 0.45 * (1 + std::cos(M_PI * done)));
}

void check(const std::vector<TokenIds>& texts, const TrainOptions& options,
           std::int64_t n_positions) {
  const auto require = [](bool holds, const std::string& what) {
    if (!holds) throw UsageError(what);
  };
  require(options.context >= 16 && options.context <= n_positions,
          "the context must be 16 to " + std::to_string(n_positions) + " tokens, not " +
              std::to_string(options.context));
  require(options.batch_tokens >= std::max<std::int64_t>(32, options.context),
          "a step must have at least one window: --batch-tokens " +
              std::to_string(std::max<std::int64_t>(32, options.context)) + " or more");
  require(options.steps >= 1 && options.warmup_steps >= 0 && options.softmax_samples >= 1,
          "training needs at least one step and one softmax sample");
  require(options.learning_rate > 0, "the learning rate must be above 0");
  require(options.repeat_share >= 0 && options.repeat_share <= 1 && options.mixed_repeats >= 0 &&
              options.mixed_repeats <= 1,
          "shares of repeats must be 0 to 1");
  require(!texts.empty(), "there is no text to train on");
  for (const TokenIds& text : texts) {
    require(std::int64_t(text.size()) > options.context + 1,
            "a text has " + std::to_string(text.size()) + " tokens, no more than one window of " +
                std::to_string(options.context + 1) + "; use a smaller --context");
  }
}

/// Short blocks, then such of few words, then long ones, then text: each is learned within hundreds
/// of steps after the one before, and not at all within thousands without it.
Batch next_batch(Batches& batches, std::int64_t step, const TrainOptions& options) {
  const double done = double(step) / (options.repeat_share * double(options.steps));
  if (done <= 0.2) return batches.repeats(32, 3, 16, false);
  if (done <= 0.35) return batches.repeats(32, 3, 16, true);
  if (done <= 1.0) return batches.repeats(options.context, 4, options.context / 2, true);
  return batches.text();
}

void run_steps(torch::jit::Module& gpt, const std::vector<TokenIds>& texts,
               const TrainOptions& options,
               const std::function<bool(const TrainProgress&)>& on_step) {
  torch::manual_seed(options.seed);
  Batches batches(texts, options, gpt.attr("token_embedding").toTensor().size(0));
  torch::optim::AdamW optimizer = make_optimizer(gpt, options.learning_rate);
  TrainingLoop loop;
  loop.last_step = options.steps;
  loop.softmax_samples = options.softmax_samples;
  loop.batches = [&](std::int64_t step) {
    return std::vector<Batch>{next_batch(batches, step, options)};
  };
  loop.learning_rate = [&](std::int64_t step) { return learning_rate_at(step, options); };
  TrainProgress progress{.steps = options.steps};
  run_loop(gpt, optimizer, loop, [&](const LoopStep& done) {
    progress.step = done.step;
    progress.tokens += done.n_tokens;
    progress.loss = done.loss;
    progress.repeats_only = done.repeats_only;
    return on_step(progress);
  });
}

}  // namespace

void train(torch::jit::Module& gpt, const std::vector<TokenIds>& texts, const TrainOptions& options,
           const std::function<bool(const TrainProgress&)>& on_step) {
  check(texts, options, gpt.attr("position_encoding").toTensor().size(0));
  try {
    run_steps(gpt, texts, options, on_step);
  } catch (const c10::Error& error) {
    throw ModelError("training failed: " + first_line(error));
  }
}

double held_out_loss(torch::jit::Module& gpt, const std::vector<TokenIds>& texts,
                     std::int64_t context) {
  torch::NoGradGuard no_grad;
  gpt.eval();
  double total = 0;
  std::int64_t n_predictions = 0;
  for (const TokenIds& text : texts) {
    for (std::size_t start = 0; start + 1 < text.size(); start += std::size_t(context)) {
      const auto n = std::min<std::int64_t>(context, std::int64_t(text.size() - start) - 1);
      const at::Tensor ids =
          torch::tensor(at::ArrayRef<TokenId>(text.data() + start, std::size_t(n + 1)));
      const at::Tensor logits =
          gpt.forward({ids.narrow(0, 0, n).unsqueeze(0)}).toTensor().squeeze(0);
      total += torch::nn::functional::cross_entropy(
                   logits, ids.narrow(0, 1, n),
                   torch::nn::functional::CrossEntropyFuncOptions().reduction(torch::kSum))
                   .item<double>();
      n_predictions += n;
    }
  }
  if (n_predictions == 0) throw UsageError("no text has two tokens to measure the loss on");
  return total / double(n_predictions);
}

}  // namespace attnviz
