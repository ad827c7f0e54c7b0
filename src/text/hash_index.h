#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace attnviz::text {

/// Finds things that are numbered 0, 1, 2, … and kept elsewhere: hash → number, by open addressing.
/// `same(number)` says whether that thing is the one looked for.
class HashIndex {
 public:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  /// At most half of the slots will be taken.
  explicit HashIndex(std::size_t n_things = 0)
      : slots_(std::bit_ceil(2 * n_things + 2), kNone),
        shift_(64 - std::countr_zero(slots_.size())) {}

  /// The number found, or kNone.
  template <class Same>
  [[nodiscard]] std::uint32_t find(std::uint64_t hash, Same same) const {
    return slots_[slot_of(hash, same)];
  }

  /// Adds `number` unless an equal thing is there; returns that thing's number or kNone.
  template <class Same>
  std::uint32_t add(std::uint64_t hash, std::uint32_t number, Same same) {
    std::uint32_t& slot = slots_[slot_of(hash, same)];
    const std::uint32_t found = slot;
    if (found == kNone) slot = number;
    return found;
  }

 private:
  template <class Same>
  std::size_t slot_of(std::uint64_t hash, Same same) const {
    // Fibonacci hashing: the product's high bits depend on all bits of the hash.
    std::size_t slot = hash * 0x9E3779B97F4A7C15u >> shift_;
    while (slots_[slot] != kNone && !same(slots_[slot])) slot = (slot + 1) & (slots_.size() - 1);
    return slot;
  }

  std::vector<std::uint32_t> slots_;
  int shift_;
};

}  // namespace attnviz::text
