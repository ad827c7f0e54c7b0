#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <vector>

#include "attnviz/batch.h"
#include "run/batch_index.h"
#include "run/batch_record.h"
#include "run/batch_stages.h"
#include "run/source.h"

namespace attnviz {

/// A batch before anything is done or written: its texts, model and vocabulary.
struct PreparedBatch {
  /// Throws as run_batch does. texts and options must outlive it.
  PreparedBatch(const std::vector<BatchText>& texts, const BatchOptions& options);

  /// Of a text that an earlier run has done, and whose files are still there; else none.
  [[nodiscard]] std::optional<IndexEntry> done(const BatchText& text,
                                               const StoredIndex& index) const;

  const BatchOptions& options;
  const std::vector<BatchText>& texts;
  const std::vector<std::size_t> own;  ///< places of this shard's texts
  const SameFiles same;
  const BatchRecord record;
  BatchStages stages;

 private:
  PreparedBatch(const std::vector<BatchText>& texts, const BatchOptions& options,
                const std::filesystem::path& model, const std::filesystem::path& vocabulary);
};

}  // namespace attnviz
