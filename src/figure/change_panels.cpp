#include "figure/change_panels.h"

#include <ATen/ATen.h>

#include <cmath>
#include <sstream>

#include "attnviz/error.h"

namespace attnviz {
namespace {

bool is_square(const at::Tensor& values, std::int64_t size) {
  return values.defined() && values.dim() == 2 && values.size(0) == size && values.size(1) == size;
}

// Of the first head; 0 where it has no pattern.
std::int64_t size_of(const ChangedPattern& head) {
  return head.before.defined() && head.before.dim() == 2 ? head.before.size(0) : 0;
}

void require_size(const ChangedPattern& head, std::int64_t size) {
  if (size > 0 && is_square(head.before, size) && is_square(head.after, size)) return;
  const auto sizes_of = [](const at::Tensor& values) {
    return values.defined() ? values.sizes() : at::IntArrayRef{};
  };
  std::ostringstream message;
  message << "the patterns of " << to_string(head.id) << " have the shapes "
          << sizes_of(head.before) << " and " << sizes_of(head.after)
          << "; a figure of changes needs [T, T] with the same T >= 1, before and after, of every "
             "head";
  throw ShapeError(message.str());
}

void require_tokens(std::int64_t size, std::span<const Label> labels, std::int64_t n_tokens) {
  if (n_tokens != 0 && n_tokens < size) {
    throw ShapeError("patterns of " + std::to_string(size) + " rows cannot stand for " +
                     std::to_string(n_tokens) + " tokens; give a row several tokens or one");
  }
  const bool is_one_each = n_tokens == 0 || n_tokens == size;
  if (is_one_each && static_cast<std::int64_t>(labels.size()) != size) {
    throw ShapeError("there are " + std::to_string(labels.size()) + " labels for " +
                     std::to_string(size) + " positions; give one each");
  }
}

double largest_of(const at::Tensor& difference, bool causal) {
  const auto n = difference.size(0);
  const float* row = difference.data_ptr<float>();
  double largest = 0;
  for (std::int64_t q = 0; q < n; ++q, row += n) {
    for (std::int64_t k = 0; k < (causal ? q + 1 : n); ++k) {
      const double value = row[k];
      if (std::isfinite(value) && std::abs(value) > std::abs(largest)) largest = value;
    }
  }
  return largest;
}

}  // namespace

std::vector<ChangePanels> change_panels(std::span<const ChangedPattern> heads,
                                        std::span<const Label> labels,
                                        const ChangeFigureOptions& options) {
  if (heads.empty()) throw FigureError("there are no changed heads to draw; give one or more");
  const auto size = size_of(heads[0]);
  for (const auto& head : heads) require_size(head, size);
  require_tokens(size, labels, options.n_tokens);
  std::vector<ChangePanels> all;
  for (const auto& head : heads) {
    const auto before = head.before.to(at::kCPU, at::kFloat).contiguous();
    const auto after = head.after.to(at::kCPU, at::kFloat).contiguous();
    const auto difference = (after - before).contiguous();
    all.push_back({to_string(head.id), head.note, before, after, difference,
                   largest_of(difference, options.causal)});
  }
  return all;
}

}  // namespace attnviz
