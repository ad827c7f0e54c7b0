#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "attnviz/gpt.h"
#include "attnviz/text.h"

namespace attnviz {

struct FinetuneOptions {
  std::int64_t epochs = 5;      ///< times that every window of the texts is seen
  double learning_rate = 1e-5;  ///< constant, after a warm-up over the first 5 % of the steps
  std::int64_t batch = 8;       ///< windows that are computed together
  std::int64_t accumulate = 1;  ///< batches whose gradients make one step
  std::int64_t context = 128;   ///< tokens in a window
  double clip = 1;              ///< largest norm of the gradients
  /// Tokens that the softmax is taken over besides those of the batch; 0: the whole vocabulary.
  std::int64_t softmax_samples = 0;
  /// Train these heads alone: their rows of w_q, w_k, w_v and biases, and columns of w_o. All other
  /// weights stay, bit for bit. Empty: train everything, but that masked heads stay silent.
  std::vector<HeadId> only_heads;
  std::uint64_t seed = 0;  ///< of the windows' order, of dropout and of softmax samples
};

struct FinetuneProgress {
  std::int64_t epoch = 0;  ///< counted from 1
  std::int64_t step = 0;   ///< of all epochs, counted from 1
  std::int64_t steps = 0;
  std::int64_t tokens = 0;  ///< seen since this object was made
  double loss = 0;          ///< of this step, nats per token
};

/// The training of a GPT on texts, epoch by epoch, that can be stopped, saved and gone on with.
/// A step draws all that is random from the seed and its own number, so that a run that was
/// interrupted ends in the same weights as one that was not (same machine, same threads).
///
///     Finetuning finetuning(load_gpt("gpt.pt"), texts, options);
///     while (auto loss = finetuning.run_epoch(on_step)) std::cout << *loss << '\n';
class Finetuning {
 public:
  /// texts: token ids, each longer than one window (context + 1); only whole windows are used.
  /// gpt is trained in place. Throws UsageError for no text, a text no longer than a window, heads
  /// that do not exist and options out of their range.
  Finetuning(Gpt gpt, const std::vector<TokenIds>& texts, const FinetuneOptions& options);
  Finetuning(Finetuning&&) noexcept;
  ~Finetuning();

  /// Trains to the end of the epoch that it stands in. Returns its mean loss, nats per token; none
  /// where on_step returned false (the epoch can be gone on with) or all epochs are done.
  /// Throws ModelError where the loss is not finite; the weights are then those of the step before.
  std::optional<double> run_epoch(const std::function<bool(const FinetuneProgress&)>& on_step);

  [[nodiscard]] std::int64_t epochs_done() const;
  [[nodiscard]] std::int64_t steps_done() const;
  [[nodiscard]] std::int64_t steps() const;
  [[nodiscard]] const Gpt& gpt() const;

  /// Everything that going on needs, and `note`, as bytes.
  [[nodiscard]] std::string state(const std::string& note) const;
  /// Takes up a state() of the same model, texts and options, and returns its note. Throws
  /// ModelError for bytes that are none, UsageError for those of another run, saying what differs.
  std::string resume(const std::string& state);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace attnviz
