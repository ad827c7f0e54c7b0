#include "attnviz/batch.h"

#include <tbb/global_control.h>
#include <tbb/parallel_pipeline.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <unordered_set>

#include "attention/wording.h"
#include "attnviz/error.h"
#include "attnviz/file.h"
#include "attnviz/page.h"
#include "attnviz/survey.h"
#include "run/batch_heads.h"
#include "run/batch_prepared.h"
#include "run/batch_text.h"
#include "run/machine.h"
#include "run/memory_gate.h"
#include "run/one_thread.h"
#include "run/output.h"

namespace attnviz {
namespace {

namespace fs = std::filesystem;
using Item = std::shared_ptr<TextOnItsWay>;
using Clock = std::chrono::steady_clock;

/// What a text may take: what the process as it is now leaves of the whole.
std::uint64_t room_for_texts(std::uint64_t max_memory, const BatchStages& stages) {
  const std::uint64_t held = resident_memory(), least = stages.memory_of(2);
  const std::uint64_t whole = max_memory > 0 ? max_memory : held + usable_memory() / 2;
  if (whole >= held + least) return whole - held;
  throw UsageError("attnviz needs at least " + std::to_string((held + least) / 1'000'000 + 1) +
                   " MB with this model and these figures; raise --max-memory");
}

class Batch {
 public:
  Batch(PreparedBatch& prepared, std::uint64_t room,
        const std::function<bool(const BatchProgress&)>& on_progress)
      : options_(prepared.options),
        texts_(prepared.texts),
        stages_(prepared.stages),
        places_(prepared.own),
        index_(options_.out_dir),
        gate_(room),
        heads_(options_.statistics),
        on_progress_(on_progress) {
    remove_temporary_files(options_.out_dir,
                           {".png", ".svg", ".pdf", ".html", ".json", ".jsonl", ".safetensors"});
    sort_out(prepared);
    write_record(options_.out_dir, prepared.record);
  }

  BatchResult run() {
    if (on_progress_ && !on_progress_(result_.progress)) stop("interrupted");
    run_pipeline();
    finish();
    return std::move(result_);
  }

 private:
  /// What an earlier run has done, what is to do, and in which order: the longest first, so that
  /// the end is not one of them alone.
  void sort_out(const PreparedBatch& prepared) {
    std::unordered_set<std::string> names;
    for (const std::size_t place : places_) {
      names.insert(texts_[place].name);
      const std::optional<IndexEntry> entry = prepared.done(texts_[place], index_);
      keys_.push_back(entry ? entry->key : "");
      if (entry) result_.n_cut += entry->tokens_cut > 0;
    }
    const std::unordered_set<std::string> kept(keys_.begin(), keys_.end());
    if (options_.heads && !options_.force) load_heads(kept);
    for (std::size_t i = 0; i < places_.size(); ++i) {
      const bool is_whole = !keys_[i].empty() && (!options_.heads || heads_.has(keys_[i]));
      if (!is_whole) waiting_.push_back(i);
      result_.progress.kept += is_whole;
      if (!is_whole) all_cost_ += cost_of(texts_[places_[i]]);
    }
    std::stable_sort(waiting_.begin(), waiting_.end(), [&](std::size_t a, std::size_t b) {
      return texts_[places_[a]].size > texts_[places_[b]].size;
    });
    if (options_.attention && options_.heads && !waiting_.empty()) choose_heads();
    result_.progress.texts = static_cast<std::int64_t>(places_.size());
    if (!options_.force) result_.n_left_behind = index_.count_others(names, kept);
  }

  /// The first file in order decides which model all are of, not the first that is done.
  void choose_heads() {
    for (const std::size_t place : places_) {
      if (stages_.expect_heads_of(texts_[place], gate_.room())) return;
    }
  }

  void load_heads(const std::unordered_set<std::string>& kept) {
    try {
      heads_.load(options_.out_dir, [&](const std::string& key) { return kept.count(key) > 0; });
    } catch (const Error& error) {
      throw ModelError(std::string(error.what()) + "; remove it, and its sums are made anew");
    }
  }

