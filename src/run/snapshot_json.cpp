#include <nlohmann/json.hpp>

#include "attnviz/snapshot.h"

namespace attnviz {
namespace {

using Json = nlohmann::ordered_json;

Json names_of(const std::vector<HeadId>& heads) {
  Json names = Json::array();
  for (const HeadId head : heads) names.push_back(to_string(head));
  return names;
}

Json json_of(const HeadChange& head) {
  Json json = {{"head", to_string(head.id)},
               {"changed", head.is_changed()},
               {"largest_difference", head.largest},
               {"query", head.query},
               {"key", head.key},
               {"divergence_bits", head.bits},
               {"tolerances", head.excess},
               {"labels", {{"before", head.labels_before}, {"after", head.labels_after}}}};
  Json scores = Json::object();
  for (const ScoreChange& change : head.scores) {
    const std::string name(score_table()[static_cast<std::size_t>(change.score)].name);
    scores[name] = {{"before", change.before}, {"after", change.after}};
  }
  json["scores"] = std::move(scores);
  if (head.now_as) json["now_as"] = to_string(*head.now_as);
  json["sentence"] = sentence(head);
  return json;
}

Json json_of(const std::vector<FactChange>& facts) {
  Json json = Json::array();
  for (const FactChange& fact : facts) {
    json.push_back({{"what", fact.what}, {"before", fact.before}, {"after", fact.after}});
  }
  return json;
}

Json json_of(const TextResult& text) {
  Json json = {{"name", text.name},
               {"verdict", to_string(text.verdict)},
               {"message", text.message},
               {"tokens", text.n_tokens}};
  if (text.now) json["rows"] = text.now->record.patterns.n_positions();
  if (text.changes.first_other_token) json["first_other_token"] = *text.changes.first_other_token;
  json["other_architecture"] = text.changes.is_other_architecture;
  json["began"] = where_it_began(text.changes);
  json["gone"] = names_of(text.changes.gone);
  json["added"] = names_of(text.changes.added);
  json["most_changed"] = Json::array();
  for (const HeadChange& head : text.most_changed) {
    json["most_changed"].push_back(to_string(head.id));
  }
  json["heads"] = Json::array();
  for (const HeadChange& head : text.changes.heads) json["heads"].push_back(json_of(head));
  json["facts"] = json_of(text.facts);
  json["files"] = Json::array();
  for (const auto& file : text.files) json["files"].push_back(file.string());
  return json;
}

}  // namespace

std::string to_json(const SnapshotReport& report) {
  Json json = {{"kind", "attnviz.snapshot-report"},
               {"version", 1},
               {"attnviz", version()},
               {"name", report.name},
               {"verdict", to_string(report.verdict())}};
  for (const Verdict verdict :
       {Verdict::same, Verdict::changed, Verdict::missing, Verdict::failed}) {
    json["counts"][std::string(to_string(verdict))] = report.count(verdict);
  }
  json["facts"] = json_of(report.facts());
  json["texts"] = Json::array();
  for (const TextResult& text : report.texts) json["texts"].push_back(json_of(text));
  json["obsolete"] = Json::array();
  for (const auto& file : report.obsolete) json["obsolete"].push_back(file.string());
  // A path may hold bytes that are no UTF-8; JSON cannot.
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace attnviz
