#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <unordered_set>

#include "attnviz/batch.h"
#include "attnviz/head_statistics.h"
#include "attnviz/survey.h"

namespace attnviz {

inline constexpr char kHeadsFile[] = "heads.json";
inline constexpr char kHeadSums[] = "heads.safetensors";

/// The head scores of many texts together, of which each is known by its key: sums that a stopped
/// run goes on from and that other machines' are added to.
class BatchHeads {
 public:
  explicit BatchHeads(const StatisticsOptions& options)
      : options_(options), texts_(options), probes_(options) {}

  /// Adds what a folder has, where all of its texts are wanted; false where it has none, or others.
  /// Throws FileError and ModelError for damaged sums.
  bool load(const std::filesystem::path& folder,
            const std::function<bool(const std::string& key)>& is_wanted);
  [[nodiscard]] bool has(const std::string& key) const { return keys_.count(key) > 0; }
  void add(const std::string& key, const HeadStatistics& text);
  /// Those of the repeated-token probe, the same for every folder of a model.
  void set_probes(HeadStatistics probes) { probes_ = std::move(probes); }

  [[nodiscard]] std::size_t size() const { return keys_.size(); }
  [[nodiscard]] HeadReport report() const;
  /// Throws FileError.
  void save(const std::filesystem::path& folder) const;

 private:
  StatisticsOptions options_;
  HeadStatistics texts_, probes_;
  std::unordered_set<std::string> keys_;
};

/// Writes both files of the heads of all texts, and adds them to result.files. survey: of heads'
/// report; which texts were cut and which failed is taken from the result. Throws FileError.
void write_heads(const std::filesystem::path& folder, const BatchHeads& heads, Survey survey,
                 BatchResult& result);

}  // namespace attnviz
