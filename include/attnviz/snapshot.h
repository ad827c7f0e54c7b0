#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "attnviz/changes.h"
#include "attnviz/model.h"
#include "attnviz/run.h"

// A regression test of attention: what a model's heads do on the texts of a suite is recorded once,
// and held against what they do later.
//
//     Suite suite = read_suite("attention.json");
//     record_suite(suite);                          // baselines into attention.snapshots/
//     SnapshotReport report = check_suite(suite);   // another day, another model, another machine
//     report.verdict() == Verdict::same
namespace attnviz {

/// What is not set is inherited: a head of a text from the text, the suite's head, the suite, and
/// at last float64_tolerance or float32_tolerance.
struct ToleranceRule {
  std::optional<double> pattern, divergence, score;
};

struct ToleranceRules {
  ToleranceRule all;
  std::map<HeadId, ToleranceRule> heads;
};

struct SuiteText {
  std::string name;  ///< of its baseline and pictures
  std::string text = {};
  std::filesystem::path file = {};       ///< empty: `text` is the text
  std::filesystem::path attention = {};  ///< a file of patterns instead (dump.h); empty: none
  std::optional<std::int64_t> max_tokens = {};
  ToleranceRules tolerance = {};
};

/// A suite's file, read; its format is in docs/snapshot.md.
struct Suite {
  std::filesystem::path path;
  std::filesystem::path model;       ///< empty: built_in_model()
  std::filesystem::path vocabulary;  ///< empty: built_in_vocabulary()
  CaptureMode capture = CaptureMode::automatic;
  bool float64 = true;  ///< computed so, where the model can be
  std::vector<SuiteText> texts;
  ToleranceRules tolerance;
  std::vector<FigureKind> figures;  ///< whose SHA-256 is recorded, to compare pictures; often none
};

/// Paths in it are relative to its folder. Throws FileError, and UsageError that names what cannot
/// stand there: unknown names, too, since a misspelt tolerance would be none.
[[nodiscard]] Suite read_suite(const std::filesystem::path& path);

/// Where a suite's baselines are: `attention.snapshots` beside attention.json.
[[nodiscard]] std::filesystem::path baseline_folder(const Suite& suite);

/// Writes a suite of four texts to begin with. model: as it shall stand there; empty: the built-in
/// one. Throws UsageError where `path` exists.
void write_starter_suite(const std::filesystem::path& path, const std::filesystem::path& model);

/// What is recorded of one text.
struct Snapshot {
  std::string text;                 ///< as far as it was not cut
  std::vector<std::string> tokens;  ///< as they are labelled in figures
  AttentionRecord record;
  /// What it was made with, by the names of the file's metadata: Software, attnviz:model,
  /// attnviz:model_sha256, attnviz:libtorch ...
  std::map<std::string, std::string> facts;
  std::map<std::string, std::string> pictures;  ///< a figure's name and its SHA-256
};

/// A safetensors file; what is in it: docs/snapshot.md. Throws FileError.
void write_snapshot(const std::filesystem::path& path, const Snapshot& snapshot);

/// Whether write_snapshot wrote it, in whatever version. Throws FileError, ModelError.
[[nodiscard]] bool is_snapshot(const std::filesystem::path& path);

/// Reads what write_snapshot wrote. Throws FileError, ModelError: no snapshot, another version of
/// the format, tensors that do not belong together.
[[nodiscard]] Snapshot read_snapshot(const std::filesystem::path& path);

enum class Verdict {
  same,
  changed,
  missing,  ///< there is no baseline
  failed,   ///< the text could not be run, or its baseline not be read
};
[[nodiscard]] std::string_view to_string(Verdict verdict);

/// Something that a snapshot was made with, and that is another now.
struct FactChange {
  std::string what, before, after;  ///< "LibTorch", "1.13.1", "2.15.0"
  bool operator==(const FactChange&) const = default;
};
[[nodiscard]] std::string sentence(const FactChange& fact);  ///< "LibTorch: 1.13.1 -> 2.15.0"

struct TextResult {
  std::string name;
  Verdict verdict = Verdict::same;
  std::string message;  ///< one line: what is the same, what changed, what failed
  std::int64_t n_tokens = 0;
  AttentionChanges changes;
  std::vector<HeadChange> most_changed;  ///< by the largest difference of a weight
  std::vector<FactChange> facts;
  std::string picture;  ///< PNG of the heads that moved most; empty: no patterns to show
  std::string page;     ///< HTML of all heads before and after; empty likewise
  std::vector<std::pair<std::string, std::string>> other_pictures;  ///< file name, PNG
  std::vector<std::filesystem::path> files;                         ///< that were written for it
  std::optional<Snapshot> now;                                      ///< none where it failed
};

struct SnapshotReport {
  std::string name;  ///< of the suite, or `A and B`
  std::vector<TextResult> texts;
  std::vector<std::filesystem::path> obsolete;  ///< baselines of no text of the suite

  /// changed where any is, else failed, else missing, else same.
  [[nodiscard]] Verdict verdict() const;
  [[nodiscard]] std::size_t count(Verdict verdict) const;
  /// What is another than it was for any text, each once.
  [[nodiscard]] std::vector<FactChange> facts() const;
};

struct SnapshotOptions {
  std::filesystem::path model;       ///< instead of the suite's; empty: that one
  std::filesystem::path vocabulary;  ///< likewise
  std::optional<CaptureMode> capture;
  std::string device = "cpu";
  bool pixels = false;        ///< compare the suite's figures, too, byte for byte
  bool with_figures = false;  ///< draw them for `now`, to be recorded
  std::size_t n_heads = 6;    ///< most heads in a picture
  int dpi = 150;
};

/// Runs all texts and compares them with their baselines. Reads files, writes none. Each text is
/// computed on one thread, so that the number of threads changes no bit. Throws what Model and
/// Tokenizer throw; what is wrong with one text becomes its verdict.
[[nodiscard]] SnapshotReport check_suite(const Suite& suite, const SnapshotOptions& options = {});

/// Writes the baselines of the texts that have none; returns the files. Throws as check_suite does,
/// and what the first text that fails throws, before anything is written.
std::vector<std::filesystem::path> record_suite(const Suite& suite,
                                                const SnapshotOptions& options = {});

/// Writes `now` of all texts that are not the same as their baselines; returns the files.
std::vector<std::filesystem::path> update_baselines(const Suite& suite,
                                                    const SnapshotReport& report);

/// Two models, snapshots or files of attention (dump.h), or one of each.
struct CompareOptions {
  std::filesystem::path before, after;
  std::vector<SuiteText> texts;  ///< for two models; empty: two short ones
  std::filesystem::path vocabulary;
  ModelOptions capture;
  DumpOptions dump;   ///< of both files of attention
  HeadChoice choice;  ///< hold only these against each other
  ToleranceRule tolerance;
  std::size_t n_heads = 6;
  int dpi = 150;
};
/// Where one is a model and the other a file, the model runs on the file's tokens.
[[nodiscard]] SnapshotReport compare(const CompareOptions& options);

/// Writes each text's pictures, NAME_diff.png, NAME_diff.html and those of figures that differ,
/// into a folder and notes them in TextResult::files. Throws FileError.
void write_pictures(SnapshotReport& report, const std::filesystem::path& folder);

/// The report in three forms: for programs (its schema is in docs/snapshot.md), for CI servers, and
/// as one page for people with the pictures in it.
[[nodiscard]] std::string to_json(const SnapshotReport& report);
[[nodiscard]] std::string to_junit(const SnapshotReport& report);
[[nodiscard]] std::string to_html(const SnapshotReport& report);

}  // namespace attnviz
