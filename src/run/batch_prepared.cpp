#include "run/batch_prepared.h"

#include <limits>

#include "attnviz/error.h"
#include "run/batch_text.h"

namespace attnviz {
namespace {

namespace fs = std::filesystem;

/// Two shards in one folder would each take the other's index for an older one of its own.
void require_same_shard(const BatchOptions& options) {
  const std::optional<BatchRecord> older = read_record(options.out_dir);
  if (!older ||
      (older->shard.of == options.shard.of && older->shard.index == options.shard.index)) {
    return;
  }
  throw UsageError(options.out_dir.string() + " holds shard " + std::to_string(older->shard.index) +
                   "/" + std::to_string(older->shard.of) +
                   " of a batch; give each shard a folder of its own");
}

}  // namespace

PreparedBatch::PreparedBatch(const std::vector<BatchText>& texts_, const BatchOptions& options_)
    : PreparedBatch(texts_, options_,
                    options_.attention            ? fs::path()
                    : options_.show.model.empty() ? built_in_model()
                                                  : options_.show.model,
                    options_.show.vocabulary.empty() && !options_.attention
                        ? built_in_vocabulary()
                        : options_.show.vocabulary) {}

PreparedBatch::PreparedBatch(const std::vector<BatchText>& texts_, const BatchOptions& options_,
                             const fs::path& model, const fs::path& vocabulary)
    : options(options_),
      texts(texts_),
      own(texts_of_shard(texts_, options_.shard)),
      same(model, vocabulary),
      record(make_record(texts_, own.size(), options_, model, vocabulary)),
      stages(options_, record, model, vocabulary) {
  same.require();
  require_same_shard(options);
}

std::optional<IndexEntry> PreparedBatch::done(const BatchText& text,
                                              const StoredIndex& index) const {
  if (options.force || index.empty()) return std::nullopt;
  try {
    const TextRead read = read_text(text, std::numeric_limits<std::uint64_t>::max());
    std::optional<IndexEntry> entry = index.find(stages.key_of(text, read.sha256));
    const std::vector<fs::path> files = files_of(text.name, options);
    if (!entry || !entry->error.empty() || entry->bytes.size() != files.size()) {
      return std::nullopt;
    }
    for (std::size_t i = 0; i < files.size(); ++i) {
      std::error_code error;
      const auto size = fs::file_size(options.out_dir / files[i], error);
      if (error || size != entry->bytes[i]) return std::nullopt;
    }
    return entry;
  } catch (const Error&) {  // told when its turn comes
    return std::nullopt;
  }
}

}  // namespace attnviz
