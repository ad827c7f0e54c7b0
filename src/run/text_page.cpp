#include "run/text_page.h"

#include <nlohmann/json.hpp>

#include "attnviz/attention.h"
#include "attnviz/error.h"
#include "attnviz/file.h"
#include "run/output.h"
#include "run/survey_json.h"
#include "text/utf8.h"

namespace attnviz {
namespace {

using Json = nlohmann::json;

/// A share of attention or a ratio: 0 to 1, as long as a bar.
bool is_shown(const ScoreInfo& info) {
  return info.unit == "share" || info.unit == "ratio";
}

PageHead head_of(const Json& json) {
  PageHead head{json.at("head"), {}, {}, {}, {}};
  const auto add = [&](const Json& findings, const char* kind, std::vector<std::string>& names) {
    for (const Json& finding : findings) {
      names.push_back(finding.at(kind));
      if (finding.contains("sentence")) head.sentences.push_back(finding.at("sentence"));
    }
  };
  add(json.at("labels"), "label", head.labels);
  add(json.at("flags"), "flag", head.flags);
  for (const ScoreInfo& info : score_table()) {
    const auto score = json.at("scores").find(std::string(info.name));
    if (!is_shown(info) || score == json.at("scores").end()) continue;
    head.scores.emplace_back(info.name, score->at("mean").get<double>());
  }
  return head;
}

}  // namespace

std::vector<std::string> words_of(const Tokenizer& tokenizer, const TokenIds& ids) {
  std::vector<std::string> words;
  for (const TokenId id : ids) {
    std::string word = tokenizer.decode(std::vector<TokenId>{id});
    if (text::valid_prefix(word) != word.size()) word.clear();
    words.push_back(std::move(word));
  }
  return words;
}

std::vector<PageHead> page_heads(const HeadReport& report) {
  std::vector<PageHead> heads;
  for (const HeadFindings& found : report.heads) {
    PageHead& head = heads.emplace_back();
    head.name = to_string(found.id);
    for (const HeadLabel& label : found.labels) {
      head.labels.emplace_back(to_string(label.kind));
      head.sentences.push_back(sentence(found, label));
    }
    for (const HeadFlag& flag : found.flags) {
      head.flags.emplace_back(to_string(flag.kind));
      head.sentences.push_back(sentence(found, flag));
    }
    for (const ScoreInfo& info : score_table()) {
      if (is_shown(info) && found[info.score]) {
        head.scores.emplace_back(info.name, found[info.score]->mean);
      }
    }
  }
  return heads;
}

PageFindings read_page_findings(const std::filesystem::path& file) {
  const Json json = Json::parse(read_file(file), nullptr, /*allow_exceptions=*/false);
  try {
    if (json.at("kind") != kSurveyKind || json.at("version") != kSurveyVersion) {
      throw ModelError(file.string() + " is of another kind or version than this attnviz writes");
    }
    PageFindings findings{json.at("model"), {}};
    for (const Json& head : json.at("heads")) findings.heads.push_back(head_of(head));
    return findings;
  } catch (const Json::exception&) {
    throw ModelError(file.string() + " is not the JSON of attnviz heads --json for one model");
  }
}

std::string page_of(const Shown& shown, const AttentionPatterns& patterns,
                    const Tokenizer& tokenizer, const std::filesystem::path& model,
                    PageFindings findings) {
  const std::vector<Label> labels = token_labels(tokenizer, shown.ids);
  Page page;
  page.title = printable(shown.text);
  page.model = printable(model.filename().string());
  page.software = "attnviz " + version();
  page.labels = labels;
  page.words = words_of(tokenizer, shown.ids);
  page.sets = {{"", &patterns}};
  page.findings = std::move(findings);
  if (shown.n_tokens_cut > 0) {
    page.notes.push_back("the text went on: " + std::to_string(shown.n_tokens_cut) +
                         " tokens were cut");
  }
  return encode_page(page);
}

}  // namespace attnviz
