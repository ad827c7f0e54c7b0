#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace attnviz::text {

/// The names of all tokens, by id, as vocab.json spells them.
/// Throws FileError, or VocabularyError unless the file is one JSON object of names and ids, and
/// the ids are 0 to n - 1, each once.
[[nodiscard]] std::vector<std::string> read_token_names(const std::filesystem::path& path);

}  // namespace attnviz::text
