#include "attnviz/dump.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <new>
#include <nlohmann/json.hpp>

#include "attnviz/checkpoint.h"
#include "attnviz/error.h"
#include "dump/layers.h"
#include "dump/stored.h"
#include "dump/tokens.h"
#include "file/memory.h"
#include "model/looks_ahead.h"
#include "text/alphabet.h"

namespace attnviz {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr double kExact = 1e-4;  ///< of float32, for the sum of a row

/// How far from 1 the sum of a row's weights may be: each is rounded by half a unit in its last
/// place, of a share of the sum. What was computed in less is often stored as float32: NumPy has no
/// bfloat16.
double tolerance_of(const at::Tensor& values) {
  const auto is_of = [&](c10::ScalarType type) {
    return values.scalar_type() == type || values.to(type).to(values.scalar_type()).equal(values);
  };
  if (is_of(at::kBFloat16)) return 1e-2;
  return is_of(at::kHalf) ? 2e-3 : kExact;
}

std::string place_of(const dump::StoredLayer& layer, std::int64_t row, std::int64_t n_queries) {
  return "head " + std::to_string(row / n_queries) + ", query " + std::to_string(row % n_queries) +
         " of " + layer.name;
}

std::string decimals(double number) {
  char text[40];
  std::snprintf(text, sizeof text, "%.7g", number);
  return text;
}

/// Says of the first row that is none what is wrong with it.
void check_rows(const dump::StoredLayer& layer, const at::Tensor& weights) {
  const at::Tensor sums = weights.sum(-1, /*keepdim=*/false, at::kDouble).flatten();
  const bool is_exact = (sums - 1).abs().max().item<double>() <= kExact;
  const double tolerance = is_exact ? kExact : tolerance_of(layer.values);
  const at::Tensor lowest = std::get<0>(weights.min(-1)).flatten();
  const std::int64_t n_queries = weights.size(1);
  const double* sum = sums.data_ptr<double>();
  const float* low = lowest.data_ptr<float>();
  for (std::int64_t row = 0; row < sums.numel(); ++row) {
    if (low[row] >= 0 && std::abs(sum[row] - 1) <= tolerance) continue;
    const std::string where = place_of(layer, row, n_queries);
    if (!std::isfinite(sum[row])) throw ModelError("a weight of " + where + ", is not finite");
    if (low[row] < 0) {
      throw ModelError("a weight of " + where + ", is " + decimals(low[row]) +
                       ": are these scores, before softmax?");
    }
    throw ModelError("the weights of " + where + ", sum to " + decimals(sum[row]) +
                     ", not 1: are they taken after dropout, or before softmax?");
  }
}

at::Tensor weights_of(const dump::StoredLayer& layer, const std::vector<at::Tensor>& before) {
  const at::Tensor weights = layer.values.to(at::kFloat).contiguous();
  if (weights.size(1) == 0 || weights.size(2) == 0) throw ModelError(layer.name + " is empty");
  if (!before.empty() && weights.sizes().slice(1) != before[0].sizes().slice(1)) {
    throw ModelError(layer.name + " has " + std::to_string(weights.size(1)) + " queries and " +
                     std::to_string(weights.size(2)) + " keys, the layer before it " +
                     std::to_string(before[0].size(1)) + " and " +
                     std::to_string(before[0].size(2)));
  }
  if (weights.size(0) > dump::kMostHeads) throw ModelError(layer.name + " has too many heads");
  if (weights.size(0) > 0) check_rows(layer, weights);
  return weights;
}

std::string text_in(const dump::Stored& stored, const char* key) {
  const auto found = stored.metadata.find(key);
  return found == stored.metadata.end() ? "" : found->second;
}

AttentionPatterns patterns_in(const dump::Stored& stored, const DumpOptions& options,
                              std::vector<std::string>& remarks) {
  AttentionPatterns patterns;
  bool has_heads = false;
  for (const dump::StoredLayer& layer : dump::find_layers(stored, options, remarks)) {
    patterns.layers.push_back(weights_of(layer, patterns.layers));
    has_heads = has_heads || patterns.layers.back().size(0) > 0;
  }
  if (!has_heads) throw ModelError("it holds no heads");
  patterns.kept = dump::kept_in(stored.metadata, patterns.layers);
  const bool is_ahead = std::any_of(patterns.layers.begin(), patterns.layers.end(), looks_ahead);
  const bool is_told = options.bidirectional || text_in(stored, dump::kCausal) == "no";
  patterns.causal = !is_ahead && !is_told;
  if (is_ahead && !is_told && patterns.n_queries() == patterns.n_keys()) {
    remarks.emplace_back("queries attend to later keys: drawn as bidirectional");
  }
  return patterns;
}

std::optional<std::int64_t> prompt_in(const dump::Stored& stored, std::int64_t n_keys) {
  const std::string text = text_in(stored, dump::kPrompt);
  if (text.empty()) return std::nullopt;
  std::int64_t n = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, n);
  if (read.ec == std::errc() && read.ptr == end && n >= 0 && n <= n_keys) return n;
  throw ModelError("its prompt is no number of its keys");
}

