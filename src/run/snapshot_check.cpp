#include <algorithm>
#include <set>

#include "attnviz/error.h"
#include "attnviz/snapshot.h"
#include "run/one_thread.h"
#include "run/output.h"
#include "run/snapshot_judge.h"
#include "run/snapshot_maker.h"

namespace attnviz {
namespace {

namespace fs = std::filesystem;

fs::path first_named(const fs::path& a, const fs::path& b, fs::path (*otherwise)()) {
  return !a.empty() ? a : !b.empty() ? b : otherwise();
}

SnapshotMaker maker_of(const Suite& suite, const SnapshotOptions& options) {
  ModelOptions model;
  model.capture = options.capture.value_or(suite.capture);
  model.device = options.device;
  return {first_named(options.model, suite.model, built_in_model),
          first_named(options.vocabulary, suite.vocabulary, built_in_vocabulary), model,
          suite.float64};
}

fs::path baseline_of(const Suite& suite, const SuiteText& text) {
  return baseline_folder(suite) / (text.name + ".safetensors");
}

/// A misspelt head would have no tolerance of its own. Throws UsageError.
void require_known(const ToleranceRules& rules, const AttentionChanges& changes) {
  if (changes.heads.empty()) return;  // nothing was compared
  for (const auto& [id, rule] : rules.heads) {
    const auto is_it = [wanted = id](const HeadChange& head) { return head.id == wanted; };
    if (std::any_of(changes.heads.begin(), changes.heads.end(), is_it) ||
        std::count(changes.gone.begin(), changes.gone.end(), id) > 0 ||
        std::count(changes.added.begin(), changes.added.end(), id) > 0) {
      continue;
    }
    throw UsageError("the suite's tolerance for " + to_string(id) +
                     " is for a head that the model does not have");
  }
}

class Check {
 public:
  Check(const Suite& suite, const SnapshotOptions& options) : suite_(suite), options_(options) {
    const bool needs_model =
        std::any_of(suite.texts.begin(), suite.texts.end(),
                    [](const SuiteText& text) { return text.attention.empty(); });
    if (needs_model) maker_.emplace(maker_of(suite, options));
  }

  [[nodiscard]] TextResult of(const SuiteText& text);
  [[nodiscard]] Snapshot take(const SuiteText& text, std::vector<std::string>* pngs) {
    if (!text.attention.empty()) {
      return take_file(text.attention);
    }
    return maker_->take(
        text_or_file(text.text, text.file), text.max_tokens,
        options_.pixels || options_.with_figures ? suite_.figures : std::vector<FigureKind>(),
        pngs);
  }

 private:
  [[nodiscard]] Snapshot take_file(const fs::path& attention) const;
  void compare_pictures(TextResult& result, const SuiteText& text, const Snapshot& before,
                        const std::vector<std::string>& pngs);

