#include "run/text_page.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "attnviz/attention.h"
#include "attnviz/error.h"
#include "attnviz/file.h"
#include "file/json.h"
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

/// The text of each token that is shown, the last ones of all; empty where it is no whole character
/// of its own.
std::vector<std::string> shown_words(const SideTokens& tokens, std::span<const Label> shown,
                                     bool merge_words) {
  std::vector<std::string> words = merge_words ? words_of(tokens.pieces) : tokens.pieces;
  words.erase(words.begin(), words.end() - std::ptrdiff_t(shown.size()));
  for (std::string& word : words) {
    if (text::valid_prefix(word) != word.size()) word.clear();
  }
  return words;
}

}  // namespace

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
  const Json json = Json::parse(shallow(read_file(file)), nullptr, /*allow_exceptions=*/false);
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

std::string page_of(const Attended& attended, const View& view, const ShowOptions& options,
                    const Source& source, PageFindings findings) {
  const Focus& focus = options.figure.focus;
  AttentionPatterns patterns = view.patterns;
  const LeftOut out = left_out(patterns.n_queries(), patterns.n_keys(), patterns.causal, focus);
  for (at::Tensor& layer : patterns.layers) {
    if (!focus.is_none()) layer = focused(layer, patterns.causal, focus);
  }
  Page page;
  page.title = printable(view.text);
  page.model =
      printable(source.is_dump && !attended.shown.model.empty() ? attended.shown.model
                                                                : source.file.filename().string());
  page.software = "attnviz " + version();
  page.queries = std::span(view.queries).subspan(std::size_t(out.queries));
  page.keys = std::span(view.keys).subspan(std::size_t(out.keys));
  page.left_out = out;
  page.query_words = shown_words(attended.queries, page.queries, options.merge_words);
  page.key_words = shown_words(attended.keys, page.keys, options.merge_words);
  if (view.n_prompt) page.n_prompt = *view.n_prompt - out.keys;
  page.sets = {{"", &patterns}};
  page.findings = std::move(findings);
  page.notes = view.notes;
  for (std::string& note : notes_of(focus)) page.notes.push_back(std::move(note));
  if (attended.shown.n_tokens_cut > 0) {
    page.notes.push_back("the text went on: " + std::to_string(attended.shown.n_tokens_cut) +
                         " tokens were cut");
  }
  return encode_page(page);
}

}  // namespace attnviz
