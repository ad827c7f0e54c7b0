#include <array>
#include <charconv>

#include "attnviz/survey.h"

namespace attnviz {
namespace {

/// RFC 4180: quoted where it has to be.
std::string field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

/// The shortest digits that are read back as the same number, whatever the locale.
std::string field(const std::optional<double>& value) {
  if (!value) return {};
  char digits[32];
  return {digits, std::to_chars(digits, digits + sizeof digits, *value).ptr};
}

template <typename Findings>
std::string joined(const Findings& findings) {
  std::string text;
  for (const auto& finding : findings) {
    text += (text.empty() ? "" : ";") + std::string(to_string(finding.kind));
  }
  return text;
}

std::string names() {
  std::string line = "model,head,layer,index,primary,labels,flags";
  for (const ScoreInfo& info : score_table()) {
    line += "," + std::string(info.name) + "," + std::string(info.name) + "-chance";
  }
  for (std::size_t relation = 0; relation < kRelations; ++relation) {
    line += "," + std::string(to_string(Relation(relation)));
  }
  return line +
         ",similarity,variation,nearest,nearest-bits,output-ratio,importance,effect,effect-low," +
         "effect-high\r\n";
}

/// Accuracies, one a relation.
std::string relations_of(const Survey& survey, std::size_t i) {
  std::array<std::optional<double>, kRelations> accuracies;
  if (!survey.relations.empty()) {
    for (const RelationFinding& found : survey.relations[i].relations) {
      accuracies[std::size_t(found.relation)] = found.accuracy;
    }
  }
  std::string fields;
  for (const auto& accuracy : accuracies) fields += "," + field(accuracy);
  return fields;
}

std::string line_of(const Survey& survey, std::size_t i) {
  const HeadFindings& head = survey.report.heads[i];
  std::string line = field(survey.model) + "," + to_string(head.id) + "," +
                     std::to_string(head.id.layer) + "," + std::to_string(head.id.head) + ",";
  if (!head.labels.empty()) line += to_string(head.labels[0].kind);
  line += "," + joined(head.labels) + "," + joined(head.flags);
  for (const auto& score : head.scores) {
    line += ",";
    if (score) line += field(std::optional(score->mean)) + "," + field(score->chance);
    if (!score) line += ",";
  }
  line += relations_of(survey, i) + ",";
  if (!survey.similarity.empty() && survey.similarity[i]) {
    line += field(std::optional(survey.similarity[i]->difference));
  }
  const auto& v = head.variation;
  line += "," + (v ? field(std::optional(v->v)) : "");
  const auto& nearest = head.nearest;
  line += "," + (nearest ? to_string(nearest->head) : "");
  line += "," + (nearest ? field(std::optional(nearest->bits)) : "");
  line += "," + field(head.measures.output_ratio) + "," +
          std::string(to_string(survey.importance.kind));
  if (survey.importance.effects.empty()) return line + ",,,\r\n";
  const Statistic& effect = survey.importance.effects[i];
  line += "," + field(std::optional(effect.mean)) + ",";
  if (effect.ci) line += field(std::optional(effect.ci->low));
  line += ",";
  if (effect.ci) line += field(std::optional(effect.ci->high));
  return line + "\r\n";
}

}  // namespace

std::string to_csv(const std::vector<Survey>& surveys) {
  std::string csv = names();
  for (const Survey& survey : surveys) {
    for (std::size_t i = 0; i < survey.report.heads.size(); ++i) csv += line_of(survey, i);
  }
  return csv;
}

}  // namespace attnviz
