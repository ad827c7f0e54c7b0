#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "attnviz/head_statistics.h"
#include "attnviz/run.h"

// Many texts, one model load, every core busy; and what several machines made, put together.
//
//     BatchOptions options;
//     options.out_dir = "pictures";
//     BatchResult result = run_batch(list_texts({{"texts", "more.jsonl"}}), options);
//     for (const BatchFailure& failure : result.failures) std::cerr << failure.why << '\n';
namespace attnviz {

/// A file that texts are read from; `-` is standard input.
struct BatchSource {
  std::filesystem::path path;
  /// Its bytes, where it can be read only once (standard input, a pipe); else none.
  std::optional<std::string> held;
};

/// One text: a whole file, or a line of one.
struct BatchText {
  std::string name;  ///< how its files begin, below the output folder: `austen/emma`
  std::shared_ptr<const BatchSource> source;
  std::int64_t line = 0;                ///< from 1; 0: the whole file is the text
  std::uintmax_t offset = 0, size = 0;  ///< bytes of the file or line, no newline
  bool is_json = false;  ///< the line is {"text": ..., "prefix": ...}, or has "ids" instead
};

struct BatchInputs {
  /// Files, folders (all files below them that a glob fits), `-`. A `.jsonl` file holds a text a
  /// line.
  std::vector<std::filesystem::path> paths;
  /// As the shell has them; one with a / in it is for the path below the folder, others for the
  /// file's name.
  std::vector<std::string> globs = {"*.txt"};
  bool per_line = false;  ///< each line of a file is a text; empty lines are none
};

/// The texts in order: inputs as given, files of a folder by name, lines as they come. Names are
/// the inputs' paths without their last extension: as given for files (without / and ../ at the
/// beginning), below the folder for folders; `stdin` for standard input; lines add `_000001`. The
/// prefix of a JSON line is the name itself, below the folder of its file.
/// Throws FileError: a folder that cannot be listed, or in which no glob fits a file; UsageError:
/// two texts of the same name, an output that is no name for a file. An unreadable file is a text
/// that fails later.
[[nodiscard]] std::vector<BatchText> list_texts(const BatchInputs& inputs);

/// Part of a batch, for one of several machines.
struct Shard {
  std::int64_t index = 1, of = 1;  ///< index from 1 to of
};
/// `2/4`; `/4` takes the index from JOB_COMPLETION_INDEX (Kubernetes, from 0). Throws UsageError.
[[nodiscard]] Shard parse_shard(const std::string& text);
/// That of Slurm's job array (SLURM_ARRAY_TASK_ID, _MIN, _COUNT, _STEP); none outside of one.
/// Throws UsageError where JOB_COMPLETION_INDEX is set, which does not say how many there are.
[[nodiscard]] std::optional<Shard> shard_of_environment();

/// Which texts, by their places in `texts`, are a shard's, in order. By size alone, so the same on
/// every machine that sees the same files: the longest first, each to the shard that has least.
[[nodiscard]] std::vector<std::size_t> texts_of_shard(const std::vector<BatchText>& texts,
                                                      Shard shard);

/// Processors that this process may use: its affinity, and the quota of its control group.
[[nodiscard]] std::int64_t usable_cores();
/// Bytes of memory that are free for this process, by the system and its control group.
[[nodiscard]] std::uint64_t usable_memory();

struct BatchOptions {
  /// For each text; out_dir, attention, save_attention, html, findings and generate are not looked
  /// at.
  ShowOptions show;
  std::filesystem::path out_dir;
  /// The inputs are files of patterns (see dump.h), not texts; no model is loaded.
  bool attention = false;
  bool save_attention = false;  ///< NAME_attention.safetensors, as ShowOptions::save_attention
  bool html = false;            ///< NAME_attention.html, as ShowOptions::html, and index.html
  bool heads = false;           ///< NAME_heads.json, and those of all texts together
  StatisticsOptions statistics;
  std::int64_t n_probes = 10;    ///< sequences of repeated tokens for the heads of all texts
  std::int64_t jobs = 0;         ///< texts at once; 0: usable_cores()
  std::uint64_t max_memory = 0;  ///< bytes of the whole process; 0: half of usable_memory()
  Shard shard;
  bool fail_fast = false;  ///< stop at the first text that fails
  bool force = false;      ///< do again what is there already
};

/// How far a batch is.
struct BatchProgress {
  std::int64_t texts = 0;  ///< of this shard
  std::int64_t kept = 0;   ///< that an earlier run has done
  std::int64_t done = 0, failed = 0;
  double share = 0;  ///< of this run's work, by its estimated cost, 0 to 1
};

struct BatchFailure {
  std::string name, input, why;
};

/// A text, and how long it took.
struct BatchTime {
  std::string name;
  std::int64_t tokens = 0;
  double seconds = 0;
};

struct BatchResult {
  BatchProgress progress;
  std::vector<BatchFailure> failures;
  std::vector<BatchTime> slowest;  ///< five at most
  std::int64_t n_cut = 0;          ///< texts that max_tokens cut
  /// What a user should know of files of attention, and of how many of them it is so.
  std::map<std::string, std::int64_t> remarks;
  std::int64_t n_left_behind = 0;  ///< lines of an older index whose text is not among these
  std::string stopped;             ///< why not all were dealt with; or empty
  std::vector<std::filesystem::path> files;  ///< index, and the heads of all texts
};

/// Draws every text, as many at once as there are jobs; each alone, on one thread, so that nothing
/// depends on the others. What an earlier run into the same folder has done is kept where text,
/// model, vocabulary, options and version are the same, by their hashes. Whenever it is killed, the
/// files with their final names are whole, and the same call goes on.
///
/// A text that fails is told in the result and in out_dir/index.jsonl, one line a text:
///   name, input, line (where it is one), sha256 (of the file's bytes, or of the text in the line),
///   tokens, tokens_cut, files (below out_dir), bytes (of each), ms (by stage), error (or null),
///   key (of text, options, model and version: what makes the files what they are).
/// batch.json says what the folder was made with; heads.json is as to_json(Survey) has it, and
/// heads.safetensors its sums, for merge_batches.
///
/// on_progress is told before the first text and after each, from one thread at a time; false stops
/// the batch in order. Throws UsageError (max_memory below what one text needs, another shard's
/// folder, another attnviz at work in it) and what loading the model throws.
BatchResult run_batch(const std::vector<BatchText>& texts, const BatchOptions& options,
                      const std::function<bool(const BatchProgress&)>& on_progress = {});

/// What run_batch would do.
struct BatchPlan {
  struct Item {
    std::string name, input;
    std::vector<std::filesystem::path> files;
    bool is_there = false;  ///< done by an earlier run
  };
  std::vector<Item> items;
};
/// Writes nothing. Throws as run_batch does.
[[nodiscard]] BatchPlan plan_batch(const std::vector<BatchText>& texts,
                                   const BatchOptions& options);

/// Joins what the shards of a batch, or batches of different texts, have made: their indexes, with
/// the files' paths seen from `out_dir`, and the heads of all their texts, in the same numbers as
/// one run over all of them. The files themselves stay where they are.
/// Throws UsageError (one folder, folders that hold the same text or come from other models,
/// options or versions, shards that are missing, out_dir that holds an index already, unless
/// `force`), FileError, ModelError for damaged sums. Returns as run_batch does.
BatchResult merge_batches(const std::vector<std::filesystem::path>& folders,
                          const std::filesystem::path& out_dir, bool force = false);

}  // namespace attnviz