  const Suite& suite_;
  const SnapshotOptions& options_;
  std::optional<SnapshotMaker> maker_;  ///< none where all texts are files of attention
};

Snapshot Check::take_file(const fs::path& attention) const {
  const fs::path vocabulary = options_.vocabulary.empty() ? suite_.vocabulary : options_.vocabulary;
  const SameFiles same(attention, vocabulary);
  Snapshot snapshot = snapshot_of(read_attended(attention, {}, tokenizer_of(vocabulary), {}),
                                  source_of_dump(attention, vocabulary), kSnapshotCells);
  same.require();
  return snapshot;
}

TextResult Check::of(const SuiteText& text) {
  TextResult result;
  result.name = text.name;
  const fs::path baseline = baseline_of(suite_, text);
  try {
    std::vector<std::string> pngs;
    const Snapshot now = take(text, &pngs);
    result.now = now;
    result.n_tokens = std::int64_t(now.record.ids.size());
    if (!fs::exists(baseline)) {
      result.verdict = Verdict::missing;
      result.message = "no baseline: there is no " + baseline.string();
      return result;
    }
    const Snapshot before = read_snapshot(baseline);
    result = judge(text.name, before, now, [&](HeadId head, const Tolerance& otherwise) {
      return tolerance_of(head, {&text.tolerance, &suite_.tolerance}, otherwise);
    });
    require_known(text.tolerance, result.changes);
    require_known(suite_.tolerance, result.changes);
    result.now = now;
    add_picture(result, before, now, options_.n_heads, options_.dpi);
    if (!pngs.empty()) compare_pictures(result, text, before, pngs);
  } catch (const std::exception& error) {
    result.verdict = Verdict::failed;
    result.message = message_of(error);
  }
  return result;
}

void Check::compare_pictures(TextResult& result, const SuiteText& text, const Snapshot& before,
                             const std::vector<std::string>& pngs) {
  ShowOptions figures;
  figures.figures = suite_.figures;
  const std::vector<std::string> names = figure_names(text.name, figures);
  std::string different, unknown;
  for (std::size_t i = 0; i < pngs.size(); ++i) {
    const std::string kind(to_string(suite_.figures[i]));
    const auto recorded = before.pictures.find(kind);
    if (recorded == before.pictures.end()) {
      unknown += (unknown.empty() ? "" : ", ") + kind;
    } else if (options_.pixels && recorded->second != result.now->pictures.at(kind)) {
      different += (different.empty() ? "" : ", ") + kind;
      result.other_pictures.emplace_back(names[i], pngs[i]);
    }
  }
  if (!different.empty()) {
    result.message += "; other pictures: " + different;
    result.verdict = Verdict::changed;
  } else if (!unknown.empty() && result.verdict == Verdict::same) {
    result.message += "; no pictures were recorded: " + unknown;
    result.verdict = Verdict::missing;
  }
}

std::vector<fs::path> obsolete_baselines(const Suite& suite) {
  std::set<std::string> names;
  for (const SuiteText& text : suite.texts) names.insert(text.name + ".safetensors");
  std::vector<fs::path> obsolete;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(baseline_folder(suite), none)) {
    const fs::path& path = entry.path();
    if (entry.is_regular_file() && path.extension() == ".safetensors" &&
        !names.contains(path.filename().string())) {
      obsolete.push_back(path);
    }
  }
  std::sort(obsolete.begin(), obsolete.end());
  return obsolete;
}

}  // namespace

SnapshotReport check_suite(const Suite& suite, const SnapshotOptions& options) {
  if (options.pixels && suite.figures.empty()) {
    throw UsageError("the suite " + suite.path.string() +
                     " has no \"figures\" whose pixels could be compared");
  }
  Check check(suite, options);
  SnapshotReport report;
  report.name = suite.path.stem().string();
  report.texts.resize(suite.texts.size());
  for_each_on_one_thread(suite.texts.size(),
                         [&](std::size_t i) { report.texts[i] = check.of(suite.texts[i]); });
  report.obsolete = obsolete_baselines(suite);
  return report;
}

std::vector<fs::path> record_suite(const Suite& suite, const SnapshotOptions& given) {
  std::vector<SuiteText> missing;
  for (const SuiteText& text : suite.texts) {
    if (!fs::exists(baseline_of(suite, text))) missing.push_back(text);
  }
  if (missing.empty()) return {};
  SnapshotOptions options = given;
  options.with_figures = true;
  Check check(suite, options);
  std::vector<Snapshot> snapshots(missing.size());
  std::vector<std::string> errors(missing.size());
  for_each_on_one_thread(missing.size(), [&](std::size_t i) {
    try {
      snapshots[i] = check.take(missing[i], nullptr);
    } catch (const std::exception& error) {
      errors[i] = "cannot record " + missing[i].name + ": " + message_of(error);
    }
  });
  for (const std::string& error : errors) {
    if (!error.empty()) throw TextError(error);
  }
  std::vector<fs::path> files;
  for (std::size_t i = 0; i < missing.size(); ++i) {
    files.push_back(baseline_of(suite, missing[i]));
    write_snapshot(files.back(), snapshots[i]);
  }
  return files;
}

std::vector<fs::path> update_baselines(const Suite& suite, const SnapshotReport& report) {
  std::vector<fs::path> files;
  for (std::size_t i = 0; i < report.texts.size(); ++i) {
    const TextResult& text = report.texts[i];
    if (text.verdict == Verdict::same || !text.now) continue;
    files.push_back(baseline_of(suite, suite.texts[i]));
    write_snapshot(files.back(), *text.now);
  }
  return files;
}

}  // namespace attnviz
