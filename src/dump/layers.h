#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "attnviz/dump.h"
#include "dump/stored.h"

namespace attnviz::dump {

/// One layer of a dump.
struct StoredLayer {
  std::string name;   ///< for messages: `layer_3`, or `[3] of attention`
  at::Tensor values;  ///< [head, query, key], of the file's dtype
};

/// The tensors that are attention, layer by layer; those that a file lacks between others have no
/// heads. remarks: what a user should know. Throws ModelError, without the file's name, where no
/// tensor can be attention or it is not clear which are.
[[nodiscard]] std::vector<StoredLayer> find_layers(const Stored& stored, const DumpOptions& options,
                                                   std::vector<std::string>& remarks);

/// Of names such as `decoder.3.attn`, the number in which they differ; a single name's own, or 0.
/// Throws ModelError where they differ in more than one number, or in their words.
[[nodiscard]] std::vector<std::int64_t> numbers_in(const std::vector<std::string>& names);

}  // namespace attnviz::dump
