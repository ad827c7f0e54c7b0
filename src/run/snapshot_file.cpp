#include <ATen/ATen.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "attention/find_score.h"
#include "attention/kept_heads.h"
#include "attnviz/checkpoint.h"
#include "attnviz/error.h"
#include "attnviz/file.h"
#include "attnviz/snapshot.h"
#include "dump/stored.h"
#include "file/json.h"
#include "run/output.h"

// A snapshot holds layer_0, layer_1 ... [head, query, key] F32, as other files of attention do, and
// ids I64; scores [head, score] F64, NaN where there is none, heads layer by layer; and, in the
// metadata, the version of the format, names and labels as JSON, and what it was made with.

namespace attnviz {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using dump::kHeadNumbers, dump::kText;

constexpr char kFormat[] = "attnviz:snapshot", kFormatVersion[] = "1";
constexpr char kTokens[] = "attnviz:tokens", kScoreNames[] = "attnviz:scores",
               kLabels[] = "attnviz:labels", kPicture[] = "attnviz:picture:";

at::Tensor score_matrix(const std::vector<RecordedHead>& heads) {
  const auto scores = recorded_scores();
  at::Tensor matrix =
      at::full({std::int64_t(heads.size()), std::int64_t(scores.size())}, NAN, at::kDouble);
  double* value = matrix.data_ptr<double>();
  for (const RecordedHead& head : heads) {
    for (const Score score : scores) {
      *value = head.scores[static_cast<std::size_t>(score)].value_or(NAN);
      ++value;
    }
  }
  return matrix;
}

const at::Tensor* tensor_named(const SafetensorsFile& file, const std::string& name) {
  for (const NamedTensor& tensor : file.tensors) {
    if (tensor.name == name) return &tensor.values;
  }
  return nullptr;
}

/// The metadata's JSON under `key`; null where there is none.
Json json_of(const SafetensorsFile& file, const char* key) {
  const auto found = file.metadata.find(key);
  return found == file.metadata.end() ? Json() : Json::parse(shallow(found->second));
}

AttentionPatterns read_patterns(const SafetensorsFile& file) {
  std::vector<at::Tensor> layers;
  while (const at::Tensor* layer = tensor_named(file, "layer_" + std::to_string(layers.size()))) {
    layers.push_back(*layer);
  }
  if (layers.empty()) throw ModelError("it holds no attention (layer_0, layer_1 ...)");
  const KeptHeads kept = dump::kept_in(file.metadata, layers);
  return check_patterns(std::move(layers), kept);
}

TokenIds read_ids(const SafetensorsFile& file) {
  const at::Tensor* ids = tensor_named(file, "ids");
  if (ids == nullptr || ids->dim() != 1 || ids->scalar_type() != at::kLong) {
    throw ModelError("it holds no token ids (ids, I64)");
  }
  return {ids->data_ptr<std::int64_t>(), ids->data_ptr<std::int64_t>() + ids->numel()};
}

std::vector<RecordedHead> read_heads(const SafetensorsFile& file,
                                     const AttentionPatterns& patterns) {
  const at::Tensor* matrix = tensor_named(file, "scores");
  const auto names = json_of(file, kScoreNames).get<std::vector<std::string>>();
  const Json labels = json_of(file, kLabels);
  std::vector<RecordedHead> heads;
  if (matrix == nullptr) throw ModelError("it holds no scores");
  const std::vector<HeadId> ids =
      patterns.causal ? ids_of(kept_heads(patterns)) : std::vector<HeadId>();
  if (matrix->scalar_type() != at::kDouble || matrix->dim() != 2 ||
      matrix->size(0) != std::int64_t(ids.size()) ||
      matrix->size(1) != std::int64_t(names.size())) {
    throw ModelError("its scores are not one row a head, one column a name");
  }
  const double* value = matrix->data_ptr<double>();
  for (const HeadId id : ids) {
    RecordedHead& head = heads.emplace_back();
    head.id = id;
    head.labels = labels.at(to_string(id)).get<std::vector<std::string>>();
    for (const std::string& name : names) {
      const double number = *value++;
      if (std::isinf(number)) throw ModelError("its scores are not finite");
      const auto score = find_score(name);
      if (score && !std::isnan(number)) head.scores[static_cast<std::size_t>(*score)] = number;
    }
  }
  return heads;
}

void require_version(const std::string& version) {
  if (version == kFormatVersion) return;
  throw ModelError("it is a snapshot of version " + version + " of the format, this attnviz (" +
                   attnviz::version() + ") reads version " + kFormatVersion +
                   "; record it anew: attnviz snapshot check SUITE --update");
}

void add_metadata(Snapshot& snapshot, const SafetensorsFile& file) {
  for (const auto& [key, value] : file.metadata) {
    if (key.starts_with(kPicture)) {
      snapshot.pictures[key.substr(sizeof kPicture - 1)] = value;
    } else if (key == kText) {
      snapshot.text = value;
    } else if (key == kTokens) {
      snapshot.tokens = Json::parse(shallow(value)).get<std::vector<std::string>>();
    } else if (key != kFormat && key != kScoreNames && key != kLabels && key != kHeadNumbers) {
      snapshot.facts[key] = value;
    }
  }
}

Snapshot snapshot_in(const SafetensorsFile& file) {
  const auto version = file.metadata.find(kFormat);
  if (version == file.metadata.end()) throw ModelError("it is no snapshot");
  require_version(version->second);
  Snapshot snapshot;
  AttentionPatterns patterns = read_patterns(file);
  snapshot.record = {read_ids(file), std::move(patterns), {}};
  snapshot.record.heads = read_heads(file, snapshot.record.patterns);
  if (snapshot.record.patterns.n_positions() > std::int64_t(snapshot.record.ids.size())) {
    throw ModelError("its attention has more positions than it has tokens");
  }
  add_metadata(snapshot, file);
  return snapshot;
}

}  // namespace

