#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <numeric>
#include <queue>

#include "attnviz/batch.h"
#include "attnviz/error.h"
#include "run/batch_text.h"

namespace attnviz {
namespace {

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

/// None where it is not set. Throws UsageError where it is no number.
std::optional<std::int64_t> variable(const char* name) {
  const char* text = std::getenv(name);
  if (text == nullptr || *text == '\0') return std::nullopt;
  const auto value = number(text);
  if (!value) throw UsageError(std::string(name) + " is no number: " + text);
  return value;
}

constexpr char kKubernetes[] = "JOB_COMPLETION_INDEX";

void require_sound(Shard shard, const std::string& where) {
  if (shard.of >= 1 && shard.index >= 1 && shard.index <= shard.of) return;
  throw UsageError("there is no shard " + std::to_string(shard.index) + " of " +
                   std::to_string(shard.of) + " (" + where + "); they count from 1");
}

}  // namespace

Shard parse_shard(const std::string& text) {
  const std::size_t slash = text.find('/');
  const std::string index = text.substr(0, slash);
  const auto of = number(slash == std::string::npos ? "" : text.substr(slash + 1));
  std::optional<std::int64_t> i = number(index);
  if (index.empty()) {
    i = variable(kKubernetes);
    if (!i) throw UsageError("--shard " + text + " wants " + kKubernetes + " to be set; say I/N");
    ++*i;
  }
  if (!i || !of) throw UsageError("--shard takes I/N, such as 2/4; not " + text);
  const Shard shard{*i, *of};
  require_sound(shard, "--shard " + text);
  return shard;
}

std::optional<Shard> shard_of_environment() {
  if (const auto id = variable("SLURM_ARRAY_TASK_ID")) {
    const auto least = variable("SLURM_ARRAY_TASK_MIN"), count = variable("SLURM_ARRAY_TASK_COUNT");
    if (!least || !count) {
      throw UsageError(
          "SLURM_ARRAY_TASK_ID is set, but not SLURM_ARRAY_TASK_MIN and _COUNT; say --shard I/N");
    }
    const std::int64_t step = variable("SLURM_ARRAY_TASK_STEP").value_or(1);
    const Shard shard{(*id - *least) / std::max<std::int64_t>(step, 1) + 1, *count};
    require_sound(shard, "SLURM_ARRAY_TASK_ID " + std::to_string(*id));
    return shard;
  }
  if (variable(kKubernetes)) {
    throw UsageError(std::string(kKubernetes) +
                     " is set; say of how many: --shard /N, or --shard 1/1 for all texts");
  }
  return std::nullopt;
}

std::vector<std::size_t> texts_of_shard(const std::vector<BatchText>& texts, Shard shard) {
  require_sound(shard, "Shard");
  std::vector<std::size_t> order(texts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return texts[a].size > texts[b].size; });
  using Load = std::pair<double, std::int64_t>;  // the shard with least, of those the first
  std::priority_queue<Load, std::vector<Load>, std::greater<>> loads;
  for (std::int64_t i = 1; i <= shard.of; ++i) loads.emplace(0, i);
  std::vector<std::size_t> own;
  for (const std::size_t place : order) {
    auto [load, index] = loads.top();
    loads.pop();
    if (index == shard.index) own.push_back(place);
    loads.emplace(load + cost_of(texts[place]), index);
  }
  std::sort(own.begin(), own.end());
  return own;
}

}  // namespace attnviz
