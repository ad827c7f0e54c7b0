#include "run/batch_stages.h"

#include <algorithm>

#include "attention/kept_heads.h"
#include "attention/wording.h"
#include "attnviz/error.h"
#include "attnviz/file.h"
#include "attnviz/survey.h"
#include "dump/stored.h"
#include "file/memory.h"
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
  } catch (const std::exception& error) {
    one.entry.error = is_out_of_memory(error)
                          ? "out of memory; lower --jobs, or cut it with --max-tokens"
                          : message_of(error);
  }
  if (one.entry.error.empty()) return;
  one.attended = {};
  one.pictures = {};
}

std::string printed(std::uint64_t bytes) {
  return decimals(static_cast<double>(bytes) / 1e9, 1) + " GB";
}

/// What a file of attention takes, by estimate. Throws what dump::bytes_in throws.
std::uint64_t memory_of_dump(const fs::path& file) {
  return 6 * dump::bytes_in(file) + 200'000'000;
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
  for (const std::string& figure : figure_names(prefix, options.show)) {
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
      source_{model, record.model_sha256, record.vocabulary_sha256, model.empty()},
      settings_(hash_of(record)) {
  tokenizer_ = tokenizer_of(vocabulary);
  if (model.empty()) return;
  model_.emplace(model, options.show.capture);
  look_at_model();
}

void BatchStages::look_at_model() {
  const ModelInfo info = model_->info();
  const auto n_layers = static_cast<std::int64_t>(info.n_heads.size());
  layers_share_weights_ = info.n_weight_sets.value_or(n_layers) < n_layers;
  for (const std::int64_t n : info.n_heads) {
    n_heads_ += static_cast<std::uint64_t>(n);
    most_heads_ = std::max(most_heads_, static_cast<std::uint64_t>(n));
  }
  // How large the pictures are depends on layers and heads, hardly on the text.
  const Attended attended = attnviz::attend(take_ids(model_->sample_ids(), nullptr, std::nullopt),
                                            *model_, nullptr, options_.show.figure.choice);
  const View view = view_of(attended, false);
  FigureOptions figure = options_.show.figure;
  figure.focus = {};
  for (const FigureKind kind : options_.show.figures) {
    const Drawing drawing = layout(kind, view, figure);
    n_pixels_ += std::uint64_t(drawing.width) * std::uint64_t(drawing.height);
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
  one.source = source_;
  if (options_.attention) return read_dump(one, text, most);
  TextRead read;
  attempt(one, "read", [&] {
    require_short(files_of(text.name, options_));
    read = read_text(text, most / 16);
    one.entry.sha256 = read.sha256;
    one.entry.key = key_of(text, read.sha256);
  });
  attempt(one, "tokenize", [&] {
    Shown& shown = one.attended.shown;
    // Ids are named only by a vocabulary that was named itself.
    const bool names_ids = !options_.show.vocabulary.empty();
    if (!read.ids.empty() && !names_ids) one.source.vocabulary_sha256.clear();
    one.tokenizer = read.ids.empty() || names_ids ? pointer_to(tokenizer_) : nullptr;
    shown = read.ids.empty()
                ? tokenize(read.text, *tokenizer_, options_.show.max_tokens)
                : take_ids(std::move(read.ids), one.tokenizer, options_.show.max_tokens);
    one.entry.tokens = static_cast<std::int64_t>(shown.ids.size());
    one.entry.tokens_cut = static_cast<std::int64_t>(shown.n_tokens_cut);
    if (const auto limit = model_->n_positions(); limit && one.entry.tokens > *limit) {
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

void BatchStages::read_dump(TextOnItsWay& one, const BatchText& text, std::uint64_t most) const {
  attempt(one, "read", [&] {
    require_short(files_of(text.name, options_));
    const fs::path& file = text.source->path;
    one.memory = memory_of_dump(file);
    if (one.memory > most) {
      throw TextError("it needs about " + printed(one.memory) + ", more than the " + printed(most) +
                      " that are left; raise --max-memory");
    }
    const SameFiles same(file, "");
    one.source = source_of_dump(file, "");
    one.source.vocabulary_sha256 = source_.vocabulary_sha256;
    one.entry.sha256 = one.source.sha256;
    one.entry.key = key_of(text, one.source.sha256);
    one.attended = read_attended(file, options_.show.dump, tokenizer_, options_.show.figure.choice);
    same.require();
    one.entry.tokens = one.attended.patterns.n_keys();
    one.remarks = one.attended.shown.remarks;
  });
  if (!one.entry.error.empty()) one.memory = 0;
}

bool BatchStages::expect_heads_of(const BatchText& text, std::uint64_t most) {
  const fs::path& file = text.source->path;
  try {
    if (memory_of_dump(file) > most) return false;
    const Attended attended =
        read_attended(file, options_.show.dump, tokenizer_, options_.show.figure.choice);
    HeadStatistics(options_.statistics).add_text(attended.patterns, token_ids(attended));
    expected_heads_ = kept_heads(attended.patterns);
    return true;
  } catch (const std::exception&) {  // told when its turn comes
    return false;
  }
}

void BatchStages::attend(TextOnItsWay& one) {
  if (options_.attention) return;
  attempt(one, "attention", [&] {
    one.attended = attnviz::attend(std::move(one.attended.shown), *model_, one.tokenizer,
                                   options_.show.figure.choice);
  });
}

void BatchStages::draw(TextOnItsWay& one) const {
  std::optional<View> view;
  if (!one.only_heads && (!options_.show.figures.empty() || options_.html)) {
    attempt(one, "figures", [&] {
      view = view_of(one.attended, options_.show.merge_words);
      one.pictures = draw_figures(one.attended, *view, options_.show, one.source);
    });
  }
  PageFindings findings;
  if (options_.heads) {
    attempt(one, "heads", [&] {
      if (expected_heads_ && kept_heads(one.attended.patterns) != *expected_heads_) {
        throw ShapeError(
            "it has other layers or heads than the first of the files; give it a batch of its own");
      }
      HeadStatistics statistics(options_.statistics);
      statistics.add_text(one.attended.patterns, token_ids(one.attended));
      const HeadReport report = statistics.report();
      if (options_.html) findings.heads = page_heads(report);
      if (!one.only_heads) one.heads_json = to_json(survey_of(report));
      one.heads.emplace(std::move(statistics));
    });
  }
  if (!options_.html || one.only_heads) return;
  attempt(one, "page", [&] {
    one.pictures.push_back(
        page_of(one.attended, *view, options_.show, one.source, std::move(findings)));
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
          save_attention(path, one.attended, one.source);
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
  one.attended = {};
  one.pictures = {};
}

HeadStatistics BatchStages::probes(std::string& why_none) {
  HeadStatistics statistics(options_.statistics);
  if (model_) {
    why_none = add_probes(statistics, *model_, options_.n_probes, options_.statistics.seed,
                          static_cast<std::int64_t>(tokenizer_->size()));
  }
  return statistics;
}

std::string BatchStages::model_name() const {
  return model_ ? model_->path().filename().string() : kFilesOfAttention;
}

Survey BatchStages::survey_of(HeadReport report) const {
  Survey survey;
  survey.model = model_name();
  survey.sha256 = model_ ? source_.sha256 : "";
  survey.layers_share_weights = layers_share_weights_;
  survey.report = std::move(report);
  return survey;
}

}  // namespace attnviz