void write_snapshot(const fs::path& path, const Snapshot& snapshot) {
  const AttentionRecord& record = snapshot.record;
  std::vector<NamedTensor> tensors;
  for (std::size_t layer = 0; layer < record.patterns.layers.size(); ++layer) {
    tensors.push_back({"layer_" + std::to_string(layer), record.patterns.layers[layer]});
  }
  tensors.push_back({"ids", at::tensor(record.ids, at::kLong)});
  tensors.push_back({"scores", score_matrix(record.heads)});

  std::vector<std::pair<std::string, std::string>> metadata = {{kFormat, kFormatVersion}};
  for (const auto& [key, value] : snapshot.facts) metadata.emplace_back(key, printable(value));
  metadata.emplace_back(kText, printable(snapshot.text));
  metadata.emplace_back(kTokens, Json(snapshot.tokens).dump());
  Json names = Json::array(), labels = Json::object();
  for (const Score score : recorded_scores()) {
    names.push_back(score_table()[static_cast<std::size_t>(score)].name);
  }
  for (const RecordedHead& head : record.heads) labels[to_string(head.id)] = head.labels;
  metadata.emplace_back(kScoreNames, names.dump());
  metadata.emplace_back(kLabels, labels.dump());
  if (!record.patterns.kept.empty()) {
    metadata.emplace_back(kHeadNumbers, Json(record.patterns.kept).dump());
  }
  for (const auto& [kind, sha256] : snapshot.pictures) {
    metadata.emplace_back(kPicture + kind, sha256);
  }
  write_safetensors(path, tensors, metadata);
}

bool is_snapshot(const fs::path& path) {
  const std::string start = read_file_start(path, 9);
  return start.size() == 9 && start[8] == '{' && read_safetensors(path).metadata.contains(kFormat);
}

Snapshot read_snapshot(const fs::path& path) {
  const SafetensorsFile file = read_safetensors(path);
  try {
    return snapshot_in(file);
  } catch (const Json::exception&) {
    throw ModelError("cannot read " + path.string() + ": its metadata is damaged");
  } catch (const Error& error) {
    throw ModelError("cannot read " + path.string() + ": " + error.what());
  } catch (const c10::Error&) {
    throw ModelError("cannot read " + path.string() + ": its tensors do not belong together");
  }
}

}  // namespace attnviz