  void run_pipeline() {
    const std::int64_t jobs = options_.jobs > 0 ? options_.jobs : usable_cores();
    const auto n = static_cast<std::size_t>(jobs);
    const tbb::global_control most(tbb::global_control::max_allowed_parallelism, n);
    tbb::task_arena arena(static_cast<int>(n));
    const OneThreadEach one_thread_each(arena);
    const auto stage = [](auto work) {
      return tbb::make_filter<Item, Item>(tbb::filter_mode::parallel, [work](Item item) {
        work(*item);
        return item;
      });
    };
    arena.execute([&] {
      tbb::parallel_pipeline(n,
                             tbb::make_filter<void, Item>(tbb::filter_mode::serial_in_order,
                                                          [&](tbb::flow_control& flow) {
                                                            Item item = next();
                                                            if (!item) flow.stop();
                                                            return item;
                                                          }) &
                                 stage([&](TextOnItsWay& one) { stages_.attend(one); }) &
                                 stage([&](TextOnItsWay& one) { stages_.draw(one); }) &
                                 stage([&](TextOnItsWay& one) { stages_.write(one); }) &
                                 tbb::make_filter<Item, void>(tbb::filter_mode::serial_out_of_order,
                                                              [&](Item item) { note(*item); }));
    });
  }

  Item read_one(std::size_t i) {
    Item item = std::make_shared<TextOnItsWay>();
    item->place = i;
    item->only_heads = !keys_[i].empty();
    stages_.read(*item, texts_[places_[i]], gate_.room());
    return item;
  }

  /// The longest text that is left; while there is no room for it beside those that are in work,
  /// the shortest.
  Item next() {
    while (!is_stopping_) {
      if (!long_ && !waiting_.empty()) {
        long_ = read_one(waiting_.front());
        waiting_.pop_front();
      }
      if (long_ && gate_.try_enter(long_->memory)) return std::move(long_);
      if (!short_ && !waiting_.empty()) {
        short_ = read_one(waiting_.back());
        waiting_.pop_back();
      }
      if (short_ && gate_.try_enter(short_->memory)) return std::move(short_);
      if (!long_ && !short_) break;
      gate_.wait_for(
          std::min(long_ ? long_->memory : UINT64_MAX, short_ ? short_->memory : UINT64_MAX));
    }
    return nullptr;
  }

  void stop(const std::string& why) {
    if (!is_stopping_.exchange(true)) result_.stopped = why;
  }

  /// One text at a time: its line of the index, its scores, and how far the batch is.
  void note(TextOnItsWay& one) {
    gate_.leave(one.memory);
    if (!one.problem.empty()) return stop(one.problem);
    try {
      add_heads(one);
      if (!one.only_heads || !one.entry.error.empty()) index_.add(one.entry);
      keys_[one.place] = one.entry.key;
      if (options_.heads && Clock::now() - heads_saved_ > kBetweenSaves) save_heads();
    } catch (const Error& error) {
      return stop(error.what());
    }
    tell(one);
  }

  /// A file of attention may be of another model than those before it; it fails then, as any text
  /// may, and leaves no files.
  void add_heads(TextOnItsWay& one) {
    if (!one.heads || !one.entry.error.empty()) return;
    try {
      heads_.add(one.entry.key, *one.heads);
    } catch (const ShapeError&) {
      one.entry.error =
          "it has other layers or heads than the files before it; give it a batch of its own";
      std::error_code ignored;
      for (const std::string& file : one.entry.files) fs::remove(options_.out_dir / file, ignored);
      one.entry.files.clear();
      one.entry.bytes.clear();
    }
  }

  void tell(const TextOnItsWay& one) {
    BatchProgress& progress = result_.progress;
    if (one.entry.error.empty()) {
      ++progress.done;
      for (const std::string& remark : one.remarks) ++result_.remarks[remark];
      result_.n_cut += one.entry.tokens_cut > 0 && !one.only_heads;
      add_time(one.entry);
    } else {
      ++progress.failed;
      result_.failures.push_back(
          {one.entry.name, input_of(texts_[places_[one.place]]), one.entry.error});
      if (options_.fail_fast) stop("--fail-fast");
    }
    done_cost_ += cost_of(texts_[places_[one.place]]);
    progress.share = done_cost_ / all_cost_;
    if (on_progress_ && !on_progress_(progress)) stop("interrupted");
  }

