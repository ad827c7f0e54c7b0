#include "run/source.h"

#include "attnviz/file.h"

namespace attnviz {

Source source_of_model(const std::filesystem::path& model,
                       const std::filesystem::path& vocabulary) {
  return {model, sha256_of_file(model), vocabulary_sha256(vocabulary), false};
}

Source source_of_dump(const std::filesystem::path& attention,
                      const std::filesystem::path& vocabulary) {
  return {attention, sha256_of_file(attention),
          vocabulary.empty() ? "" : vocabulary_sha256(vocabulary), true};
}

std::string vocabulary_sha256(const std::filesystem::path& folder) {
  return sha256_of(sha256_of_file(folder / "vocab.json") + sha256_of_file(folder / "merges.txt"));
}

}  // namespace attnviz
