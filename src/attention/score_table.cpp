#include "attention/find_score.h"

namespace attnviz {
namespace {

constexpr std::array<ScoreInfo, kScores> kTable = {{
    {Score::entropy, "entropy", "nats", false, "entropy of a row, mean over rows q >= 1"},
    {Score::entropy_all_rows, "entropy-all-rows", "nats", false, "the same, row 0 included"},
    {Score::naive_entropy, "naive-entropy", "nats", false,
     "-sum p log(p + 1e-10), mean over all rows, as older reports have it"},
    {Score::effective_keys, "effective-keys", "keys", false, "exp(entropy): keys in effect"},
    {Score::normalised_entropy, "normalised-entropy", "ratio", false,
     "entropy over the logarithm of the allowed keys"},
    {Score::entropy_without_first, "entropy-without-first", "ratio", false,
     "the same with the first token taken out; rows with over 0.9 on it are left out"},
    {Score::distance_to_uniform, "distance-to-uniform", "ratio", false,
     "total variation distance to even attention"},
    {Score::confidence, "confidence", "share", true, "largest weight of a row"},
    {Score::confidence_without_first, "confidence-without-first", "share", true,
     "largest weight that is not on the first token"},
    {Score::previous_token, "previous-token", "share", true, "attention to the token before"},
    {Score::current_token, "current-token", "share", true, "attention to the token itself"},
    {Score::first_token, "first-token", "share", true, "attention to the first token"},
    {Score::position_share, "position-share", "share", true,
     "largest share of one position other than the first, of 16 later rows or more"},
    {Score::last_keys, "last-keys", "share", true, "attention to the last w keys"},
    {Score::span, "span", "tokens", false, "last keys that hold 90 % of the attention"},
    {Score::mean_distance, "mean-distance", "tokens", false, "how far back, on average"},
    {Score::mean_distance_without_first, "mean-distance-without-first", "tokens", false,
     "the same with the first token taken out"},
    {Score::duplicate_on_text, "duplicate-on-text", "share", true,
     "attention to earlier occurrences of the token, on the texts"},
    {Score::induction_on_text, "induction-on-text", "share", true,
     "attention to what followed earlier occurrences of the token, on the texts"},
    {Score::tl_previous_mul, "tl-previous-mul", "share", false, "detect_head, previous, mul"},
    {Score::tl_previous_abs, "tl-previous-abs", "score", false, "detect_head, previous, abs"},
    {Score::tl_duplicate_mul, "tl-duplicate-mul", "share", false, "detect_head, duplicate, mul"},
    {Score::tl_duplicate_abs, "tl-duplicate-abs", "score", false, "detect_head, duplicate, abs"},
    {Score::tl_induction_mul, "tl-induction-mul", "share", false, "detect_head, induction, mul"},
    {Score::tl_induction_abs, "tl-induction-abs", "score", false, "detect_head, induction, abs"},
    {Score::duplicate_token, "duplicate-token", "share", true,
     "attention to the earlier occurrence, on repeated random tokens"},
    {Score::induction, "induction", "share", true,
     "attention to what followed the earlier occurrence, on repeated random tokens"},
    {Score::duplicate_control, "duplicate-control", "share", true,
     "attention at the same distances, nothing being repeated"},
    {Score::induction_control, "induction-control", "share", true,
     "attention at the same distances, nothing being repeated"},
}};

}  // namespace

std::span<const ScoreInfo, kScores> score_table() {
  return kTable;
}

std::optional<Score> find_score(std::string_view name) {
  for (const ScoreInfo& info : kTable) {
    if (info.name == name) return info.score;
  }
  return std::nullopt;
}

}  // namespace attnviz
