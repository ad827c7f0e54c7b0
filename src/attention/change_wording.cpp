#include <algorithm>

#include "attnviz/changes.h"
#include "wording.h"

namespace attnviz {
namespace {

/// As many decimals as it takes to see the two apart: at least 2.
std::string moved(double before, double after) {
  for (int n = 2; n <= 9; ++n) {
    const std::string was = decimals(before, n), is = decimals(after, n);
    if (was != is) return was + " -> " + is;
  }
  return decimals(before) + " -> " + decimals(after);
}

std::string primary(const std::vector<std::string>& labels) {
  return labels.empty() ? "without a label" : labels.front();
}

/// Scores of attention and ratios say more to a reader than tokens and nats.
bool is_share(const ScoreChange& change) {
  const ScoreInfo& info = score_table()[static_cast<std::size_t>(change.score)];
  return info.has_excess || info.unit == "ratio" || info.unit == "share";
}

/// The heads of the first layer in which any moved.
struct Beginning {
  int layer = 0;
  std::vector<HeadId> heads;
  std::size_t n_heads = 0;  ///< that the layer has in both records
};

/// Less than this part of what rounding is given is rounding.
constexpr double kMoved = 0.2;

Beginning beginning_of(const AttentionChanges& changes) {
  Beginning first;
  if (std::none_of(changes.heads.begin(), changes.heads.end(),
                   [](const HeadChange& head) { return head.is_changed(); })) {
    return first;
  }
  const auto found = std::find_if(changes.heads.begin(), changes.heads.end(),
                                  [](const HeadChange& head) { return head.moved > kMoved; });
  if (found == changes.heads.end()) return first;
  first.layer = found->id.layer;
  for (const HeadChange& head : changes.heads) {
    if (head.id.layer != first.layer) continue;
    ++first.n_heads;
    if (head.moved > kMoved) first.heads.push_back(head.id);
  }
  return first;
}

std::string what_is_read(int layer) {
  if (layer == 0) return "what it reads (embeddings, positions, a norm)";
  return "what it reads (values, outputs or feed-forward of layer " + std::to_string(layer - 1) +
         ", a norm)";
}

}  // namespace

std::string what_moved(const HeadChange& head) {
  std::string text;
  const auto share = std::find_if(head.scores.begin(), head.scores.end(), is_share);
  if (head.now_as) {
    text = "has the pattern that " + to_string(*head.now_as) + " had";
  } else if (share != head.scores.end() && share->before != share->after) {
    const ScoreInfo& info = score_table()[static_cast<std::size_t>(share->score)];
    text = std::string(info.name) + " " + moved(share->before, share->after);
  }
  const std::string was = primary(head.labels_before), is = primary(head.labels_after);
  if (was != is) text += (text.empty() ? "was " : "; was ") + was + ", now " + is;
  return text;
}

std::string sentence(const HeadChange& head) {
  const std::string words = what_moved(head);
  return to_string(head.id) + ": " + words + (words.empty() ? "" : "; ") + "weights by up to " +
         short_number(head.largest);
}

std::string where_it_began(const AttentionChanges& changes) {
  const Beginning first = beginning_of(changes);
  if (first.n_heads == 0) return {};
  const std::string layer = "layer " + std::to_string(first.layer);
  const std::size_t n = first.heads.size();
  if (first.n_heads == 1) {
    return "beginning in " + layer + ", in its only head: its own queries or keys changed, or " +
           what_is_read(first.layer);
  }
  if (2 * n > first.n_heads) {
    return "beginning in " + layer + ", in " +
           (n == first.n_heads ? "every head"
                               : std::to_string(n) + " of its " + std::to_string(first.n_heads)) +
           ": " + what_is_read(first.layer) + " changed";
  }
  return "beginning in " + layer + ", in " + to_string(first.heads) +
         " alone: " + (n == 1 ? "its" : "their") + " own queries or keys changed";
}

}  // namespace attnviz
