#include "run/snapshot_maker.h"

#include <ATen/Version.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <sstream>

#include "attnviz/error.h"
#include "attnviz/file.h"
#include "run/output.h"

namespace attnviz {
namespace {

namespace fs = std::filesystem;

constexpr char kPrecision[] = "attnviz:precision";

/// What is recorded with a snapshot, and what it is called where it changed.
struct FactName {
  const char *key, *name;
};
constexpr FactName kFacts[] = {{"attnviz:model", "model"},
                               {"attnviz:model_sha256", "the model file's SHA-256"},
                               {"attnviz:architecture", "architecture"},
                               {"attnviz:weight_types", "weights"},
                               {"attnviz:norm_epsilons", "layer norm epsilon"},
                               {"attnviz:vocabulary_sha256", "the vocabulary's SHA-256"},
                               {"attnviz:attention", "file of attention"},
                               {"attnviz:attention_sha256", "the attention file's SHA-256"},
                               {kPrecision, "computed in"},
                               {"Software", "attnviz"},
                               {"attnviz:libtorch", "LibTorch"},
                               {"attnviz:cpu", "CPU"}};

/// The processor's name, and the instructions that LibTorch uses of it.
std::string cpu() {
  std::string name = "unknown processor", uses;
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    const auto colon = line.find(": ");
    if (!line.starts_with("model name") || colon == std::string::npos) continue;
    name = printable(line.substr(colon + 2));
    break;
  }
  static const std::string kSign = "CPU capability usage: ";
  const std::string config = at::show_config();
  if (const auto found = config.find(kSign); found != std::string::npos) {
    const auto start = found + kSign.size();
    uses = config.substr(start, config.find('\n', start) - start);
  }
  return uses.empty() ? name : name + ", " + uses;
}

std::string or_unknown(const std::optional<std::int64_t>& number) {
  return number ? std::to_string(*number) : "?";
}

std::string architecture(const ModelInfo& info) {
  return layers_and_heads(info.n_heads) + ", d_model " + or_unknown(info.d_model) +
         ", vocabulary " + or_unknown(info.vocabulary_size) + ", positions " +
         or_unknown(info.n_positions) + ", " + std::to_string(info.n_parameters) + " parameters";
}

template <typename Values>
std::string joined(const Values& values) {
  std::ostringstream text;
  text.imbue(std::locale::classic());
  for (std::size_t i = 0; i < values.size(); ++i) text << (i ? ", " : "") << values[i];
  return text.str();
}

std::map<std::string, std::string> facts_of(const fs::path& model, const fs::path& vocabulary,
                                            const ModelInfo& info, bool float64) {
  return {{"attnviz:model", printable(model.filename().string())},
          {"attnviz:model_sha256", sha256_of_file(model)},
          {"attnviz:architecture", architecture(info)},
          {"attnviz:weight_types", joined(info.weight_types)},
          {"attnviz:norm_epsilons", joined(info.norm_epsilons)},
          {"attnviz:vocabulary_sha256", vocabulary_sha256(vocabulary)},
          {kPrecision, float64 ? "float64" : "float32"},
          {"Software", "attnviz " + version()},
          {"attnviz:libtorch", libtorch_version()},
          {"attnviz:cpu", cpu()}};
}

Snapshot recorded(const Attended& attended, std::map<std::string, std::string> facts,
                  std::int64_t n_cells) {
  Snapshot snapshot;
  snapshot.text = attended.shown.text;
  snapshot.tokens = attended.shown.tokens;
  snapshot.record = record_attention(attended.patterns, token_ids(attended), n_cells);
  snapshot.facts = std::move(facts);
  return snapshot;
}

std::string shortened(const std::string& key, const std::string& value) {
  return key.ends_with("sha256") ? value.substr(0, 12) : value;
}

void require_no_sinks(const Attended& attended) {
  if (!attended.patterns.has_sinks) return;
  throw ShapeError(
      "its rows sum to less than 1, since a sink that is not a token takes the rest; snapshots are "
      "of "
      "rows that sum to 1");
}

}  // namespace

