#include <nlohmann/json.hpp>

#include "attnviz/run.h"
#include "attnviz/survey.h"
#include "run/survey_json.h"

namespace attnviz {
namespace {

using Json = nlohmann::ordered_json;

template <typename Value>
Json json_of(const std::optional<Value>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json json_of(const std::optional<Interval>& interval) {
  return interval ? Json({interval->low, interval->high}) : Json(nullptr);
}

Json json_of(const Statistic& statistic) {
  Json json = {{"mean", statistic.mean},
               {"sd", json_of(statistic.sd)},
               {"interval", json_of(statistic.ci)},
               {"n", statistic.n_texts}};
  if (statistic.chance) json["chance"] = *statistic.chance;
  if (statistic.excess) json["excess"] = *statistic.excess;
  return json;
}

Json json_of(const HeadFindings& head, const HeadLabel& label) {
  Json json = {{"label", to_string(label.kind)},
               {"weak", label.weak},
               {"evidence", std::string(1, tag(label.evidence))},
               {"score", json_of(label.score)},
               {"threshold", label.threshold}};
  if (label.control) json["control"] = *label.control;
  if (label.offset) json["offset"] = *label.offset;
  json["sentence"] = sentence(head, label);
  return json;
}

Json json_of(const HeadFindings& head, const HeadFlag& flag) {
  Json json = {{"flag", to_string(flag.kind)},
               {"level", to_string(flag.level)},
               {"value", flag.value},
               {"threshold", flag.threshold},
               {"n", flag.n_texts}};
  if (flag.other) json["other"] = to_string(*flag.other);
  if (flag.place) json["place"] = *flag.place;
  json["sentence"] = sentence(head, flag);
  return json;
}

void add_findings(Json& json, const HeadFindings& head) {
  if (head.best_offset) {
    json["best_offset"] = json_of(head.best_offset->score);
    json["best_offset"]["offset"] = head.best_offset->offset;
  }
  if (head.best_hit) {
    json["best_hit"] = {{"offset", head.best_hit->offset},
                        {"share_of_rows", head.best_hit->share},
                        {"weight", head.best_hit->weight},
                        {"n", head.best_hit->n_texts}};
  }
  if (head.position) {
    json["position"] = {{"position", head.position->position},
                        {"least_share", head.position->least_share},
                        {"n", head.position->n_texts}};
  }
  if (head.nearest) {
    json["nearest"] = {{"head", to_string(head.nearest->head)},
                       {"bits", head.nearest->bits},
                       {"bits_without_first", json_of(head.nearest->bits_without_first)},
                       {"n", head.nearest->n_texts}};
  }
  if (head.variation) {
    json["variation"] = {{"v", head.variation->v},
                         {"corrected", head.variation->corrected},
                         {"interval", json_of(head.variation->ci)},
                         {"without_first", json_of(head.variation->v_without_first)},
                         {"n", head.variation->n_texts}};
  }
  if (head.measures.output_ratio) json["output_ratio"] = *head.measures.output_ratio;
}

Json json_of(HeadId head, const RelationFinding& found) {
  Json json = {{"n", found.n},
               {"hits", found.hits},
               {"accuracy", found.accuracy},
               {"lower", found.lower},
               {"best_offset", found.best_offset},
               {"best_position", found.best_position},
               {"p_value", found.p_value},
               {"passes", found.passes}};
  if (found.passes) json["sentence"] = sentence(head, found);
  return json;
}

Json json_of(HeadId head, const HeadSimilarity& found) {
  Json json = {{"difference", found.difference},
               {"z", json_of(found.z)},
               {"interval", json_of(found.ci)},
               {"n", found.n_texts},
               {"passes", found.passes()}};
  if (found.passes()) json["sentence"] = sentence(head, found);
  return json;
}

Json json_of_head(const Survey& survey, std::size_t i) {
  const HeadFindings& head = survey.report.heads[i];
  Json json = {{"head", to_string(head.id)}, {"layer", head.id.layer}, {"index", head.id.head}};
  json["primary"] = head.labels.empty() ? Json(nullptr) : Json(to_string(head.labels[0].kind));
  json["labels"] = Json::array();
  for (const HeadLabel& label : head.labels) json["labels"].push_back(json_of(head, label));
  json["flags"] = Json::array();
  for (const HeadFlag& flag : head.flags) json["flags"].push_back(json_of(head, flag));
  json["scores"] = Json::object();
  for (const ScoreInfo& info : score_table()) {
    if (head[info.score]) json["scores"][std::string(info.name)] = json_of(*head[info.score]);
  }
  add_findings(json, head);
  if (!survey.relations.empty()) {
    for (const RelationFinding& found : survey.relations[i].relations) {
      json["relations"][std::string(to_string(found.relation))] = json_of(head.id, found);
    }
  }
  if (!survey.similarity.empty() && survey.similarity[i]) {
    json["similarity"] = json_of(head.id, *survey.similarity[i]);
  }
  if (!survey.importance.effects.empty()) json["effect"] = json_of(survey.importance.effects[i]);
  return json;
}

Json json_of(const Importance& importance) {
  Json json = {{"kind", to_string(importance.kind)}};
  if (!importance.missing.empty()) json["missing"] = importance.missing;
  if (importance.kind == ImportanceKind::none) return json;
  json["loss"] = importance.loss;
  for (const Statistic& effect : importance.of_all_layers) {
    json["of_all_layers"].push_back(json_of(effect));
  }
  if (importance.joint) {
    Json heads = Json::array();
    for (const HeadId head : importance.joint->heads) heads.push_back(to_string(head));
    json["joint"] = {{"heads", heads},
                     {"effect", json_of(importance.joint->loss_change)},
                     {"of_random_sets", importance.joint->of_random_sets}};
  }
  return json;
}

Json json_of_texts(const Survey& survey) {
  const HeadReport& report = survey.report;
  Json skipped = Json::array();
  for (const auto& [name, why] : survey.skipped) {
    skipped.push_back({{"text", name}, {"error", why}});
  }
  return {{"n", report.n_texts},
          {"short", report.n_short_texts},
          {"too_short", report.too_short},
          {"shortest", report.shortest},
          {"longest", report.longest},
          {"cut", survey.n_cut},
          {"repeats", report.n_repeats},
          {"prefixes", report.n_prefixes},
          {"skipped", skipped}};
}

Json json_of_survey(const Survey& survey) {
  Json json = {{"kind", kSurveyKind},
               {"version", kSurveyVersion},
               {"attnviz", version()},
               {"model", survey.model},
               {"sha256", survey.sha256},
               {"layers_share_weights", survey.layers_share_weights},
               {"texts", json_of_texts(survey)},
               {"probes", survey.report.n_probes},
               {"importance", json_of(survey.importance)}};
  if (!survey.no_probes.empty()) json["no_probes"] = survey.no_probes;
  if (!survey.no_relations.empty()) json["no_relations"] = survey.no_relations;
  for (const ThresholdInfo& info : threshold_table()) {
    json["thresholds"][std::string(info.name)] = survey.report.thresholds.*info.value;
  }
  for (const ScoreInfo& info : score_table()) {
    json["scores"][std::string(info.name)] = {{"unit", info.unit}, {"meaning", info.meaning}};
  }
  for (std::size_t i = 0; i < survey.report.heads.size(); ++i) {
    json["heads"].push_back(json_of_head(survey, i));
  }
  for (const Answer& answer : summary(survey.report)) {
    json["summary"].push_back({{"question", answer.question}, {"answer", answer.answer}});
  }
  json["caveat"] = caveat();
  return json;
}

/// A file's name may hold bytes that are no UTF-8; JSON cannot.
std::string dumped(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string to_json(const Survey& survey) {
  return dumped(json_of_survey(survey));
}

std::string to_json(const std::vector<Survey>& surveys) {
  Json all = Json::array();
  for (const Survey& survey : surveys) all.push_back(json_of_survey(survey));
  return dumped(all);
}

}  // namespace attnviz
