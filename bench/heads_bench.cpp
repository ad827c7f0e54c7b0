// What the scores of one text cost beside the model's own work on it.
// Usage: heads_bench [MODEL.pt]; build it with -DATTNVIZ_BENCH=ON.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <random>

#include "attnviz/head_statistics.h"
#include "attnviz/model.h"
#include "attnviz/run.h"

namespace {

/// Median of some runs, in milliseconds, after one that warms up.
double median_ms(const std::function<void()>& work) {
  using Clock = std::chrono::steady_clock;
  constexpr int kRuns = 11;
  work();
  std::vector<double> times;
  for (int i = 0; i < kRuns; ++i) {
    const auto start = Clock::now();
    work();
    times.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
  }
  std::nth_element(times.begin(), times.begin() + kRuns / 2, times.end());
  return times[kRuns / 2];
}

}  // namespace

int main(int argc, char** argv) {
  using namespace attnviz;
  Model model(argc > 1 ? std::filesystem::path(argv[1]) : built_in_model());
  std::mt19937_64 random(0);
  const auto n_ids = static_cast<std::uint64_t>(model.vocabulary_size().value_or(1000));
  std::printf("     T   forward   capture    scores   scores/forward\n");
  for (const std::size_t n : {16U, 128U, 1024U}) {
    TokenIds ids(n);
    for (TokenId& id : ids) id = static_cast<TokenId>(random() % n_ids);
    const AttentionPatterns patterns = check_patterns(model.capture(ids));
    const double forward = median_ms([&] { (void)model.logits(ids); });
    const double capture = median_ms([&] { (void)model.capture(ids); });
    const double scores = median_ms([&] {
      HeadStatistics statistics;
      statistics.add_text(patterns, ids);
    });
    std::printf("%6zu %6.1f ms %6.1f ms %6.1f ms %16.2f\n", n, forward, capture, scores,
                scores / forward);
  }
}
