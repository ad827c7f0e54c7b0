#include "attnviz/dump.h"
#include "attnviz/error.h"
#include "attnviz/file.h"
#include "attnviz/snapshot.h"
#include "run/one_thread.h"
#include "run/snapshot_judge.h"
#include "run/snapshot_maker.h"

namespace attnviz {
namespace {

namespace fs = std::filesystem;

/// One side of the comparison: a model, or the one text that a file holds.
class Side {
 public:
  Side(const fs::path& path, const CompareOptions& options) : path_(path), choice_(options.choice) {
    if (!may_hold_attention(path)) {
      maker_.emplace(path, options.vocabulary.empty() ? built_in_vocabulary() : options.vocabulary,
                     options.capture, true);
    } else if (is_snapshot(path)) {
      held_ = chosen(read_snapshot(path));
    } else {
      const SameFiles same(path, options.vocabulary);
      attended_ = read_attended(path, options.dump, tokenizer_of(options.vocabulary), {});
      source_ = source_of_dump(path, options.vocabulary);
      same.require();
      has_ids_ = !attended_->keys.ids.empty();
      held_ = chosen(snapshot_of(*attended_, source_, 0));
    }
  }

  /// Tokens that have the same names are the same, whether or not both files hold ids, and a file
  /// without tokens is taken to be of the other's.
  void take_ids_of(const Side& other) {
    if (!attended_ || !other.held_) return;
    const bool has_tokens = attended_->shown.has_tokens;
    const bool others = !other.attended_ || other.attended_->shown.has_tokens;
    const Snapshot& theirs = *other.held_;
    if (theirs.record.ids.size() != attended_->keys.pieces.size()) return;
    if (has_tokens && others && theirs.tokens != held_->tokens) return;
    attended_->keys.ids = attended_->queries.ids = theirs.record.ids;
    held_ = chosen(snapshot_of(*attended_, source_, 0));
    if (!has_tokens) held_->tokens = theirs.tokens;
  }

  [[nodiscard]] const std::optional<Snapshot>& held() const { return held_; }
  [[nodiscard]] Snapshot of(const std::string& text, std::optional<std::int64_t> max_tokens) {
    return chosen(maker_->take(text, max_tokens));
  }
  /// The file's own text, or that of the other side's file.
  [[nodiscard]] Snapshot of(const Side& tokens) {
    if (held_) return *held_;
    if (!tokens.has_ids_) {
      throw UsageError(tokens.path_.string() + " holds no token ids that " + path_.string() +
                       " could be run on");
    }
    return chosen(maker_->take(*tokens.held_));
  }

 private:
  [[nodiscard]] Snapshot chosen(Snapshot snapshot) const {
    AttentionRecord& record = snapshot.record;
    record.patterns = select_heads(std::move(record.patterns), choice_);
    std::erase_if(record.heads, [&](const RecordedHead& head) { return !choice_.has(head.id); });
    return snapshot;
  }

  fs::path path_;
  const HeadChoice& choice_;
  std::optional<Snapshot> held_;
  std::optional<Attended> attended_;  ///< of a file of attention
  Source source_;
  bool has_ids_ = true;
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
  if (!before.held() && !after.held() && !(options.dump == DumpOptions())) {
    throw UsageError("--tensors, --batch-item and --bidirectional are for files of attention");
  }
  after.take_ids_of(before);
  if (before.held() || after.held()) {
    if (!options.texts.empty()) {
      throw UsageError("texts are for two models; " +
                       (before.held() ? options.before : options.after).string() +
                       " holds the attention of one text");
    }
    const Side& tokens = before.held() ? before : after;
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
