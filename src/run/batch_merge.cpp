#include <nlohmann/json.hpp>
#include <set>

#include "attnviz/batch.h"
#include "attnviz/error.h"
#include "attnviz/file.h"
#include "file/json.h"
#include "run/batch_heads.h"
#include "run/batch_index.h"
#include "run/batch_record.h"

namespace attnviz {
namespace {

namespace fs = std::filesystem;

/// What one batch left.
struct Made {
  fs::path folder;
  BatchRecord record;
};

/// What two folders do not have in common; empty: nothing that matters.
std::string difference(const BatchRecord& a, const BatchRecord& b) {
  if (a.attnviz != b.attnviz) return "versions of attnviz";
  if (a.libtorch != b.libtorch) return "versions of LibTorch";
  if (a.model_sha256 != b.model_sha256 || a.model != b.model) return "models";
  if (a.vocabulary_sha256 != b.vocabulary_sha256) return "vocabularies";
  return a.options == b.options ? "" : "options";
}

class Merger {
 public:
  Merger(const std::vector<fs::path>& folders, fs::path out_dir, bool force)
      : out_dir_(std::move(out_dir)), force_(force) {
    for (const fs::path& folder : folders) add(folder);
    if (made_.empty()) throw UsageError("there is no folder to merge");
  }

  BatchResult run() {
    require_all_shards();
    require_free_place();
    for (const Made& made : made_) read(made);
    write_index();
    if (first().heads) write_heads();
    write_merged_record();
    return std::move(result_);
  }

 private:
  [[nodiscard]] const BatchRecord& first() const { return made_.front().record; }

  void add(const fs::path& folder) {
    const auto record = read_record(folder);
    if (!record) throw UsageError(folder.string() + " is no batch's folder: it has no batch.json");
    for (const Made& other : made_) {
      std::error_code error;
      if (fs::equivalent(other.folder, folder, error)) {
        throw UsageError(folder.string() + " is named twice");
      }
    }
    made_.push_back({folder, *record});
    const std::string other = difference(first(), *record);
    if (other.empty()) return;
    throw UsageError(made_.front().folder.string() + " and " + folder.string() +
                     " come from different " + other);
  }

  void require_all_shards() const {
    const std::int64_t of = first().shard.of;
    std::set<std::int64_t> found;
    for (const auto& [folder, record] : made_) {
      if (record.shard.of != of || (of > 1 && record.texts_sha256 != first().texts_sha256)) {
        throw UsageError(made_.front().folder.string() + " and " + folder.string() +
                         " are not shards of one batch");
      }
      if (of > 1 && !found.insert(record.shard.index).second) {
        throw UsageError("shard " + std::to_string(record.shard.index) + "/" + std::to_string(of) +
                         " is there twice");
      }
    }
    for (std::int64_t i = 1; of > 1 && i <= of; ++i) {
      if (found.count(i) > 0) continue;
      throw UsageError("shard " + std::to_string(i) + "/" + std::to_string(of) +
                       " is missing; name its folder, too");
    }
  }

  void require_free_place() const {
    std::error_code error;
    for (const Made& made : made_) {
      if (!fs::equivalent(made.folder, out_dir_, error)) continue;
      throw UsageError(out_dir_.string() + " is one of the folders to merge; take another");
    }
    if (!force_ && fs::exists(out_dir_ / kIndexFile, error)) {
      throw UsageError(out_dir_.string() +
                       " holds an index already; take another folder, or --force");
    }
  }

  /// Notes what is in an index, and that it is whole.
  void read(const Made& made) {
    std::int64_t n = 0;
    if (!has_journal(made.folder)) {
      for_each_entry(made.folder / kIndexFile, [&](IndexEntry&& entry) {
        ++n;
        note(made, entry);
      });
    }
    if (n == made.record.n_texts) return;
    throw FileError(made.folder.string() + " is not finished: its index has " + std::to_string(n) +
                    " of " + std::to_string(made.record.n_texts) + " texts; run its batch again");
  }

  void note(const Made& made, const IndexEntry& entry) {
    if (!names_.insert(entry.name).second) {
      throw UsageError("another folder holds the text " + entry.name + " of " +
                       made.folder.string() + ", too");
    }
    BatchProgress& progress = result_.progress;
    ++progress.texts;
    result_.n_cut += entry.tokens_cut > 0;
    if (entry.error.empty()) {
      ++progress.done;
      keys_.insert(entry.key);
    } else {
      ++progress.failed;
      result_.failures.push_back(
          {entry.name,
           entry.line > 0 ? entry.input + ":" + std::to_string(entry.line) : entry.input,
           entry.error});
    }
  }

  void write_index() {
    const fs::path path = out_dir_ / kIndexFile;
    write_file_atomically(path, [&](std::ostream& out) {
      for (const Made& made : made_) {
        const fs::path there = fs::proximate(made.folder, out_dir_);
        for_each_entry(made.folder / kIndexFile, [&](IndexEntry&& entry) {
          for (std::string& file : entry.files) file = (there / file).lexically_normal().string();
          out << to_json(entry) << '\n';
        });
      }
    });
    result_.files.push_back(path);
  }

  void write_heads() {
    BatchHeads heads(statistics_of(first()));
    for (const Made& made : made_) {
      const auto is_known = [&](const std::string& key) { return keys_.count(key) > 0; };
      if (!heads.load(made.folder, is_known) && made.record.n_texts > 0) {
        throw FileError(made.folder.string() + " has no " + kHeadSums +
                        " of its texts; run its batch again");
      }
    }
    if (heads.size() != keys_.size()) {
      throw FileError("the sums of heads are of " + std::to_string(heads.size()) +
                      " texts, not of " + std::to_string(keys_.size()) + "; run the batches again");
    }
    if (heads.size() == 0) return;
    attnviz::write_heads(out_dir_, heads, survey_of(heads.report()), result_);
  }

  /// What the sums do not say is in each of the reports.
  Survey survey_of(HeadReport report) const {
    Survey survey;
    survey.model = first().model.empty() ? kFilesOfAttention : first().model;
    survey.sha256 = first().model_sha256;
    survey.report = std::move(report);
    for (const Made& made : made_) {
      std::error_code error;
      if (!fs::exists(made.folder / kHeadsFile, error)) continue;
      const auto json =
          nlohmann::json::parse(shallow(read_file(made.folder / kHeadsFile)), nullptr, false);
      if (!json.is_object()) continue;
      survey.layers_share_weights = json.value("layers_share_weights", false);
      survey.no_probes = json.value("no_probes", "");
      break;
    }
    return survey;
  }

  void write_merged_record() {
    BatchRecord record = first();
    record.shard = {};
    record.n_texts = result_.progress.texts;
    std::string all;
    for (const Made& made : made_) all += made.record.texts_sha256;
    if (first().shard.of == 1) record.texts_sha256 = sha256_of(all);
    write_record(out_dir_, record);
  }

  fs::path out_dir_;
  bool force_;
  std::vector<Made> made_;
  std::set<std::string> names_, keys_;
  BatchResult result_;
};

}  // namespace

BatchResult merge_batches(const std::vector<fs::path>& folders, const fs::path& out_dir,
                          bool force) {
  return Merger(folders, out_dir, force).run();
}

}  // namespace attnviz
