#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "attnviz/snapshot.h"
#include "run/one_text.h"

namespace attnviz {

/// Of a long text, as many blocks are kept.
inline constexpr std::int64_t kSnapshotCells = 32;

/// One model and one vocabulary, loaded once, for the snapshots of any number of texts. Texts may
/// be taken from several threads at once.
class SnapshotMaker {
 public:
  /// float64: computed so where the model can be. Throws what Model and Tokenizer throw.
  SnapshotMaker(const std::filesystem::path& model, const std::filesystem::path& vocabulary,
                ModelOptions options, bool float64);

  /// Throws what Tokenizer::encode and Model::capture throw. pngs: the figures that are asked for,
  /// to be compared or shown.
  [[nodiscard]] Snapshot take(const std::string& text, std::optional<std::int64_t> max_tokens,
                              const std::vector<FigureKind>& figures = {},
                              std::vector<std::string>* pngs = nullptr);
  /// The same of tokens that are known already, and of what is known of them.
  [[nodiscard]] Snapshot take(const Snapshot& tokens);

 private:
  [[nodiscard]] Source source() const;

  Tokenizer tokenizer_;
  std::filesystem::path path_;
  std::unique_ptr<Model> model_;
  std::map<std::string, std::string> facts_;
};

/// The same of a file of attention, for which no model is loaded. n_cells: as record_attention has
/// it. Throws ShapeError where queries and keys are not the same tokens.
[[nodiscard]] Snapshot snapshot_of(const Attended& attended, const Source& source,
                                   std::int64_t n_cells);

/// `6 layers of 8 heads`, `2 layers of 3 4 heads`. n_heads: of each layer.
[[nodiscard]] std::string layers_and_heads(const std::vector<std::int64_t>& n_heads);

/// What differs between what two snapshots were made with; of those that both have.
[[nodiscard]] std::vector<FactChange> changed_facts(const Snapshot& before, const Snapshot& after);

/// Both were computed in float64.
[[nodiscard]] bool are_float64(const Snapshot& before, const Snapshot& after);

}  // namespace attnviz
