#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "attnviz/checkpoint.h"
#include "model/layouts.h"

namespace attnviz {

/// Which tensor of a checkpoint is which parameter, seen as one layout.
struct LayoutMatch {
  struct Source {
    std::string theirs;
    at::Tensor values;
    Form form;
  };
  const Layout* layout;
  std::map<std::string, Source> sources;  ///< by the name in build_gpt
  std::set<Group> groups;                 ///< those that are there
  std::int64_t n_blocks = 0;
  // What speaks against it, by the checkpoint's own names.
  std::vector<std::string> missing, surplus, contradictions;

  [[nodiscard]] std::size_t n_problems() const {
    return missing.size() + surplus.size() + contradictions.size();
  }
  /// Of the parameter `ours`, one of build_gpt's axes. Throws ModelError where it has fewer.
  [[nodiscard]] std::int64_t size(const std::string& ours, std::int64_t axis) const;
  /// The parameter's values as build_gpt wants them: float32, contiguous, a copy. Throws ModelError
  /// for whole numbers.
  [[nodiscard]] at::Tensor weight(const std::string& ours) const;
};

/// The layout that fits `tensors`. Throws ModelError where none does: says what is missing, surplus
/// or contrary in the one that comes nearest.
[[nodiscard]] LayoutMatch find_layout(const std::vector<NamedTensor>& tensors);

/// `a, b, c and 4 more`
[[nodiscard]] std::string listed(const std::vector<std::string>& names);

}  // namespace attnviz
