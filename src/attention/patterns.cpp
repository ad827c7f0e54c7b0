#include "attnviz/patterns.h"

#include <ATen/ATen.h>

#include "attnviz/attention.h"
#include "attnviz/error.h"
#include "kept_heads.h"
#include "model/looks_ahead.h"

namespace attnviz {
namespace {

constexpr double kTolerance = 1e-4;  // of a row's sum

std::string name_of(std::size_t layer) {
  return "attention of layer " + std::to_string(layer);
}

void check_layer(const at::Tensor& pattern, std::size_t layer, bool has_sinks) {
  if (pattern.dim() != 3 || pattern.size(1) != pattern.size(2) || pattern.size(1) == 0) {
    throw ShapeError(name_of(layer) + " has the shape " + c10::str(pattern.sizes()) +
                     ", not [heads, T, T]");
  }
  if (pattern.size(0) == 0) return;             // all its heads were pruned
  const at::Tensor more = pattern.sum(-1) - 1;  // where a value is not finite, nor is this
  const auto error = (has_sinks ? more : more.abs()).max().item<double>();
  if (error <= kTolerance && (!has_sinks || pattern.min().item<double>() >= 0)) return;
  if (!pattern.isfinite().all().item<bool>()) {
    throw ShapeError(name_of(layer) + " holds values that are not finite");
  }
  throw ShapeError("rows of the " + name_of(layer) + " do not sum to 1: they are off by up to " +
                   std::to_string(error));
}

}  // namespace

AttentionPatterns check_patterns(std::vector<at::Tensor> layers, const KeptHeads& kept,
                                 bool has_sinks) {
  if (layers.empty()) throw ShapeError("there is no attention: no layer was captured");
  AttentionPatterns patterns{std::move(layers), true, kept, has_sinks};
  for (std::size_t layer = 0; layer < patterns.layers.size(); ++layer) {
    at::Tensor& pattern = patterns.layers[layer];
    pattern = pattern.detach().to(at::kCPU, at::kFloat).contiguous();
    check_layer(pattern, layer, has_sinks);
    if (pattern.size(1) != patterns.n_positions()) {
      throw ShapeError(name_of(layer) + " has " + std::to_string(pattern.size(1)) +
                       " positions, that of layer 0 has " + std::to_string(patterns.n_positions()));
    }
    if (looks_ahead(pattern)) patterns.causal = false;
  }
  (void)kept_heads(patterns);  // throws where they are others
  return patterns;
}

}  // namespace attnviz
