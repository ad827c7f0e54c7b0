#include "run/batch_record.h"

#include <nlohmann/json.hpp>

#include "attnviz/error.h"
#include "attnviz/file.h"
#include "file/json.h"
#include "run/source.h"

namespace attnviz {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr char kRecordFile[] = "batch.json";
constexpr char kKind[] = "attnviz batch";
constexpr int kVersion = 1;

std::string dumped(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

Json options_of(const BatchOptions& options) {
  const ShowOptions& show = options.show;
  Json json = {{"max_tokens", show.max_tokens ? Json(*show.max_tokens) : Json(nullptr)},
               {"capture", to_string(show.capture.capture)},
               {"device", show.capture.device},
               {"figures", Json::array()},
               {"dpi", show.figure.dpi},
               {"scale", to_string(show.figure.scale)},
               {"layers", show.figure.choice.layers},
               {"figure_heads", show.figure.choice.heads},
               {"save_attention", options.save_attention},
               {"heads", options.heads}};
  for (const FigureKind kind : show.figures) json["figures"].push_back(to_string(kind));
  if (show.figure.formats != std::vector<FileFormat>{FileFormat::png}) {
    for (const FileFormat format : show.figure.formats) {
      json["formats"].push_back(to_string(format));
    }
  }
  if (options.html) json["html"] = true;
  for (const HeadId head : show.figure.choice.only) json["only"].push_back(to_string(head));
  if (show.figure.focus.drop_first) json["drop_first"] = true;
  if (show.figure.focus.top > 0) json["top"] = show.figure.focus.top;
  if (show.merge_words) json["merge_words"] = true;
  if (options.attention) {
    json["attention"] = {{"tensors", show.dump.tensors},
                         {"bidirectional", show.dump.bidirectional}};
    if (show.dump.batch_item) json["attention"]["batch_item"] = *show.dump.batch_item;
  }
  if (options.heads) {
    const StatisticsOptions& statistics = options.statistics;
    json["statistics"] = {{"last_keys", statistics.scores.last_keys},
                          {"max_offset", statistics.scores.max_offset},
                          {"naive_entropy", statistics.scores.naive_entropy},
                          {"detect_head", statistics.scores.detect_head},
                          {"min_tokens", statistics.min_tokens},
                          {"divergence_rows", statistics.divergence_rows},
                          {"seed", statistics.seed},
                          {"resamples", statistics.resamples},
                          {"probes", options.n_probes}};
  }
  return json;
}

std::string hash_of_names(const std::vector<BatchText>& texts) {
  std::string names;
  for (const BatchText& text : texts) names += text.name + '\0';
  return sha256_of(names);
}

}  // namespace

BatchRecord make_record(const std::vector<BatchText>& texts, std::size_t n_own,
                        const BatchOptions& options, const fs::path& model,
                        const fs::path& vocabulary) {
  BatchRecord record;
  record.attnviz = version();
  record.libtorch = libtorch_version();
  record.model = model.filename().string();
  if (!model.empty()) record.model_sha256 = sha256_of_file(model);
  if (!vocabulary.empty()) record.vocabulary_sha256 = vocabulary_sha256(vocabulary);
  record.options = dumped(options_of(options), -1);
  record.heads = options.heads;
  record.shard = options.shard;
  record.n_texts = static_cast<std::int64_t>(n_own);
  record.texts_sha256 = hash_of_names(texts);
  return record;
}

std::string hash_of(const BatchRecord& record) {
  return sha256_of(record.attnviz + '\0' + record.libtorch + '\0' + record.model + '\0' +
                   record.model_sha256 + '\0' + record.vocabulary_sha256 + '\0' + record.options);
}

StatisticsOptions statistics_of(const BatchRecord& record) {
  try {
    const Json json = Json::parse(shallow(record.options)).at("statistics");
    StatisticsOptions statistics;
    statistics.scores.last_keys = json.at("last_keys");
    statistics.scores.max_offset = json.at("max_offset");
    statistics.scores.naive_entropy = json.at("naive_entropy");
    statistics.scores.detect_head = json.at("detect_head");
    statistics.min_tokens = json.at("min_tokens");
    statistics.divergence_rows = json.at("divergence_rows");
    statistics.seed = json.at("seed");
    statistics.resamples = json.at("resamples");
    return statistics;
  } catch (const nlohmann::json::exception&) {
    throw FileError(std::string(kRecordFile) + " does not say how head scores were taken");
  }
}

void write_record(const fs::path& folder, const BatchRecord& record) {
  const Json json = {{"kind", kKind},
                     {"version", kVersion},
                     {"attnviz", record.attnviz},
                     {"libtorch", record.libtorch},
                     {"model", record.model},
                     {"model_sha256", record.model_sha256},
                     {"vocabulary_sha256", record.vocabulary_sha256},
                     {"options", Json::parse(shallow(record.options))},
                     {"shard", {record.shard.index, record.shard.of}},
                     {"texts", record.n_texts},
                     {"all_texts_sha256", record.texts_sha256}};
  write_file_atomically(folder / kRecordFile, dumped(json, 2) + "\n");
}

std::optional<BatchRecord> read_record(const fs::path& folder) {
  const fs::path path = folder / kRecordFile;
  std::error_code error;
  if (!fs::exists(path, error)) return std::nullopt;
  try {
    const Json json = Json::parse(shallow(read_file(path)));
    if (json.at("kind") != kKind || json.at("version") != kVersion) {
      throw FileError(path.string() + " is of another version of attnviz; take another folder");
    }
    BatchRecord record{
        json.at("attnviz"),      json.at("libtorch"),          json.at("model"),
        json.at("model_sha256"), json.at("vocabulary_sha256"), dumped(json.at("options"), -1)};
    record.heads = json.at("options").at("heads");
    record.shard = {json.at("shard").at(0), json.at("shard").at(1)};
    record.n_texts = json.at("texts");
    record.texts_sha256 = json.at("all_texts_sha256");
    return record;
  } catch (const nlohmann::json::exception&) {
    throw FileError(path.string() + " is damaged; remove it to begin anew");
  }
}

}  // namespace attnviz
