#include "run/source.h"

#include "attnviz/error.h"
#include "attnviz/file.h"

namespace attnviz {
namespace {

constexpr const char* kVocabularyFiles[] = {"vocab.json", "merges.txt"};

}  // namespace

SameFiles::SameFiles(const std::filesystem::path& file, const std::filesystem::path& vocabulary) {
  if (!file.empty()) {
    files_.emplace_back(file, version_of(file));
    require_rereadable(file);
  }
  for (const char* name : kVocabularyFiles) {
    if (!vocabulary.empty()) files_.emplace_back(vocabulary / name, version_of(vocabulary / name));
  }
}

void SameFiles::require() const {
  for (const auto& [file, version] : files_) {
    if (version_of(file) == version) continue;
    throw FileError(file.string() +
                    " was replaced or written to while it was read; run it again "
                    "when it is whole");
  }
}

Source source_of_model(const std::filesystem::path& model,
                       const std::filesystem::path& vocabulary) {
  return {model, sha256_of_file(model), vocabulary.empty() ? "" : vocabulary_sha256(vocabulary),
          false};
}

Source source_of_dump(const std::filesystem::path& attention,
                      const std::filesystem::path& vocabulary) {
  return {attention, sha256_of_file(attention),
          vocabulary.empty() ? "" : vocabulary_sha256(vocabulary), true};
}

std::string vocabulary_sha256(const std::filesystem::path& folder) {
  std::string hashes;
  for (const char* name : kVocabularyFiles) hashes += sha256_of_file(folder / name);
  return sha256_of(hashes);
}

}  // namespace attnviz
