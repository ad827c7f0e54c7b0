#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "text/merge_table.h"

namespace attnviz::text {

/// What vocab.json and merges.txt say, by token id.
struct Vocabulary {
  std::string bytes;                        ///< of all tokens, in the order of their ids
  std::vector<std::size_t> starts;          ///< token i is bytes[starts[i] .. starts[i + 1])
  std::array<std::uint32_t, 256> byte_ids;  ///< the token of each single byte
  MergeTable merges;

  [[nodiscard]] std::size_t size() const { return starts.size() - 1; }

  [[nodiscard]] std::string_view token(std::size_t id) const {
    return std::string_view(bytes).substr(starts[id], starts[id + 1] - starts[id]);
  }
};

/// Reads folder/vocab.json and folder/merges.txt.
/// Throws FileError, or VocabularyError where they are damaged or do not fit each other.
[[nodiscard]] Vocabulary read_vocabulary(const std::filesystem::path& folder);

}  // namespace attnviz::text
