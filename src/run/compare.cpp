#include "attnviz/error.h"
#include "attnviz/file.h"
#include "attnviz/snapshot.h"
#include "run/one_thread.h"
#include "run/snapshot_judge.h"
#include "run/snapshot_maker.h"

namespace attnviz {
namespace {

namespace fs = std::filesystem;

/// As a safetensors file begins: after the header's length, its JSON.
bool is_safetensors(const fs::path& path) {
  const std::string start = read_file_start(path, 9);
  return path.extension() == ".safetensors" || (start.size() == 9 && start[8] == '{');
}

/// Saved attention holds the ids alone.
std::vector<std::string> tokens_of(const TokenIds& ids, const fs::path& vocabulary) {
  std::vector<std::string> tokens;
  for (const Label& label : token_labels(Tokenizer(vocabulary), ids)) {
    tokens.push_back(plain(label));
  }
  return tokens;
}

/// One side of the comparison: a model, or the one text that a file holds.
class Side {
 public:
  Side(const fs::path& path, const CompareOptions& options) {
    const fs::path vocabulary =
        options.vocabulary.empty() ? built_in_vocabulary() : options.vocabulary;
    if (is_safetensors(path)) {
      held_ = read_snapshot(path);
      if (held_->tokens.empty()) held_->tokens = tokens_of(held_->record.ids, vocabulary);
    } else {
      maker_.emplace(path, vocabulary, options.capture, true);
    }
  }
  [[nodiscard]] const std::optional<Snapshot>& held() const { return held_; }
  [[nodiscard]] Snapshot of(const std::string& text, std::optional<std::int64_t> max_tokens) {
    return maker_->take(text, max_tokens);
  }
  /// The file's own text, or that of the other side's file.
  [[nodiscard]] Snapshot of(const Snapshot& tokens) {
    return held_ ? *held_ : maker_->take(tokens);
  }

 private:
  std::optional<Snapshot> held_;
  std::optional<SnapshotMaker> maker_;
};

TextResult compared(const std::string& name, const Snapshot& before, const Snapshot& after,
                    const CompareOptions& options) {
  const ToleranceRules rules{options.tolerance, {}};
  TextResult result = judge(name, before, after, [&](HeadId head, const Tolerance& otherwise) {
    return tolerance_of(head, {&rules}, otherwise);
  });
  result.now = after;
  add_picture(result, before, after, options.n_heads, options.dpi);
  return result;
}

std::vector<SuiteText> usual_texts() {
  return {{"tobe", "To be or not to be, that is the question"}, {"cat", "The cat sat on the mat"}};
}

}  // namespace

SnapshotReport compare(const CompareOptions& options) {
  Side before(options.before, options), after(options.after, options);
  SnapshotReport report;
  report.name = options.before.filename().string() + " and " + options.after.filename().string();
  if (before.held() || after.held()) {
    if (!options.texts.empty()) {
      throw UsageError("texts are for two models; " +
                       (before.held() ? options.before : options.after).string() +
                       " holds the attention of one text");
    }
    const Snapshot& tokens = before.held() ? *before.held() : *after.held();
    const fs::path& file = after.held() ? options.after : options.before;
    report.texts.resize(1);
    for_each_on_one_thread(1, [&](std::size_t) {
      report.texts[0] =
          compared(file.stem().string(), before.of(tokens), after.of(tokens), options);
    });
    return report;
  }
  const std::vector<SuiteText> texts = options.texts.empty() ? usual_texts() : options.texts;
  report.texts.resize(texts.size());
  for_each_on_one_thread(texts.size(), [&](std::size_t i) {
    const SuiteText& text = texts[i];
    const std::string words = text_or_file(text.text, text.file);
    report.texts[i] = compared(text.name, before.of(words, text.max_tokens),
                               after.of(words, text.max_tokens), options);
  });
  return report;
}

}  // namespace attnviz