  void add_time(const IndexEntry& entry) {
    constexpr std::size_t kMost = 5;
    double ms = 0;
    for (const auto& [stage, time] : entry.ms) ms += time;
    std::vector<BatchTime>& slowest = result_.slowest;
    slowest.push_back({entry.name, entry.tokens, ms / 1000});
    std::sort(slowest.begin(), slowest.end(),
              [](const BatchTime& a, const BatchTime& b) { return a.seconds > b.seconds; });
    if (slowest.size() > kMost) slowest.pop_back();
  }

  void save_heads() {
    heads_.save(options_.out_dir);
    heads_saved_ = Clock::now();
  }

  /// Where the disk is full there is no index either: the journal stays, and the next run goes on.
  void finish() {
    const BatchProgress& progress = result_.progress;
    const bool is_whole = progress.kept + progress.done + progress.failed == progress.texts;
    if (is_whole) result_.stopped.clear();  // at the last of them
    std::sort(result_.failures.begin(), result_.failures.end(),
              [](const BatchFailure& a, const BatchFailure& b) { return a.name < b.name; });
    try {
      if (options_.heads && heads_.size() > 0) finish_heads();
      index_.finish(keys_);
      result_.files.insert(result_.files.begin(), options_.out_dir / kIndexFile);
      if (options_.html) write_page_list();
    } catch (const FileError& error) {
      stop(error.what());
    }
  }

  void write_page_list() {
    const fs::path file = options_.out_dir / "index.html";
    std::vector<PageLink> links;
    for_each_entry(options_.out_dir / kIndexFile, [&](IndexEntry&& entry) {
      for (const std::string& path : entry.files) {
        if (path.ends_with(kPageEnding)) links.push_back({path, entry.name, entry.tokens});
      }
    });
    const std::string title =
        counted(std::int64_t(links.size()), "text") + ", " + printable(stages_.model_name());
    write_file_atomically(file, encode_page_list(title, links));
    result_.files.push_back(file);
  }

  void finish_heads() {
    std::string no_probes;
    heads_.set_probes(stages_.probes(no_probes));
    Survey survey = stages_.survey_of(heads_.report());
    survey.no_probes = no_probes;
    write_heads(options_.out_dir, heads_, std::move(survey), result_);
  }

  static constexpr std::chrono::seconds kBetweenSaves{30};

  const BatchOptions& options_;
  const std::vector<BatchText>& texts_;
  BatchStages& stages_;
  const std::vector<std::size_t>& places_;  ///< of this shard's texts, in order
  WorkingIndex index_;
  MemoryGate gate_;
  BatchHeads heads_;
  const std::function<bool(const BatchProgress&)>& on_progress_;

  std::vector<std::string> keys_;    ///< of each; empty: not dealt with
  std::deque<std::size_t> waiting_;  ///< indices into both, the longest first
  Item long_, short_;                ///< read, waiting for room
  std::atomic<bool> is_stopping_ = false;
  double all_cost_ = 0, done_cost_ = 0;
  Clock::time_point heads_saved_ = Clock::now();
  BatchResult result_;
};

}  // namespace

BatchResult run_batch(const std::vector<BatchText>& texts, const BatchOptions& options,
                      const std::function<bool(const BatchProgress&)>& on_progress) {
  PreparedBatch prepared(texts, options);
  const std::uint64_t room = room_for_texts(options.max_memory, prepared.stages);
  check_writable(options.out_dir / kIndexFile);
  return Batch(prepared, room, on_progress).run();
}

BatchPlan plan_batch(const std::vector<BatchText>& texts, const BatchOptions& options) {
  const PreparedBatch prepared(texts, options);
  const StoredIndex index(options.out_dir);
  BatchPlan plan;
  for (const std::size_t place : prepared.own) {
    BatchPlan::Item& item = plan.items.emplace_back();
    item.name = texts[place].name;
    item.input = input_of(texts[place]);
    for (const fs::path& file : files_of(item.name, options)) {
      item.files.push_back(options.out_dir / file);
    }
    item.is_there = prepared.done(texts[place], index).has_value();
  }
  return plan;
}

}  // namespace attnviz