SnapshotMaker::SnapshotMaker(const fs::path& model, const fs::path& vocabulary,
                             ModelOptions options, bool float64)
    : tokenizer_(vocabulary), path_(model) {
  const SameFiles same(model, vocabulary);
  std::optional<ModelInfo> info;
  if (float64) {
    try {
      options.float64 = true;
      model_ = std::make_unique<Model>(model, options);
      info = model_->info();
    } catch (const ModelError&) {
      // Some modules hold on to float32; what else is wrong will show again.
      options.float64 = false;
    }
  }
  if (!info) {
    model_ = std::make_unique<Model>(model, options);
    info = model_->info();
  }
  facts_ = facts_of(model, vocabulary, *info, options.float64);
  same.require();
}

Source SnapshotMaker::source() const {
  return {path_, facts_.at("attnviz:model_sha256"), facts_.at("attnviz:vocabulary_sha256"), false};
}

Snapshot SnapshotMaker::take(const std::string& text, std::optional<std::int64_t> max_tokens,
                             const std::vector<FigureKind>& figures,
                             std::vector<std::string>* pngs) {
  const Attended attended =
      attend(tokenize(text, tokenizer_, max_tokens), *model_, &tokenizer_, {});
  require_no_sinks(attended);
  ShowOptions options;
  options.figures = figures;
  std::vector<std::string> drawn =
      draw_figures(attended, view_of(attended, false), options, source());
  Snapshot snapshot = recorded(attended, facts_, kSnapshotCells);
  for (std::size_t i = 0; i < figures.size(); ++i) {
    snapshot.pictures[std::string(to_string(figures[i]))] = sha256_of(drawn[i]);
  }
  if (pngs != nullptr) *pngs = std::move(drawn);
  return snapshot;
}

Snapshot SnapshotMaker::take(const Snapshot& tokens) {
  Shown shown;
  shown.text = tokens.text;
  shown.ids = tokens.record.ids;
  Attended attended = attend(std::move(shown), *model_, &tokenizer_, {});
  require_no_sinks(attended);
  attended.shown.tokens = tokens.tokens;
  return recorded(attended, facts_, kSnapshotCells);
}

Snapshot snapshot_of(const Attended& attended, const Source& source, std::int64_t n_cells) {
  std::map<std::string, std::string> facts = {
      {"Software", "attnviz " + version()},
      {"attnviz:attention", printable(source.file.filename().string())},
      {"attnviz:attention_sha256", source.sha256},
      {kPrecision, "float32"}};
  if (!attended.shown.model.empty()) facts["attnviz:model"] = printable(attended.shown.model);
  try {
    return recorded(attended, std::move(facts), n_cells);
  } catch (const ShapeError& error) {
    throw ShapeError(source.file.string() + ": " + error.what());
  }
}

std::string layers_and_heads(const std::vector<std::int64_t>& n_heads) {
  const bool are_equal =
      std::adjacent_find(n_heads.begin(), n_heads.end(), std::not_equal_to<>()) == n_heads.end();
  std::string text =
      std::to_string(n_heads.size()) + (n_heads.size() == 1 ? " layer of" : " layers of");
  for (std::size_t l = 0; l < (are_equal ? 1 : n_heads.size()); ++l) {
    text += " " + std::to_string(n_heads[l]);
  }
  return text + " heads";
}

std::vector<FactChange> changed_facts(const Snapshot& before, const Snapshot& after) {
  std::vector<FactChange> changes;
  for (const FactName& fact : kFacts) {
    const auto was = before.facts.find(fact.key), is = after.facts.find(fact.key);
    if (was == before.facts.end() || is == after.facts.end() || was->second == is->second) continue;
    changes.push_back(
        {fact.name, shortened(fact.key, was->second), shortened(fact.key, is->second)});
  }
  return changes;
}

bool are_float64(const Snapshot& before, const Snapshot& after) {
  const auto is_float64 = [](const Snapshot& snapshot) {
    const auto found = snapshot.facts.find(kPrecision);
    return found != snapshot.facts.end() && found->second == "float64";
  };
  return is_float64(before) && is_float64(after);
}

}  // namespace attnviz
