#include "attnviz/error.h"
#include "attnviz/survey.h"

namespace attnviz {
namespace {

/// Of what has one entry a head, or none at all.
template <typename Value>
void keep(std::vector<Value>& values, const std::vector<bool>& is_kept) {
  if (values.empty()) return;
  std::vector<Value> kept;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (is_kept[i]) kept.push_back(std::move(values[i]));
  }
  values = std::move(kept);
}

}  // namespace

void choose_heads(Survey& survey, const HeadChoice& choice) {
  if (choice.is_all()) return;
  std::vector<HeadId> there;
  KeptHeads kept(std::size_t(survey.report.n_layers));
  for (const HeadFindings& head : survey.report.heads) {
    kept[std::size_t(head.id.layer)].push_back(head.id.head);
  }
  std::vector<std::int64_t> n_heads;
  for (const auto& layer : kept) n_heads.push_back(std::int64_t(layer.size()));
  (void)chosen_heads(n_heads, kept, choice);  // throws where one does not exist
  std::vector<bool> is_kept;
  for (const HeadFindings& head : survey.report.heads) is_kept.push_back(choice.has(head.id));
  keep(survey.report.heads, is_kept);
  keep(survey.relations, is_kept);
  keep(survey.similarity, is_kept);
  keep(survey.importance.effects, is_kept);
  survey.importance.of_all_layers.clear();  // which is told by the first layer's heads
}

}  // namespace attnviz
