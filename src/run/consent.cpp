#include "run/consent.h"

#include <algorithm>

#include "attnviz/error.h"
#include "attnviz/file.h"

namespace attnviz {

void require_consent(const GptConfig& config, SharedLayers shared_layers,
                     const std::vector<HeadId>& heads, const std::filesystem::path& model) {
  if (!config.shared_layers || shared_layers != SharedLayers::refuse) return;
  std::string consequence =
      "each head exists once for all of them, and what changes in one layer "
      "changes in all";
  if (!heads.empty()) {
    std::vector<HeadId> others = with_twins(config, heads);
    std::erase_if(others, [&](HeadId head) {
      return std::find(heads.begin(), heads.end(), head) != heads.end();
    });
    if (others.empty()) return;
    consequence = "changing " + to_string(heads) + " also changes " + to_string(others);
  }
  throw UsageError("the " + std::to_string(config.n_layers()) + " layers of " + model.string() +
                   " share one set of weights: " + consequence +
                   "; say --shared-layers if that is meant, or --untie-layers to give each layer "
                   "its own copy first");
}

void require_vocabulary(const GptConfig& config, const Tokenizer& tokenizer,
                        const std::filesystem::path& model) {
  if (config.vocabulary_size >= std::int64_t(tokenizer.size())) return;
  throw UsageError("the vocabulary has " + std::to_string(tokenizer.size()) + " tokens, " +
                   model.string() + " only " + std::to_string(config.vocabulary_size));
}

void add_step(GptRecord& record, const std::string& step, const std::filesystem::path& model) {
  constexpr char kSteps[] = "then";
  Provenance& all = record.provenance;
  const auto steps = std::find_if(all.begin(), all.end(),
                                  [&](const auto& entry) { return entry.first == kSteps; });
  if (steps != all.end()) {
    steps->second += "; " + step;
    return;
  }
  all.emplace_back("sha256 " + model.filename().string(), sha256_of_file(model));
  all.emplace_back(kSteps, step);
}

}  // namespace attnviz
