#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "run/timed.h"

namespace attnviz {

inline constexpr char kIndexFile[] = "index.jsonl";

/// One line of index.jsonl: what was done with a text.
struct IndexEntry {
  std::string name, input;
  std::int64_t line = 0;  ///< 0: the text is a whole file
  std::string sha256;     ///< empty: it could not be read
  std::int64_t tokens = 0, tokens_cut = 0;
  std::vector<std::string> files;     ///< below the folder of the index
  std::vector<std::uintmax_t> bytes;  ///< of each
  Timings ms = {};
  std::string error = {};  ///< empty: none
  std::string key = {};
};
/// No newline at the end. Bytes that are no UTF-8 are replaced: JSON has none.
[[nodiscard]] std::string to_json(const IndexEntry& entry);
/// Throws FileError for anything that to_json does not write.
[[nodiscard]] IndexEntry index_entry(const std::string& line);

/// Each line of an index.
void for_each_entry(const std::filesystem::path& index,
                    const std::function<void(IndexEntry&&)>& visit);

/// A run into the folder has not ended, or was killed.
[[nodiscard]] bool has_journal(const std::filesystem::path& folder);

/// What earlier runs left in a folder: its index, and the journal of a run that was killed. Memory
/// holds where lines are, not what they say.
class StoredIndex {
 public:
  /// Throws FileError.
  explicit StoredIndex(std::filesystem::path folder);

  [[nodiscard]] bool empty() const { return places_.empty(); }
  [[nodiscard]] std::optional<IndexEntry> find(const std::string& key) const;

 protected:
  struct Place {
    bool in_journal = false;
    std::uintmax_t offset = 0, size = 0;
  };
  struct Unread {};
  StoredIndex(std::filesystem::path folder, Unread) : folder_(std::move(folder)) {}
  void read();
  [[nodiscard]] std::string line_at(Place place) const;

  std::filesystem::path folder_;
  std::uintmax_t journal_size_ = 0;  ///< bytes of whole lines
  std::unordered_map<std::string, Place> places_;

 private:
  std::uintmax_t read(const std::filesystem::path& file, bool in_journal);
};

/// The index of a folder that is being worked on. Lines go to a journal at once, so that a killed
/// run is not lost, and at the end, in the texts' order, to index.jsonl. One process at a time has
/// a folder's journal.
class WorkingIndex : public StoredIndex {
 public:
  /// Throws FileError, and UsageError where another process is at work.
  explicit WorkingIndex(std::filesystem::path folder);
  ~WorkingIndex();
  WorkingIndex(const WorkingIndex&) = delete;
  WorkingIndex& operator=(const WorkingIndex&) = delete;

  /// Throws FileError.
  void add(const IndexEntry& entry);
  /// Writes index.jsonl, the lines of `keys` in that order (those without one left out), and ends
  /// the journal. Throws FileError.
  void finish(const std::vector<std::string>& keys);
  /// Names in an older index that `names` does not hold. known: keys of lines whose names it does.
  [[nodiscard]] std::int64_t count_others(const std::unordered_set<std::string>& names,
                                          const std::unordered_set<std::string>& known) const;

 private:
  void lock();

  int journal_ = -1;
};

}  // namespace attnviz
