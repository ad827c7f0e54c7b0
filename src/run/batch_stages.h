#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "attnviz/batch.h"
#include "attnviz/survey.h"
#include "run/batch_index.h"
#include "run/batch_record.h"
#include "run/one_text.h"

namespace attnviz {

/// A text on its way through the stages, and what they have made of it so far.
struct TextOnItsWay {
  std::size_t place = 0;    ///< among the texts
  bool only_heads = false;  ///< its files are there, its scores are not among the sums
  IndexEntry entry;         ///< entry.error: it has failed, and later stages leave it alone
  std::string problem;      ///< its files cannot be written, nor will those of others
  const Tokenizer* tokenizer = nullptr;  ///< what names its tokens; null: their ids do
  Attended attended;
  Source source;
  std::vector<std::string> pictures;  ///< and the page
  std::optional<HeadStatistics> heads;
  std::string heads_json;
  std::vector<std::string> remarks;  ///< on a file of attention
  std::uint64_t memory = 0;          ///< bytes that it takes, by estimate
};

/// What is done with each text. The stages of different texts may run at the same time.
class BatchStages {
 public:
  /// Loads vocabulary and model, where their paths are not empty. Throws what they throw.
  BatchStages(const BatchOptions& options, const BatchRecord& record,
              const std::filesystem::path& model, const std::filesystem::path& vocabulary);

  /// Of a text and all that its files depend on: 64 hexadecimal digits.
  [[nodiscard]] std::string key_of(const BatchText& text, const std::string& sha256) const;

  /// Files of attention are all to be of one model: that of this file, if scores can be taken of
  /// it within `most` bytes, else false. Others fail.
  bool expect_heads_of(const BatchText& text, std::uint64_t most);

  /// most: bytes that one text may take. Never throws; nor do the others.
  void read(TextOnItsWay& one, const BatchText& text, std::uint64_t most) const;
  void attend(TextOnItsWay& one);
  void draw(TextOnItsWay& one) const;
  void write(TextOnItsWay& one) const;

  /// The repeated-token probe; why_none is set where the model is too small for it.
  [[nodiscard]] HeadStatistics probes(std::string& why_none);
  /// The survey that a report is written as.
  [[nodiscard]] Survey survey_of(HeadReport report) const;
  /// For a person: the model's file, or that there is none.
  [[nodiscard]] std::string model_name() const;
  [[nodiscard]] std::uint64_t memory_of(std::int64_t n_tokens) const;

 private:
  void look_at_model();
  void read_dump(TextOnItsWay& one, const BatchText& text, std::uint64_t most) const;

  const BatchOptions& options_;
  std::optional<Tokenizer> tokenizer_;
  std::optional<KeptHeads> expected_heads_;
  std::optional<Model> model_;
  Source source_;  ///< of the model; of a file of attention its vocabulary's hash alone
  std::string settings_;
  bool layers_share_weights_ = false;
  std::uint64_t n_heads_ = 0, most_heads_ = 0, n_pixels_ = 0;
};

/// What the names of pages end with.
inline constexpr char kPageEnding[] = "_attention.html";

/// The files of one text, below the output folder.
[[nodiscard]] std::vector<std::filesystem::path> files_of(const std::string& name,
                                                          const BatchOptions& options);

}  // namespace attnviz
