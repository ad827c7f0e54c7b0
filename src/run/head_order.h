#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <vector>

#include "attnviz/pruning.h"
#include "run/effects.h"

namespace attnviz {

/// What goes in one step: a head, or of shared layers the heads that are the same weights.
struct Candidate {
  std::vector<HeadId> heads;
  std::optional<double> effect;  ///< on the loss, nats per token; none: not measured
};

/// Which heads a model can best do without, by some windows of text.
class HeadOrder {
 public:
  static constexpr std::size_t kMeasuredAnew = 8;  // all of them would take minutes a step

  using Tell = std::function<void(std::string_view stage, std::size_t done, std::size_t all)>;
  /// by_mean: a head that goes leaves its mean output behind. Throws what GatedModel throws.
  HeadOrder(const std::filesystem::path& model, const ModelOptions& capture,
            std::vector<TokenIds> windows, bool by_mean, Tell tell);

  [[nodiscard]] GatedModel& model() { return effects_.model(); }
  /// What is left of heads that go: empty where that is nothing.
  [[nodiscard]] std::vector<at::Tensor> means() const;

  /// Heads with a flag that is more than information.
  [[nodiscard]] std::set<HeadId> flagged();

  /// Puts candidates in order, by one measure of each alone.
  void rank(std::vector<std::vector<HeadId>> candidates, PruneOrder order, std::uint64_t seed);
  [[nodiscard]] bool is_empty() const { return ranked_.empty(); }
  /// Takes out the first one, now that `gone` have gone. Heads stand in for each other, so that
  /// effects change as others go: by importance, the first kMeasuredAnew are measured again.
  [[nodiscard]] Candidate next(const std::vector<HeadId>& gone);

 private:
  struct Ranked {
    Candidate candidate;
    double place = 0;  // the least is first
  };

  void measure(std::size_t n, const std::vector<HeadId>& gone);
  void rank_by_entropy();
  void sort();
  [[nodiscard]] double loss_without(const std::vector<HeadId>& heads);
  [[nodiscard]] HeadReport report(std::span<const HeadMeasures> measures) const;

  std::filesystem::path path_;
  ModelOptions capture_;
  std::vector<TokenIds> windows_;
  ImportanceKind kind_;
  Tell tell_;
  Effects effects_;
  bool is_measured_anew_ = false;
  std::vector<Ranked> ranked_;
};

/// Nats per predicted token.
[[nodiscard]] double mean_loss(GatedModel& model, const std::vector<TokenIds>& windows,
                               const HeadGates& gates);

}  // namespace attnviz
