#include "run/batch_stages.h"

#include <algorithm>
#include <new>

#include "attention/wording.h"
#include "attnviz/error.h"
#include "attnviz/file.h"
#include "attnviz/survey.h"
#include "run/batch_text.h"
#include "run/one_text.h"
#include "run/output.h"
#include "run/probes.h"
#include "run/text_page.h"

namespace attnviz {
namespace {

namespace fs = std::filesystem;

/// Notes what goes wrong with a text, which is left alone from then on, and the time that the stage
/// took.
template <typename Stage>
void attempt(TextOnItsWay& one, const char* name, Stage stage) {
  if (!one.entry.error.empty()) return;
  try {
    timed(one.entry.ms, name, [&] { return stage(), 0; });
  } catch (const std::bad_alloc&) {
    one.entry.error = "out of memory; lower --jobs, or cut it with --max-tokens";
  } catch (const std::exception& error) {
    one.entry.error = message_of(error);
  }
  if (one.entry.error.empty()) return;
  one.patterns = {};
  one.pictures = {};
}

std::string printed(std::uint64_t bytes) {
  return decimals(static_cast<double>(bytes) / 1e9, 1) + " GB";
}

/// Room for what is added to a name while its file is written.
void require_short(const std::vector<fs::path>& files) {
  constexpr std::size_t kMost = 255, kTemporary = 14;
  for (const fs::path& file : files) {
    if (file.filename().string().size() + kTemporary > kMost) {
      throw TextError("its name is too long for a file; rename it");
    }
  }
}

}  // namespace

std::vector<fs::path> files_of(const std::string& name, const BatchOptions& options) {
  const fs::path path = name;
  const std::string prefix = path.filename().string();
  std::vector<fs::path> files;
  for (const std::string& figure :
       figure_names(prefix, options.show.figures, options.show.figure)) {
    files.push_back(path.parent_path() / figure);
  }
  if (options.html) files.push_back(path.parent_path() / (prefix + kPageEnding));
  if (options.save_attention) {
    files.push_back(path.parent_path() / (prefix + "_attention.safetensors"));
  }
  if (options.heads) files.push_back(path.parent_path() / (prefix + "_heads.json"));
  return files;
}

BatchStages::BatchStages(const BatchOptions& options, const BatchRecord& record,
                         const fs::path& model, const fs::path& vocabulary)
    : options_(options),
      tokenizer_(vocabulary),
      model_(model, options.show.capture),
      model_sha256_(record.model_sha256),
      settings_(hash_of(record)) {
  const ModelInfo info = model_.info();
  const auto n_layers = static_cast<std::int64_t>(info.n_heads.size());
  layers_share_weights_ = info.n_weight_sets.value_or(n_layers) < n_layers;
  for (const std::int64_t n : info.n_heads) {
    n_heads_ += static_cast<std::uint64_t>(n);
    most_heads_ = std::max(most_heads_, static_cast<std::uint64_t>(n));
  }
  // How large the pictures are depends on layers and heads, hardly on the text.
  Shown shown = tokenize("a a", tokenizer_, std::nullopt);
  const AttentionPatterns patterns = attnviz::attend(shown, model_);
  const std::vector<Label> labels = token_labels(tokenizer_, shown.ids);
  for (const FigureKind kind : options.show.figures) {
    n_pixels_ += n_pixels_of(kind, patterns, labels, options.show.figure);
  }
}

std::string BatchStages::key_of(const BatchText& text, const std::string& sha256) const {
  return sha256_of(settings_ + '\0' + text.name + '\0' + sha256);
}

std::uint64_t BatchStages::memory_of(std::int64_t n_tokens) const {
  const auto n = static_cast<std::uint64_t>(n_tokens);
  const std::uint64_t patterns = 4 * n * n * n_heads_, one_layer = 4 * n * n * most_heads_;
  return (options_.html ? 3 : 2) * patterns + 6 * one_layer + 5 * n_pixels_ + (16U << 20U);
}

void BatchStages::read(TextOnItsWay& one, const BatchText& text, std::uint64_t most) const {
  one.entry.name = text.name;
  one.entry.input = text.source->path.string();
  one.entry.line = text.line;
  one.entry.key = key_of(text, "");
  TextRead read;
  attempt(one, "read", [&] {
    require_short(files_of(text.name, options_));
    read = read_text(text, most / 16);
    one.entry.sha256 = read.sha256;
    one.entry.key = key_of(text, read.sha256);
  });
  attempt(one, "tokenize", [&] {
    one.shown = tokenize(read.text, tokenizer_, options_.show.max_tokens);
    one.entry.tokens = static_cast<std::int64_t>(one.shown.ids.size());
    one.entry.tokens_cut = static_cast<std::int64_t>(one.shown.n_tokens_cut);
    if (const auto limit = model_.n_positions(); limit && one.entry.tokens > *limit) {
      throw TextError("it has " + std::to_string(one.entry.tokens) + " tokens, but the model " +
                      std::to_string(*limit) + " positions; cut it with --max-tokens " +
                      std::to_string(*limit));
    }
    one.memory = memory_of(one.entry.tokens);
    if (one.memory > most) {
      throw TextError("its " + std::to_string(one.entry.tokens) + " tokens need about " +
                      printed(one.memory) + ", more than the " + printed(most) +
                      " that are left; raise --max-memory, or cut it with --max-tokens");
    }
  });
  if (!one.entry.error.empty()) one.memory = 0;
}

void BatchStages::attend(TextOnItsWay& one) {
  attempt(one, "attention", [&] { one.patterns = attnviz::attend(one.shown, model_); });
}

void BatchStages::draw(TextOnItsWay& one) const {
  if (!one.only_heads && !options_.show.figures.empty()) {
    attempt(one, "figures", [&] {
      one.pictures = draw_figures(one.shown, one.patterns, token_labels(tokenizer_, one.shown.ids),
                                  options_.show.figures, options_.show.figure, model_.path());
    });
  }
  PageFindings findings;
  if (options_.heads) {
    attempt(one, "heads", [&] {
      HeadStatistics statistics(options_.statistics);
      statistics.add_text(one.patterns, one.shown.ids);
      const HeadReport report = statistics.report();
      if (options_.html) findings.heads = page_heads(report);
      if (!one.only_heads) one.heads_json = to_json(survey_of(report));
      one.heads.emplace(std::move(statistics));
    });
  }
  if (!options_.html || one.only_heads) return;
  attempt(one, "page", [&] {
    one.pictures.push_back(
        page_of(one.shown, one.patterns, tokenizer_, model_.path(), std::move(findings)));
  });
}

void BatchStages::write(TextOnItsWay& one) const {
  if (!one.entry.error.empty() || one.only_heads) return;
  try {
    timed(one.entry.ms, "write", [&] {
      std::size_t i = 0;
      for (const fs::path& file : files_of(one.entry.name, options_)) {
        const fs::path path = options_.out_dir / file;
        if (i < one.pictures.size()) {
          write_file_atomically(path, one.pictures[i]);
        } else if (options_.save_attention && i == one.pictures.size()) {
          save_attention(path, one.shown, one.patterns, model_.path());
        } else {
          write_file_atomically(path, one.heads_json);
        }
        one.entry.files.push_back(file.string());
        one.entry.bytes.push_back(fs::file_size(path));
        ++i;
      }
      return 0;
    });
  } catch (const std::exception& error) {
    one.problem = error.what();
  }
  one.shown = {};
  one.patterns = {};
  one.pictures = {};
}

HeadStatistics BatchStages::probes(std::string& why_none) {
  HeadStatistics statistics(options_.statistics);
  why_none = add_probes(statistics, model_, options_.n_probes, options_.statistics.seed,
                        static_cast<std::int64_t>(tokenizer_.size()));
  return statistics;
}

Survey BatchStages::survey_of(HeadReport report) const {
  Survey survey;
  survey.model = model_.path().filename().string();
  survey.sha256 = model_sha256_;
  survey.layers_share_weights = layers_share_weights_;
  survey.report = std::move(report);
  return survey;
}

}  // namespace attnviz
