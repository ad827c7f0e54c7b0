#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace attnviz {

/// One head of one layer, both counted from 0. Prints as L5H1. A head keeps its number when others
/// of its layer are pruned.
struct HeadId {
  int layer = 0;
  int head = 0;
  auto operator<=>(const HeadId&) const = default;
};
[[nodiscard]] std::string to_string(HeadId id);

/// `L0H3, L2H1`
[[nodiscard]] std::string to_string(const std::vector<HeadId>& heads);

/// Reads `L5H1`. Throws UsageError for anything else.
[[nodiscard]] HeadId head_named(std::string_view name);

/// Of each layer, the numbers of the heads that it still has, ascending. Empty where none was
/// pruned: heads are then counted from 0.
using KeptHeads = std::vector<std::vector<std::int64_t>>;

/// As many numbers a layer as it has heads, ascending from 0 or more; or none at all.
[[nodiscard]] bool fits(const KeptHeads& kept, const std::vector<std::int64_t>& n_heads);

/// The number of the head at `index` among those that its layer still has.
[[nodiscard]] int head_number(const KeptHeads& kept, std::int64_t layer, std::int64_t index);

/// Where a head lies among those that its layer still has; none where it does not exist.
/// n_heads: of each layer.
[[nodiscard]] std::optional<std::int64_t> head_index(const std::vector<std::int64_t>& n_heads,
                                                     const KeptHeads& kept, HeadId head);

/// Throws UsageError where a head does not exist, naming those that its layer has, or is named
/// twice, or where none is named.
void require_heads(const std::vector<std::int64_t>& n_heads, const KeptHeads& kept,
                   const std::vector<HeadId>& heads);

/// All heads of layers that have so many, in order.
[[nodiscard]] std::vector<HeadId> all_heads(const std::vector<std::int64_t>& n_heads,
                                            const KeptHeads& kept = {});

/// Some of a model's heads: those of these layers that have these numbers, or these alone. Whatever
/// is empty takes all.
struct HeadChoice {
  std::vector<int> layers = {}, heads = {};
  std::vector<HeadId> only = {};  ///< where set, the others are empty

  [[nodiscard]] bool is_all() const { return layers.empty() && heads.empty() && only.empty(); }
  [[nodiscard]] bool has(HeadId head) const;
  /// Some head of it may be among them.
  [[nodiscard]] bool has_layer(int layer) const;
  bool operator==(const HeadChoice&) const = default;
};

/// Reads `0,3-5`: ascending, each once. Throws UsageError for what is no such list, and for numbers
/// beyond 9999.
[[nodiscard]] std::vector<int> numbers_named(std::string_view list);

/// The chosen ones of all_heads, in order. Throws UsageError where a layer, a number or a head that
/// was named does not exist, naming what there is, and where none is left.
[[nodiscard]] std::vector<HeadId> chosen_heads(const std::vector<std::int64_t>& n_heads,
                                               const KeptHeads& kept, const HeadChoice& choice);

}  // namespace attnviz
