#include <ATen/ATen.h>

#include <cmath>

#include "attnviz/dump.h"
#include "fuzz/input.h"
#include "fuzz/targets.h"

namespace attnviz::fuzz {
namespace {

void check(const AttentionDump& dump) {
  const AttentionPatterns& patterns = dump.patterns;
  for (const at::Tensor& layer : patterns.layers) {
    const bool is_fit = layer.dim() == 3 && layer.size(1) == patterns.n_queries() &&
                        layer.size(2) == patterns.n_keys() && layer.scalar_type() == at::kFloat;
    if (!is_fit) finding("layers of different sizes");
    if (layer.numel() == 0) continue;
    if (!((layer.sum(-1) - 1).abs().max().item<double>() < 0.02)) finding("rows that are not 1");
  }
  const auto is_side = [](std::size_t n, std::int64_t wanted) {
    return n == 0 || std::int64_t(n) == wanted;
  };
  if (!is_side(dump.keys.pieces.size(), patterns.n_keys()) ||
      !is_side(dump.keys.ids.size(), patterns.n_keys()) ||
      !is_side(dump.queries.pieces.size(), patterns.n_queries()) ||
      !is_side(dump.queries.ids.size(), patterns.n_queries())) {
    finding("tokens that are not as many as rows or columns");
  }
  (void)piece_labels(dump.keys.pieces);
  (void)word_starts(dump.queries.pieces);
}

}  // namespace

/// The first byte chooses options; the rest is the file.
void attention(std::string_view bytes) {
  if (bytes.empty()) return;
  const auto choice = static_cast<unsigned char>(bytes[0]);
  DumpOptions options;
  if ((choice & 1U) != 0) options.batch_item = choice >> 6U;
  if ((choice & 2U) != 0) options.tensors = "l*";
  options.bidirectional = (choice & 4U) != 0;
  const FileInMemory file(bytes.substr(1));
  allowed_to_fail([&] { check(read_attention(file.path(), options)); });
}

}  // namespace attnviz::fuzz
