#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "attnviz/batch.h"

namespace attnviz {

/// Stands for a model's name where there is none.
inline constexpr char kFilesOfAttention[] = "files of attention";

/// What a batch's folder was made with: its batch.json.
struct BatchRecord {
  std::string attnviz, libtorch;    ///< versions
  std::string model, model_sha256;  ///< the file's name, and its hash
  std::string vocabulary_sha256;    ///< of both its files
  std::string options;              ///< all that change a file's bytes, as one JSON object
  bool heads = false;
  Shard shard = {};
  std::int64_t n_texts = 0;       ///< of this shard
  std::string texts_sha256 = {};  ///< of the names of all shards' texts: whose shard it is
};

/// Throws FileError.
[[nodiscard]] BatchRecord make_record(const std::vector<BatchText>& texts, std::size_t n_own,
                                      const BatchOptions& options,
                                      const std::filesystem::path& model,
                                      const std::filesystem::path& vocabulary);

/// SHA-256 of everything that decides what the files of a text are, but for the text.
[[nodiscard]] std::string hash_of(const BatchRecord& record);

/// How the scores of a batch with --head-report were taken. Throws FileError for a damaged record.
[[nodiscard]] StatisticsOptions statistics_of(const BatchRecord& record);

void write_record(const std::filesystem::path& folder, const BatchRecord& record);
/// None where the folder has none. Throws FileError for a damaged one.
[[nodiscard]] std::optional<BatchRecord> read_record(const std::filesystem::path& folder);

}  // namespace attnviz
