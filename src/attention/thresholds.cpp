#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>

#include "attnviz/error.h"
#include "attnviz/heads.h"

namespace attnviz {
namespace {

constexpr std::string_view kOwn = "attnviz's own";

const ThresholdInfo kTable[] = {
    {"previous-token", &Thresholds::previous_token, "attention to the token before",
     "Clark et al. 2019"},
    {"previous-token-weak", &Thresholds::previous_token_weak, "the same, weakly", kOwn},
    {"current-token", &Thresholds::current_token, "attention to the token itself", kOwn},
    {"first-token", &Thresholds::first_token, "attention to the first token", "Gu et al. 2025"},
    {"first-token-dominated", &Thresholds::first_token_dominated, "the same, most of it", kOwn},
    {"parked", &Thresholds::parked, "the same, nearly all", "after Vig & Belinkov 2019"},
    {"fixed-offset", &Thresholds::fixed_offset, "attention to one offset", "after Clark et al."},
    {"single-offset", &Thresholds::single_offset,
     "rows that have their largest weight at one offset", "Voita et al. 2019"},
    {"single-offset-weight", &Thresholds::single_offset_weight, "attention at that offset", kOwn},
    {"duplicate-token", &Thresholds::duplicate_token, "attention to the same token before", kOwn},
    {"induction", &Thresholds::induction, "attention to what followed the same token before", kOwn},
    {"induction-weak", &Thresholds::induction_weak, "the same, weakly", kOwn},
    {"control", &Thresholds::control, "most that either may be where nothing is repeated", kOwn},
    {"repeats", &Thresholds::repeats, "fewest repeated tokens, where there is no probe", kOwn},
    {"local", &Thresholds::local, "attention to the last few keys", kOwn},
    {"local-excess", &Thresholds::local_excess, "the same, over chance", kOwn},
    {"broad", &Thresholds::broad, "normalised entropy", "after Clark et al. 2019"},
    {"uniform", &Thresholds::uniform, "normalised entropy", kOwn},
    {"uniform-distance", &Thresholds::uniform_distance,
     "most total variation distance to even attention", kOwn},
    {"content-dependent", &Thresholds::content_dependent, "variation over texts", kOwn},
    {"no-variation", &Thresholds::no_variation, "variation below which there is none", kOwn},
    {"variation-texts", &Thresholds::variation_texts, "fewest texts to judge variation by", kOwn},
    {"stuck", &Thresholds::stuck, "attention to one position on every text", kOwn},
    {"near-copy", &Thresholds::near_copy, "most bits between heads that are nearly equal", kOwn},
    {"low-output", &Thresholds::low_output, "most output, over the layer's mean",
     "Sandoval-Segura et al. 2026"},
    {"dead-output", &Thresholds::dead_output, "the same, of a dead head", "Sokar et al. 2023"},
    {"no-effect", &Thresholds::no_effect, "most change of loss, upper bound, in nats", kOwn},
};

/// Insertions, deletions and replacements from a to b.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

const ThresholdInfo& find(std::string_view name) {
  const auto found = std::find_if(std::begin(kTable), std::end(kTable),
                                  [&](const ThresholdInfo& info) { return info.name == name; });
  if (found != std::end(kTable)) return *found;
  const auto nearest = std::min_element(
      std::begin(kTable), std::end(kTable), [&](const ThresholdInfo& a, const ThresholdInfo& b) {
        return edit_distance(a.name, name) < edit_distance(b.name, name);
      });
  throw UsageError("there is no threshold " + std::string(name) + "; did you mean " +
                   std::string(nearest->name) + "?");
}

}  // namespace

std::span<const ThresholdInfo> threshold_table() {
  return kTable;
}

void set_threshold(Thresholds& thresholds, std::string_view assignment) {
  const std::size_t sign = assignment.find('=');
  if (sign == std::string_view::npos) {
    throw UsageError("a threshold is set by NAME=VALUE, not " + std::string(assignment));
  }
  const ThresholdInfo& info = find(assignment.substr(0, sign));
  const std::string_view text = assignment.substr(sign + 1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value) ||
      value < 0) {
    throw UsageError("the threshold " + std::string(info.name) +
                     " must be a number, 0 or more, "
                     "not \"" +
                     std::string(text) + "\"");
  }
  thresholds.*info.value = value;
}

}  // namespace attnviz