/// One name a token, of GPT-2's for its bytes: JSON holds no bytes that are not UTF-8.
std::string names_of(const std::vector<std::string>& pieces) {
  Json names = Json::array();
  for (const std::string& piece : pieces) {
    std::string name;
    for (const char byte : piece) name += text::byte_name(static_cast<unsigned char>(byte));
    names.push_back(name);
  }
  return names.dump();
}

void require_number(const SideTokens& tokens, std::int64_t wanted) {
  for (const std::size_t n : {tokens.pieces.size(), tokens.ids.size()}) {
    if (n == 0 || std::int64_t(n) == wanted) continue;
    throw ShapeError("there are " + std::to_string(n) + " tokens for patterns of " +
                     std::to_string(wanted));
  }
}

}  // namespace

AttentionDump read_attention(const fs::path& path, const DumpOptions& options) {
  const dump::Stored stored = dump::read_stored(path);
  try {
    AttentionDump dump;
    dump.patterns = patterns_in(stored, options, dump.remarks);
    dump.text = text_in(stored, dump::kText);
    dump.model = text_in(stored, dump::kModel);
    dump.n_prompt = prompt_in(stored, dump.patterns.n_keys());
    dump::add_tokens(dump, stored, options);
    return dump;
  } catch (const ModelError& error) {
    throw ModelError("cannot use " + path.string() + ": " + error.what());
  } catch (const c10::Error& error) {
    if (is_out_of_memory(error)) throw std::bad_alloc();
    throw ModelError("cannot use " + path.string() + ": its tensors do not belong together");
  }
}

void write_attention(const fs::path& path, const AttentionPatterns& patterns,
                     const SideTokens& queries, const SideTokens& keys,
                     const std::vector<std::pair<std::string, std::string>>& metadata) {
  require_number(queries, patterns.n_queries());
  require_number(keys, patterns.n_keys());
  std::vector<NamedTensor> tensors;
  for (std::size_t layer = 0; layer < patterns.layers.size(); ++layer) {
    tensors.push_back({"layer_" + std::to_string(layer), patterns.layers[layer]});
  }
  const bool are_same = queries.pieces == keys.pieces && queries.ids == keys.ids;
  const auto add_ids = [&](const char* name, const TokenIds& ids) {
    if (!ids.empty()) tensors.push_back({name, at::tensor(ids, at::kLong)});
  };
  auto told = metadata;
  if (!keys.pieces.empty()) told.emplace_back(dump::kKeyPieces, names_of(keys.pieces));
  if (are_same) {
    add_ids("ids", keys.ids);
  } else {
    add_ids("key_ids", keys.ids);
    add_ids("query_ids", queries.ids);
    if (!queries.pieces.empty()) told.emplace_back(dump::kQueryPieces, names_of(queries.pieces));
  }
  if (!patterns.kept.empty()) told.emplace_back(dump::kHeadNumbers, Json(patterns.kept).dump());
  if (!patterns.causal) told.emplace_back(dump::kCausal, "no");
  write_safetensors(path, tensors, told);
}

}  // namespace attnviz
