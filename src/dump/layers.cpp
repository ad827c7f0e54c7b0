#include "dump/layers.h"

#include <ATen/ATen.h>
#include <fnmatch.h>

#include <algorithm>
#include <cctype>
#include <map>

#include "attnviz/error.h"

namespace attnviz::dump {
namespace {

constexpr std::int64_t kMostLayers = 10'000;

bool is_attention_dtype(c10::ScalarType type) {
  return type == at::kHalf || type == at::kBFloat16 || type == at::kFloat || type == at::kDouble;
}

/// `layer_3`: how attnviz itself names layers, beside which other tensors may lie.
bool is_our_name(const std::string& name) {
  static const std::string kStart = "layer_";
  return name.starts_with(kStart) && name.size() > kStart.size() &&
         std::all_of(name.begin() + std::ptrdiff_t(kStart.size()), name.end(),
                     [](unsigned char c) { return std::isdigit(c) != 0; });
}

std::string shape_of(const at::Tensor& tensor) {
  std::string text;
  for (const std::int64_t size : tensor.sizes()) {
    text += (text.empty() ? "" : ", ") + std::to_string(size);
  }
  return "[" + text + "]";
}

std::string told(const std::string& name) {
  return name.empty() ? "its array" : "its tensor " + name;
}

std::vector<NamedTensor> candidates(const Stored& stored, const std::string& glob) {
  const auto is_fit = [&](const std::string& name) {
    return ::fnmatch(glob.c_str(), name.c_str(), 0) == 0;
  };
  const bool has_ours =
      glob.empty() && std::any_of(stored.tensors.begin(), stored.tensors.end(),
                                  [](const auto& t) { return is_our_name(t.name); });
  std::vector<NamedTensor> found;
  for (const NamedTensor& tensor : stored.tensors) {
    if (!glob.empty() && !is_fit(tensor.name)) continue;
    if (has_ours && !is_our_name(tensor.name)) continue;
    if (is_attention_dtype(tensor.values.scalar_type()) && tensor.values.dim() >= 2) {
      found.push_back(tensor);
    } else if (!glob.empty() || has_ours) {
      throw ModelError(told(tensor.name) + " is no attention: " + shape_of(tensor.values) + " of " +
                       c10::toString(tensor.values.scalar_type()));
    }
  }
  if (!found.empty()) return found;
  if (!glob.empty()) throw ModelError("it holds no tensor whose name fits " + glob);
  std::string there;
  for (const NamedTensor& tensor : stored.tensors) {
    if (there.size() < 80) {
      there += (there.empty() ? "" : ", ") + (tensor.name.empty() ? "an array" : tensor.name) +
               " " + shape_of(tensor.values) + " of " + c10::toString(tensor.values.scalar_type());
    }
  }
  throw ModelError("it holds no attention, which is floating point of two axes or more; it holds " +
                   (there.empty() ? "no numbers" : there));
}

/// A name's words and numbers in turn: "layer", 3, ".attn".
struct NameParts {
  std::string words;  ///< with # for each number
  std::vector<std::int64_t> numbers;
};

NameParts parts_of(const std::string& name) {
  NameParts parts;
  for (std::size_t i = 0; i < name.size();) {
    if (std::isdigit(static_cast<unsigned char>(name[i])) == 0) {
      parts.words += name[i++];
      continue;
    }
    std::int64_t number = 0;
    for (; i < name.size() && std::isdigit(static_cast<unsigned char>(name[i])) != 0; ++i) {
      number = std::min<std::int64_t>(number * 10 + (name[i] - '0'), 1'000'000'000);
    }
    parts.words += '#';
    parts.numbers.push_back(number);
  }
  return parts;
}

/// One of a batch: the only one, or that which was asked for.
at::Tensor item_of(const at::Tensor& batch, std::int64_t axis, const std::string& name,
                   const std::optional<std::int64_t>& wanted) {
  const std::int64_t n = batch.size(axis);
  if (!wanted && n != 1) {
    throw ModelError(name + " holds a batch of " + std::to_string(n) +
                     " texts; choose one with --batch-item");
  }
  const std::int64_t item = wanted.value_or(0);
  if (item < 0 || item >= n) {
    throw ModelError("there is no text " + std::to_string(item) + " in the batch of " + name +
                     ", which holds " + std::to_string(n) + ", counted from 0");
  }
  return batch.select(axis, item);
}

void refuse_shape(const NamedTensor& tensor) {
  throw ModelError(told(tensor.name) + " has the shape " + shape_of(tensor.values) +
                   "; attention is [layer, head, query, key], [layer, batch, head, query, key], or "
                   "a tensor a layer");
}

/// A tensor of several layers, or of the only one; not `layer_0`, which may hold a batch of one.
std::vector<StoredLayer> layers_of_one(const NamedTensor& tensor, const DumpOptions& options) {
  const std::string name = tensor.name.empty() ? "the array" : tensor.name;
  at::Tensor values = tensor.values;
  if (values.dim() == 5) values = item_of(values, 1, told(tensor.name), options.batch_item);
  if (options.batch_item && tensor.values.dim() != 5) {
    throw ModelError("--batch-item: " + told(tensor.name) + " of shape " + shape_of(tensor.values) +
                     " holds no batch");
  }
  if (values.dim() == 2) values = values.unsqueeze(0);
  if (values.dim() == 3) return {{name, values}};
  if (values.dim() != 4) refuse_shape(tensor);
  std::vector<StoredLayer> layers;
  for (std::int64_t l = 0; l < values.size(0); ++l) {
    layers.push_back({"[" + std::to_string(l) + "] of " + name, values[l]});
  }
  return layers;
}

StoredLayer layer_of(const NamedTensor& tensor, const DumpOptions& options) {
  at::Tensor values = tensor.values;
  if (values.dim() == 2) values = values.unsqueeze(0);
  if (values.dim() == 4) values = item_of(values, 0, told(tensor.name), options.batch_item);
  if (values.dim() != 3) refuse_shape(tensor);
  return {tensor.name, values};
}

}  // namespace

std::vector<std::int64_t> numbers_in(const std::vector<std::string>& names) {
  std::vector<NameParts> all;
  for (const std::string& name : names) all.push_back(parts_of(name));
  std::size_t place = 0;
  bool differ = false;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (all[i].words != all[0].words) {
      throw ModelError("it holds more than one kind of tensor: " + names[0] + " and " + names[i] +
                       "; choose with --tensors, such as --tensors '" + names[0] + "' or a glob");
    }
    for (std::size_t j = 0; j < all[0].numbers.size(); ++j) {
      if (all[i].numbers[j] == all[0].numbers[j] || (differ && j == place)) continue;
      if (differ) {
        throw ModelError("the names of its tensors differ in more than one number: " + names[0] +
                         " and " + names[i] + "; choose with --tensors");
      }
      differ = true;
      place = j;
    }
  }
  std::vector<std::int64_t> numbers;
  for (const NameParts& parts : all) {
    numbers.push_back(parts.numbers.empty() ? 0 : parts.numbers[differ ? place : 0]);
  }
  return numbers;
}

std::vector<StoredLayer> find_layers(const Stored& stored, const DumpOptions& options,
                                     std::vector<std::string>& remarks) {
  const std::vector<NamedTensor> found = candidates(stored, options.tensors);
  if (found.size() == 1 && !is_our_name(found[0].name)) {
    std::vector<StoredLayer> layers = layers_of_one(found[0], options);
    const std::vector<std::int64_t> numbers = numbers_in({found[0].name});
    if (layers.size() == 1 && numbers[0] > 0) {
      remarks.push_back(found[0].name + " is layer 0 here");
    }
    return layers;
  }
  std::vector<std::string> names;
  for (const NamedTensor& tensor : found) names.push_back(tensor.name);
  std::vector<std::int64_t> numbers = numbers_in(names);
  std::map<std::int64_t, StoredLayer> by_number;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (!by_number.emplace(numbers[i], layer_of(found[i], options)).second) {
      throw ModelError("it holds the layer " + std::to_string(numbers[i]) + " twice: " + names[i]);
    }
  }
  const auto [least, most] = std::minmax_element(numbers.begin(), numbers.end());
  const std::int64_t first = *least, last = *most;
  if (last >= kMostLayers) {
    throw ModelError("its tensor " + by_number.rbegin()->second.name + " names no layer below " +
                     std::to_string(kMostLayers));
  }
  std::vector<StoredLayer> layers;
  if (first == 1 && last > 1 && last == std::int64_t(by_number.size())) {
    const std::string& name = by_number.begin()->second.name;
    remarks.push_back(options.tensors.empty()
                          ? "its layers count from 1; here " + name + " is layer 0"
                          : name + " is layer 0 here");
    for (auto& [number, layer] : by_number) layers.push_back(std::move(layer));
    return layers;
  }
  const at::Tensor& any = by_number.begin()->second.values;
  for (std::int64_t l = 0; l <= last; ++l) {
    const auto layer = by_number.find(l);
    layers.push_back(layer != by_number.end()
                         ? layer->second
                         : StoredLayer{"layer " + std::to_string(l), any.slice(0, 0, 0)});
  }
  if (const auto missing = std::int64_t(layers.size()) - std::int64_t(by_number.size());
      missing > 0) {
    remarks.push_back(std::to_string(missing) + " of its " + std::to_string(last + 1) +
                      " layers are not among its tensors");
  }
  return layers;
}

}  // namespace attnviz::dump
