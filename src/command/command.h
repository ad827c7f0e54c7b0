#pragma once

#include <spdlog/spdlog.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "attnviz/batch.h"
#include "attnviz/finetuning.h"
#include "attnviz/pruning.h"
#include "attnviz/run.h"
#include "attnviz/snapshot.h"
#include "attnviz/survey.h"
#include "attnviz/verify.h"

// What each command does once its arguments are known. All of it lies in a module that the program
// loads when there is something to do: LibTorch takes a third of a second to load, and --help and
// wrong arguments need none of it.
namespace attnviz::command {

enum ExitStatus {
  kDone = 0,
  kFailed = 1,
  kWrongUsage = 2,
};

/// Of what compares: 1 says that something changed, and nothing else.
enum ComparisonStatus { kChanged = 1, kNotDone = 2, kMissing = 3 };

struct ShowArguments {
  ShowOptions options;
  std::optional<std::string> text, file, prefix;  ///< text: `-` reads standard input
  std::string ids;                                ///< 5,3,8, or a file of them; empty: none
  bool print = false;                             ///< in the terminal, instead of files
  bool json = false, timings = false;
};

struct BatchArguments {
  BatchInputs inputs;
  BatchOptions options;
  std::string files_from, shard;
  bool null = false, dry_run = false;
};

struct MergeArguments {
  std::vector<std::filesystem::path> folders;
  std::filesystem::path out_dir;
  bool force = false;
};

struct HeadsArguments {
  SurveyOptions options;
  std::vector<std::filesystem::path> models, files, folders, attention;
  DumpOptions dump;
  HeadChoice choice;
  std::vector<std::string> texts, ids;
  std::string entropy = "normalised", list;
  std::vector<std::string> scores;
  std::string sort = "head";  ///< head, importance or a score's name
  std::string only = "all";   ///< all, flagged, or the name of a label or flag
  bool explain = false, json = false, csv = false;
  std::filesystem::path compare;
  SurveyPictures pictures;
};

struct InfoArguments {
  std::filesystem::path model;
  bool json = false, no_run = false, trusted = false;
};

struct ImportArguments {
  ImportRunOptions options;
  std::optional<std::string> verify;
  std::filesystem::path vocabulary;
};

/// Where a report of changes goes.
struct ReportArguments {
  std::filesystem::path out_dir = ".", junit, html;
  bool json = false;
  std::size_t n_heads = 6;
  int dpi = 150;
};

struct SnapshotArguments {
  std::filesystem::path suite, model;
  SnapshotOptions options;
  ModelOptions capture;
  ReportArguments report;
  bool update = false, prune_obsolete = false;
};

struct CompareArguments {
  CompareOptions options;
  std::vector<std::string> texts;
  std::vector<std::filesystem::path> files;
  std::optional<std::int64_t> max_tokens;
  ReportArguments report;
};

struct VerifyArguments {
  std::vector<std::filesystem::path> pictures;
  VerifyOptions options;
};

/// Each prints its results on standard output and gives the exit status; all throw what the library
/// throws.
int show(const ShowArguments& arguments);
int batch(const BatchArguments& arguments);
int merge(const MergeArguments& arguments);
int heads(const HeadsArguments& arguments);
int info(const InfoArguments& arguments);
int import(const ImportArguments& arguments);
int train(const TrainRunOptions& options);
int prune(const PruneOptions& options);
int reset(const ResetOptions& options);
int finetune(const FinetuneRunOptions& options);
int snapshot_init(const SnapshotArguments& arguments);
int snapshot_record(const SnapshotArguments& arguments);
int snapshot_check(const SnapshotArguments& arguments);
int compare(const CompareArguments& arguments);
int verify(const VerifyArguments& arguments);

/// That loading this module took, with LibTorch.
inline double load_ms = 0;

/// What the module gives the program: the functions above.
struct Commands {
  decltype(&command::show) show;
  decltype(&command::batch) batch;
  decltype(&command::merge) merge;
  decltype(&command::heads) heads;
  decltype(&command::info) info;
  decltype(&command::import) import;
  decltype(&command::train) train;
  decltype(&command::prune) prune;
  decltype(&command::reset) reset;
  decltype(&command::finetune) finetune;
  decltype(&command::snapshot_init) snapshot_init;
  decltype(&command::snapshot_record) snapshot_record;
  decltype(&command::snapshot_check) snapshot_check;
  decltype(&command::compare) compare;
  decltype(&command::verify) verify;
};

/// What the program tells the module.
struct Host {
  std::shared_ptr<spdlog::logger> logger;  ///< to be the module's, too
  double load_ms = 0;                      ///< that loading the module and LibTorch took
};

/// The module's one function, found by its name.
using GetCommands = const Commands*(const Host& host);
inline constexpr char kGetCommands[] = "attnviz_commands";

}  // namespace attnviz::command
