#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "attnviz/error.h"
#include "attnviz/file.h"
#include "attnviz/snapshot.h"
#include "file/json.h"
#include "run/output.h"

namespace attnviz {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

/// A part of the suite's JSON that knows where in the file it stands.
struct Place {
  const Json& json;
  std::string name;

  [[nodiscard]] UsageError wrong(const std::string& what) const { return UsageError(name + what); }

  void require_object(std::initializer_list<const char*> known) const {
    if (!json.is_object()) throw wrong(" is no object { ... }");
    for (const auto& [key, value] : json.items()) {
      if (std::find(known.begin(), known.end(), key) != known.end()) continue;
      std::string names;
      for (const char* one : known) names += (names.empty() ? "" : ", ") + std::string(one);
      throw wrong(" has \"" + key + "\", which means nothing here; it may have: " + names);
    }
  }

  template <typename Read>
  void if_present(const char* key, Read read) const {
    const auto found = json.find(key);
    if (found != json.end()) read(Place{*found, name + ", \"" + key + "\""});
  }

  [[nodiscard]] std::string string() const {
    if (!json.is_string() || json.get_ref<const std::string&>().empty()) {
      throw wrong(" is no text in quotes");
    }
    return json.get<std::string>();
  }
  [[nodiscard]] std::int64_t count() const {
    if (!json.is_number_integer() || json.get<std::int64_t>() < 1) {
      throw wrong(" is no whole number of 1 or more");
    }
    return json.get<std::int64_t>();
  }
  [[nodiscard]] double amount() const {
    if (!json.is_number() || !(json.get<double>() >= 0) || !std::isfinite(json.get<double>())) {
      throw wrong(" is no number of 0 or more");
    }
    return json.get<double>();
  }
};

ToleranceRule rule_in(const Place& place) {
  ToleranceRule rule;
  place.if_present("pattern", [&](const Place& at) { rule.pattern = at.amount(); });
  place.if_present("divergence", [&](const Place& at) { rule.divergence = at.amount(); });
  place.if_present("score", [&](const Place& at) { rule.score = at.amount(); });
  return rule;
}

ToleranceRules rules_in(const Place& place) {
  place.require_object({"pattern", "divergence", "score", "heads"});
  ToleranceRules rules{rule_in(place), {}};
  place.if_present("heads", [&](const Place& heads) {
    if (!heads.json.is_object()) throw heads.wrong(" is no object { \"L0H0\": { ... } }");
    for (const auto& [name, json] : heads.json.items()) {
      const Place head{json, heads.name + ", \"" + name + "\""};
      head.require_object({"pattern", "divergence", "score"});
      rules.heads[head_named(name)] = rule_in(head);
    }
  });
  return rules;
}

SuiteText text_in(const Place& place, const fs::path& folder) {
  SuiteText text;
  if (place.json.is_string()) {
    text.text = place.string();
    text.name = prefix_from(text.text);
    return text;
  }
  place.require_object({"name", "text", "file", "attention", "max_tokens", "tolerance"});
  place.if_present("text", [&](const Place& at) { text.text = at.string(); });
  place.if_present("file", [&](const Place& at) { text.file = folder / at.string(); });
  place.if_present("attention", [&](const Place& at) { text.attention = folder / at.string(); });
  if (int(text.text.empty()) + int(text.file.empty()) + int(text.attention.empty()) != 2) {
    throw place.wrong(" has to have one of \"text\", \"file\" and \"attention\"");
  }
  text.name = !text.text.empty()   ? prefix_from(text.text)
              : !text.file.empty() ? text.file.stem().string()
                                   : text.attention.stem().string();
  place.if_present("name", [&](const Place& at) { text.name = at.string(); });
  check_prefix(text.name);
  place.if_present("max_tokens", [&](const Place& at) {
    if (!text.attention.empty()) throw at.wrong(" is for texts, not for files of attention");
    text.max_tokens = at.count();
  });
  place.if_present("tolerance", [&](const Place& at) { text.tolerance = rules_in(at); });
  return text;
}

std::vector<SuiteText> texts_in(const Place& place, const fs::path& folder) {
  if (!place.json.is_array() || place.json.empty()) {
    throw place.wrong(" is no list of texts [ ... ]");
  }
  std::vector<SuiteText> texts;
  std::set<std::string> names;
  for (const Json& json : place.json) {
    const Place at{json, place.name + ", number " + std::to_string(texts.size() + 1)};
    texts.push_back(text_in(at, folder));
    if (!names.insert(texts.back().name).second) {
      throw at.wrong(" has the name of another, " + texts.back().name + "; give it a \"name\"");
    }
  }
  return texts;
}

template <typename Value>
Value one_of(const Place& place, std::initializer_list<std::pair<const char*, Value>> values) {
  std::string names;
  for (const auto& [name, value] : values) {
    if (place.json == name) return value;
    names += (names.empty() ? "" : ", ") + std::string(name);
  }
  throw place.wrong(" is none of " + names);
}

FigureKind figure_in(const Place& place) {
  return one_of<FigureKind>(
      place,
      {{"grid", FigureKind::grid}, {"average", FigureKind::average}, {"last", FigureKind::last}});
}

Suite suite_in(const Place& place, const fs::path& path) {
  place.require_object(
      {"model", "vocab", "capture", "precision", "max_tokens", "texts", "tolerance", "figures"});
  const fs::path folder = path.parent_path();
  Suite suite;
  suite.path = path;
  place.if_present("model", [&](const Place& at) { suite.model = folder / at.string(); });
  place.if_present("vocab", [&](const Place& at) { suite.vocabulary = folder / at.string(); });
  place.if_present("capture", [&](const Place& at) {
    suite.capture = one_of<CaptureMode>(at, {{"auto", CaptureMode::automatic},
                                             {"graph", CaptureMode::graph},
                                             {"observe", CaptureMode::observe},
                                             {"method", CaptureMode::method}});
  });
  place.if_present("precision", [&](const Place& at) {
    suite.float64 = one_of<bool>(at, {{"float64", true}, {"float32", false}});
  });
  place.if_present("texts", [&](const Place& at) { suite.texts = texts_in(at, folder); });
  if (suite.texts.empty()) throw place.wrong(" has no \"texts\"");
  place.if_present("max_tokens", [&](const Place& at) {
    for (SuiteText& text : suite.texts) {
      if (!text.max_tokens && text.attention.empty()) text.max_tokens = at.count();
    }
  });
  place.if_present("tolerance", [&](const Place& at) { suite.tolerance = rules_in(at); });
  place.if_present("figures", [&](const Place& at) {
    if (!at.json.is_array()) throw at.wrong(" is no list of figures [ ... ]");
    for (const Json& json : at.json) suite.figures.push_back(figure_in({json, at.name}));
  });
  return suite;
}

constexpr char kStarter[] =
    R"(// What attention should be: `attnviz snapshot record` keeps it, `check` compares.
// All names that may stand here: docs/snapshot.md.
{
@MODEL@
  "texts": [
    {"name": "tobe", "text": "To be or not to be, that is the question"},
    {"name": "cat", "text": "The cat sat on the mat"},
    {"name": "code", "text": "def add(a, b):\n    return a + b\n\nprint(add(1, 2))\n"},
    // Repeated words show induction heads: what followed the word before?
    {"name": "repeat", "text": "@REPEAT@"}
    // {"name": "speech", "file": "speech.txt", "max_tokens": 256}
  ]
  // , "tolerance": {"pattern": 1e-5, "heads": {"L0H0": {"pattern": 1e-3}}}
}
)";

}  // namespace

