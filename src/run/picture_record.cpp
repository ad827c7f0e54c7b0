#include "run/picture_record.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "attnviz/error.h"
#include "attnviz/file.h"
#include "dump/stored.h"
#include "file/json.h"
#include "run/output.h"

namespace attnviz {
namespace {

using Json = nlohmann::ordered_json;

using dump::kText, dump::kModel;

constexpr char kAttention[] = "attnviz:attention", kHeads[] = "attnviz:heads",
               kIds[] = "attnviz:ids", kOptions[] = "attnviz:options",
               kNumbers[] = "attnviz:numbers", kHashes[] = "attnviz:sha256";

constexpr ColourScale kScales[] = {ColourScale::automatic, ColourScale::panel, ColourScale::figure,
                                   ColourScale::unit, ColourScale::log};
constexpr CaptureMode kModes[] = {CaptureMode::automatic, CaptureMode::graph, CaptureMode::observe,
                                  CaptureMode::method};
constexpr FigureKind kKinds[] = {FigureKind::grid, FigureKind::average, FigureKind::last};

std::string numbering(const Shown& shown) {
  std::string text = "layers and heads count from 0, L1H2 is head 2 of layer 1; heads per layer:";
  for (const std::int64_t n : shown.n_heads) text += " " + std::to_string(n);
  if (shown.kept.empty()) return text;
  return text + "; of a pruned model, or of chosen heads, those left: " +
         to_string(all_heads(shown.n_heads, shown.kept));
}

/// Only what differs from the defaults, so that what later versions add changes no older picture.
Json json_of(FigureKind kind, const Shown& shown, const ShowOptions& options) {
  const FigureOptions& figure = options.figure;
  Json json = {{"figure", to_string(kind)}, {"dpi", figure.dpi}};
  json["scale"] = to_string(figure.scale);
  if (!figure.choice.layers.empty()) json["layers"] = figure.choice.layers;
  if (!figure.choice.heads.empty()) json["heads"] = figure.choice.heads;
  for (const HeadId head : figure.choice.only) json["only"].push_back(to_string(head));
  if (figure.focus.drop_first) json["drop_first"] = true;
  if (figure.focus.top > 0) json["top"] = figure.focus.top;
  if (options.merge_words) json["merge_words"] = true;
  if (shown.n_prompt) json["prompt"] = *shown.n_prompt;
  if (options.capture.capture != CaptureMode::automatic) {
    json["capture"] = to_string(options.capture.capture);
  } else if (shown.capture == to_string(CaptureMode::observe)) {
    json["captured"] = shown.capture;
  }
  if (!options.dump.tensors.empty()) json["tensors"] = options.dump.tensors;
  if (options.dump.batch_item) json["batch_item"] = *options.dump.batch_item;
  if (options.dump.bidirectional) json["bidirectional"] = true;
  return json;
}

std::string hash_of_tokens(const Attended& attended) {
  std::string bytes;
  for (const SideTokens* side : {&attended.queries, &attended.keys}) {
    for (const std::string& piece : side->pieces)
      bytes += std::to_string(piece.size()) + ":" + piece;
    bytes += "\n";
  }
  return sha256_of(bytes);
}

std::string joined(const std::vector<std::string>& notes) {
  std::string text;
  for (const std::string& note : notes) text += (text.empty() ? "" : "; ") + note;
  return text.empty() ? "as they were computed" : text;
}

template <typename Kinds>
auto named(const Kinds& kinds, const std::string& name) {
  const auto found = std::find_if(std::begin(kinds), std::end(kinds),
                                  [&](auto kind) { return to_string(kind) == name; });
  if (found == std::end(kinds)) throw FigureError("it was drawn by an attnviz of another kind");
  return *found;
}

void read_options(const Json& json, PictureRecord& record) {
  FigureOptions& figure = record.options.figure;
  record.kind = named(kKinds, json.at("figure").get<std::string>());
  figure.dpi = integer<int>(json.at("dpi"));
  figure.scale = named(kScales, json.at("scale").get<std::string>());
  if (json.contains("layers")) figure.choice.layers = integers<int>(json["layers"]);
  if (json.contains("heads")) figure.choice.heads = integers<int>(json["heads"]);
  for (const auto& name : json.value("only", std::vector<std::string>())) {
    figure.choice.only.push_back(head_named(name));
  }
  figure.focus.drop_first = json.value("drop_first", false);
  if (json.contains("top")) figure.focus.top = integer<std::int64_t>(json["top"]);
  record.options.merge_words = json.value("merge_words", false);
  record.options.dump.tensors = json.value("tensors", std::string());
  record.options.dump.bidirectional = json.value("bidirectional", false);
  if (json.contains("batch_item"))
    record.options.dump.batch_item = integer<std::int64_t>(json["batch_item"]);
  if (json.contains("prompt")) record.n_prompt = integer<std::int64_t>(json["prompt"]);
  if (figure.focus.top < 0 || record.n_prompt.value_or(0) < 0) {
    throw FigureError("what it says of how it was drawn is damaged");
  }
  if (json.contains("capture")) {
    record.options.capture.capture = named(kModes, json["capture"].get<std::string>());
  }
}

}  // namespace

Texts origin(const Attended& attended, const Source& source) {
  const std::string name = printable(source.file.filename().string());
  Texts texts = {{"Software", "attnviz " + version()}, {kText, printable(attended.shown.text)}};
  if (source.is_dump) texts.emplace_back(kAttention, name);
  if (!source.is_dump || !attended.shown.model.empty()) {
    texts.emplace_back(kModel, source.is_dump ? printable(attended.shown.model) : name);
  }
  texts.emplace_back(kHeads, numbering(attended.shown));
  return texts;
}

Texts record_of(FigureKind kind, const Attended& attended, const View& view,
                const ShowOptions& options, const Source& source) {
  Texts texts = origin(attended, source);
  if (!source.is_dump) texts.emplace_back(kIds, Json(attended.shown.ids).dump());
  std::vector<std::string> notes = view.notes;
  for (std::string& note : notes_of(options.figure.focus)) notes.push_back(std::move(note));
  texts.emplace_back(kNumbers, joined(notes));
  const std::string how = json_of(kind, attended.shown, options).dump();
  texts.emplace_back(kOptions, how);
  Json hashes = {{source.is_dump ? "attention" : "model", source.sha256}};
  if (!source.vocabulary_sha256.empty()) hashes["vocabulary"] = source.vocabulary_sha256;
  hashes["tokens"] = hash_of_tokens(attended);
  hashes["options"] = sha256_of(how);
  texts.emplace_back(kHashes, hashes.dump());
  return texts;
}

PictureRecord read_picture_record(const Texts& texts) {
  PictureRecord record;
  record.texts.insert(texts.begin(), texts.end());
  try {
    read_options(Json::parse(shallow(record.texts.at(kOptions))), record);
    record.sha256 =
        Json::parse(shallow(record.texts.at(kHashes))).get<std::map<std::string, std::string>>();
    if (record.texts.contains(kAttention)) {
      record.options.attention = record.texts.at(kAttention);
    } else {
      record.options.model = record.texts.at(kModel);
      record.ids = integers<TokenId>(Json::parse(shallow(record.texts.at(kIds))));
    }
    return record;
  } catch (const std::out_of_range&) {
    throw FigureError(
        "it does not say how it was drawn: no picture of a text's attention, or "
        "one by an older attnviz");
  } catch (const Json::exception&) {
    throw FigureError("what it says of how it was drawn is damaged");
  }
}

}  // namespace attnviz
