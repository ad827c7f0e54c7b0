#include "attnviz/page.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "attnviz/error.h"
#include "attnviz/file.h"
#include "figure/colours.h"
#include "page/packing.h"
#include "viewer.h"

namespace attnviz {
namespace {

using Json = nlohmann::ordered_json;

/// Nothing in a string may end the element that it stands in.
std::string dumped(const Json& json) {
  const std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  std::string safe;
  for (const char c : text) {
    if (c == '<') {
      safe += "\\u003c";
    } else {
      safe += c;
    }
  }
  return safe;
}

std::string replaced(std::string_view text, std::string_view mark, std::string_view with) {
  const std::size_t at = text.find(mark);
  return std::string(text.substr(0, at)).append(with).append(text.substr(at + mark.size()));
}

/// The figures' own colours, from the low end to the high one.
std::string hexadecimal(ColourMap map) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const Colour& colour : levels(map)) {
    for (const std::uint8_t channel : colour) {
      text += kDigits[channel >> 4U];
      text += kDigits[channel & 15U];
    }
  }
  return text;
}

Json json_of(const PageHead& head) {
  Json json = {{"labels", head.labels},
               {"flags", head.flags},
               {"scores", Json::array()},
               {"sentences", head.sentences}};
  for (const auto& [name, value] : head.scores) json["scores"].push_back({name, value});
  return json;
}

/// The beginning, up to the end of a character: the whole text stands below it, token by token.
std::string as_title(const std::string& text) {
  constexpr std::size_t kMost = 120;
  if (text.size() <= kMost) return text;
  std::size_t end = kMost;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end) + "…";
}

void check(const Page& page) {
  if (page.sets.empty() || page.sets.size() > 2) {
    throw ShapeError("a page shows one set of patterns, or two to be compared");
  }
  const auto require = [](std::size_t n_labels, std::size_t n_words, std::int64_t n,
                          const char* of) {
    if (n_labels == std::size_t(n) && n_words == std::size_t(n)) return;
    throw ShapeError("a page needs a label and a word for each of its " + std::to_string(n) + of);
  };
  for (const PageSet& set : page.sets) {
    const AttentionPatterns& patterns = *set.patterns;
    require(page.queries.size(), page.query_words.size(), patterns.n_queries(), " queries");
    require(page.keys.size(), page.key_words.size(), patterns.n_keys(), " keys");
  }
}

/// Queries and keys are the same positions, for all that is known of them.
bool has_one_side(const Page& page) {
  return std::ranges::equal(page.queries, page.keys) && page.query_words == page.key_words;
}

Json tokens_of(std::span<const Label> labels) {
  Json tokens = Json::array();
  for (const Label& label : labels) {
    Json parts = Json::array();
    for (const LabelPart& part : label) parts.push_back({part.text, part.is_mark ? 1 : 0});
    tokens.push_back(parts);
  }
  return tokens;
}

bool has_nan(const AttentionPatterns& patterns) {
  return std::ranges::any_of(
      patterns.layers, [](const at::Tensor& layer) { return layer.isnan().any().item<bool>(); });
}

class Writer {
 public:
  explicit Writer(const Page& page) : page_(page) {
    std::uint64_t n = 0;
    for (const PageSet& set : page.sets) {
      const AttentionPatterns& patterns = *set.patterns;
      n += n_weights(patterns);
      // Where the first queries see nothing, so that no key is at their place, all cells are sent.
      const bool sees = patterns.n_queries() <= patterns.n_keys();
      packing_.causal = packing_.causal && patterns.causal && sees;
      packing_.has_blanks = packing_.has_blanks || has_nan(patterns);
    }
    packing_.step = n > kMostExact ? kCoarseStep : 1;
  }

  std::string data() {
    Json json = {{"version", 1},
                 {"software", page_.software},
                 {"title", as_title(page_.title)},
                 {"model", page_.model},
                 {"note", page_.notes},
                 {"tokens", tokens_of(page_.keys)},
                 {"words", page_.key_words},
                 {"causal", packing_.causal},
                 {"bits", 16},
                 {"sets", Json::array()}};
    if (!has_one_side(page_)) {
      json["query_tokens"] = tokens_of(page_.queries);
      json["query_words"] = page_.query_words;
    }
    if (const auto& [queries, keys] = page_.left_out; queries > 0 || keys > 0) {
      json["left_out"] = {{"queries", queries}, {"keys", keys}};
    }
    const std::int64_t n_prompt = page_.n_prompt.value_or(0);
    if (n_prompt > 0 && n_prompt < std::int64_t(page_.keys.size())) json["n_prompt"] = n_prompt;
    if (packing_.step > 1)
      json["note"].push_back("each weight is rounded to 1/4369, to keep the page small");
    if (packing_.has_blanks) {
      json["blank"] = kBlank;
      json["note"].push_back("some weights are no numbers: they are left blank, and do not count");
    }
    for (const PageSet& set : page_.sets) json["sets"].push_back(add(set));
    const std::string& measured = page_.findings.model;
    if (!measured.empty() && measured != page_.model) {
      json["note"].push_back("what the heads do was found of " + measured);
    }
    json["colours"] = {{"viridis", hexadecimal(ColourMap::viridis)},
                       {"blue_red", hexadecimal(ColourMap::blue_red)}};
    for (const PageHead& head : page_.findings.heads) json["heads"][head.name] = json_of(head);
    return R"(<script type="application/json" id="data">)" + dumped(json) + "</script>\n" + layers_;
  }

 private:
  static constexpr std::uint64_t kMostExact = 4'000'000;
  static constexpr int kCoarseStep = 15;

  Json add(const PageSet& set) {
    Json json = {{"name", set.name}, {"layers", Json::array()}};
    for (std::size_t layer = 0; layer < set.patterns->layers.size(); ++layer) {
      const at::Tensor& patterns = set.patterns->layers[layer];
      const std::string id = "d" + std::to_string(n_layers_++);
      json["layers"].push_back({{"heads", head_numbers(*set.patterns, layer)}, {"data", id}});
      layers_ += R"(<script type="application/octet-stream" id=")" + id + "\">" +
                 base64_of(packed(patterns, packing_)) + "</script>\n";
    }
    return json;
  }

  static std::vector<std::int64_t> head_numbers(const AttentionPatterns& patterns,
                                                std::size_t layer) {
    if (!patterns.kept.empty()) return patterns.kept[layer];
    std::vector<std::int64_t> numbers;
    for (std::int64_t i = 0; i < patterns.n_heads(std::int64_t(layer)); ++i) numbers.push_back(i);
    return numbers;
  }

  const Page& page_;
  Packing packing_;
  std::size_t n_layers_ = 0;  // of all sets
  std::string layers_;
};

}  // namespace

std::string encode_page(const Page& page) {
  check(page);
  // What the page holds of the text comes last: a mark in it is not one.
  std::string html = replaced(viewer_html, "@STYLE@", viewer_css);
  html = replaced(html, "@SCRIPT@", viewer_js);
  return replaced(html, "@DATA@", Writer(page).data());
}

std::string encode_page_list(const std::string& title, std::span<const PageLink> links) {
  Json json = {{"title", title}, {"pages", Json::array()}};
  for (const PageLink& link : links) {
    json["pages"].push_back({{"file", link.file}, {"name", link.name}, {"tokens", link.n_tokens}});
  }
  return replaced(replaced(list_html, "@STYLE@", viewer_css), "@DATA@", dumped(json));
}

}  // namespace attnviz