Suite read_suite(const fs::path& path) {
  const Json json = Json::parse(shallow(read_file(path)), nullptr, /*allow_exceptions=*/false,
                                /*ignore_comments=*/true);
  try {
    if (json.is_discarded()) throw UsageError("it is no JSON; look for a comma or a quote");
    return suite_in({json, "it"}, path);
  } catch (const UsageError& error) {
    throw UsageError("cannot use the suite " + path.string() + ": " + error.what());
  }
}

fs::path baseline_folder(const Suite& suite) {
  const bool is_json = suite.path.extension() == ".json";
  const fs::path name = is_json ? suite.path.stem() : suite.path.filename();
  return suite.path.parent_path() / (name.string() + ".snapshots");
}

void write_starter_suite(const fs::path& path, const fs::path& model) {
  std::error_code error;
  if (fs::exists(path, error)) {
    throw UsageError(path.string() + " is there already; remove it to begin anew");
  }
  if (printable(model.string()) != model.string()) {
    throw UsageError("the model's name is not UTF-8, which the suite has to be");
  }
  const std::string words = " apple river stone cloud paper window garden silver";
  std::string suite = kStarter;
  const auto fill = [&suite](const std::string& gap, const std::string& with) {
    suite.replace(suite.find(gap), gap.size(), with);
  };
  fill("@MODEL@", model.empty() ? "  // \"model\": \"gpt.pt\",   left out: the built-in one"
                                : "  \"model\": " + Json(model.string()).dump() + ",");
  fill("@REPEAT@", (words + words + words + words).substr(1));
  write_file_atomically(path, suite);
}

}  // namespace attnviz
