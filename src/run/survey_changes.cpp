#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "attention/wording.h"
#include "attnviz/error.h"
#include "attnviz/survey.h"
#include "file/json.h"
#include "run/survey_json.h"

namespace attnviz {
namespace {

using Json = nlohmann::json;

struct Change {
  double size;
  std::string line;
};

std::string moved(const std::string& head, std::string_view what, double before, double after) {
  return head + " " + std::string(what) + ": " + decimals(before) + " -> " + decimals(after) +
         " (" + signed_decimals(after - before) + ")";
}

/// Names of labels or flags in `findings`, each under `key`.
std::set<std::string> names_in(const Json& findings, const char* key) {
  std::set<std::string> names;
  for (const Json& finding : findings) names.insert(finding.at(key).get<std::string>());
  return names;
}

template <typename Findings>
std::set<std::string> names_of(const Findings& findings) {
  std::set<std::string> names;
  for (const auto& finding : findings) names.emplace(to_string(finding.kind));
  return names;
}

std::string joined(const std::set<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text.empty() ? "none" : text;
}

/// Scores of attention, 0 to 1, and the entropy ratios; nats and tokens have another scale, and
/// the rest repeats them.
bool is_compared(const ScoreInfo& info) {
  return info.has_excess || info.unit == "ratio";
}

void add_changes(std::vector<Change>& names, std::vector<Change>& scores, const HeadFindings& head,
                 const Json& older, double least) {
  const std::string id = to_string(head.id);
  const auto add_names = [&](const char* what, const std::set<std::string>& before,
                             const std::set<std::string>& after) {
    if (before == after) return;
    names.push_back({1, id + " " + what + ": " + joined(before) + " -> " + joined(after)});
  };
  add_names("labels", names_in(older.at("labels"), "label"), names_of(head.labels));
  add_names("flags", names_in(older.at("flags"), "flag"), names_of(head.flags));
  for (const ScoreInfo& info : score_table()) {
    const auto before = older.at("scores").find(std::string(info.name));
    if (!is_compared(info) || !head[info.score] || before == older.at("scores").end()) continue;
    const double was = before->at("mean").get<double>(), is = head[info.score]->mean;
    if (std::abs(is - was) < least) continue;
    scores.push_back({std::abs(is - was), moved(id, info.name, was, is)});
  }
}

Json parsed(const std::string& older) {
  Json json = Json::parse(shallow(older), nullptr, false);
  if (!json.is_object() || !json.contains("kind") || json["kind"] != kSurveyKind) {
    throw ModelError("it is not the JSON of attnviz heads --json for one model");
  }
  if (!json.contains("version") || json["version"] != kSurveyVersion) {
    throw ModelError("it is of another version of that schema, not " +
                     std::to_string(kSurveyVersion) + "; make it again");
  }
  return json;
}

}  // namespace

std::vector<std::string> changes_since(const Survey& survey, const std::string& older,
                                       double least) {
  const Json json = parsed(older);
  std::vector<Change> changes, scores;
  try {
    const Json& heads = json.at("heads");
    if (heads.size() != survey.report.heads.size()) {
      throw ModelError("it is of a model with " + std::to_string(heads.size()) + " heads, not " +
                       std::to_string(survey.report.heads.size()));
    }
    for (std::size_t i = 0; i < heads.size(); ++i) {
      const HeadFindings& head = survey.report.heads[i];
      if (heads[i].at("head") != to_string(head.id)) {
        throw ModelError("it is of a model with other layers or heads");
      }
      add_changes(changes, scores, head, heads[i], least);
    }
  } catch (const Json::exception& error) {
    throw ModelError(std::string("it is damaged: ") + error.what());
  }
  std::stable_sort(scores.begin(), scores.end(),
                   [](const Change& a, const Change& b) { return a.size > b.size; });
  changes.insert(changes.end(), scores.begin(), scores.end());
  std::vector<std::string> lines;
  for (const Change& change : changes) lines.push_back(change.line);
  return lines;
}

}  // namespace attnviz
