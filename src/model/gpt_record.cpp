#include <caffe2/serialize/inline_container.h>
#include <torch/script.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "attnviz/error.h"
#include "attnviz/file.h"
#include "attnviz/gpt.h"
#include "file/json.h"
#include "model/model_file.h"

namespace attnviz {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kFile[] = "attnviz.json";
constexpr int kFormat = 2;  // 1 had no surgery

/// Calls visit(name, member) for every member of format 1, so that writing and reading cannot
/// differ.
template <typename Config, typename Visit>
void for_each_member(Config& config, Visit visit) {
  visit("n_heads", config.n_heads);
  visit("d_model", config.d_model);
  visit("d_head", config.d_head);
  visit("d_feed_forward", config.d_feed_forward);
  visit("vocabulary_size", config.vocabulary_size);
  visit("n_positions", config.n_positions);
  visit("learned_positions", config.learned_positions);
  visit("embedding_scale", config.embedding_scale);
  visit("exact_gelu", config.exact_gelu);
  visit("qkv_bias", config.qkv_bias);
  visit("output_bias", config.output_bias);
  visit("feed_forward_bias", config.feed_forward_bias);
  visit("norm_bias", config.norm_bias);
  visit("tied_lm_head", config.tied_lm_head);
  visit("shared_layers", config.shared_layers);
  visit("norm_epsilon", config.norm_epsilon);
  visit("dropout", config.dropout);
}

/// The same for what surgery leaves behind; lists that are empty are not written.
template <typename Record, typename Visit>
void for_each_surgery(Record& record, Visit visit) {
  visit("pruned", record.pruned);
  visit("masked", record.masked);
  visit("reset", record.reset);
}

std::string to_text(const GptRecord& record) {
  Json json = {{"format", kFormat}};
  for_each_member(record.config,
                  [&](const char* name, const auto& member) { json["config"][name] = member; });
  if (!record.config.kept.empty()) json["config"]["kept"] = record.config.kept;
  for_each_surgery(record, [&](const char* name, const std::vector<HeadId>& heads) {
    for (const HeadId head : heads) json[name].push_back(to_string(head));
  });
  json["provenance"] = Json::object();
  for (const auto& [name, value] : record.provenance) json["provenance"][name] = value;
  // A path may hold bytes that are no UTF-8; JSON cannot.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

GptRecord from_text(const std::string& text) {
  const Json json = Json::parse(shallow(text));
  if (const int format = json.at("format").get<int>(); format < 1 || format > kFormat) {
    throw ModelError("its record has the format " + std::to_string(format) +
                     ", which only a later attnviz knows");
  }
  GptRecord record;
  for_each_member(record.config, [&](const char* name, auto& member) {
    json.at("config").at(name).get_to(member);
  });
  record.config.kept = json.at("config").value("kept", KeptHeads());
  if (!fits(record.config.kept, record.config.n_heads)) {
    throw ModelError("its record names other heads than its layers have");
  }
  for_each_surgery(record, [&](const char* name, std::vector<HeadId>& heads) {
    for (const Json& head : json.value(name, Json::array())) {
      heads.push_back(head_named(head.get<std::string>()));
    }
  });
  for (const auto& [name, value] : json.at("provenance").items()) {
    record.provenance.emplace_back(name, value.get<std::string>());
  }
  return record;
}

}  // namespace

void save_gpt(const torch::jit::Module& module, const GptRecord& record,
              const std::filesystem::path& path, Precision precision) {
  torch::NoGradGuard no_grad;
  torch::jit::Module copy = module.deepcopy();
  copy.eval();
  const auto convert = [&](at::Tensor tensor) {
    const auto type = precision == Precision::half ? torch::kHalf : torch::kFloat;
    if (tensor.is_floating_point()) tensor.set_data(tensor.detach().to(type));
  };
  for (const at::Tensor& parameter : copy.parameters()) convert(parameter);
  for (const at::Tensor& buffer : copy.buffers()) convert(buffer);
  // Through memory: LibTorch's own file writer ends the program when the disk is full.
  std::ostringstream archive;
  copy.save(archive, {{kFile, to_text(record)}});
  write_file_atomically(path, archive.str());
}

std::optional<GptRecord> read_gpt_record(const std::filesystem::path& path) {
  require_torchscript(path);
  try {
    caffe2::serialize::PyTorchStreamReader reader(path.string());
    const std::string name = std::string("extra/") + kFile;
    if (!reader.hasRecord(name)) return std::nullopt;
    const auto [bytes, size] = reader.getRecord(name);
    return from_text(std::string(static_cast<const char*>(bytes.get()), size));
  } catch (const ModelError& error) {
    throw ModelError(path.string() + ": " + error.what());
  } catch (const std::exception& error) {
    throw ModelError("the record of " + path.string() + " is damaged: " + first_line(error));
  }
}

void save_gpt(const Gpt& gpt, const std::filesystem::path& path) {
  save_gpt(*gpt.module, gpt.record, path, gpt.precision);
}

KeptHeads read_kept_heads(const std::filesystem::path& path) {
  const auto record = read_gpt_record(path);
  return record ? record->config.kept : KeptHeads();
}

Gpt load_gpt(const std::filesystem::path& path) {
  auto record = read_gpt_record(path);
  if (!record) {
    throw ModelError(path.string() + " was not made by attnviz; import it first: attnviz import " +
                     path.string() + " -o MODEL.pt");
  }
  std::set<at::ScalarType> types;
  Gpt gpt{std::make_shared<torch::jit::Module>(load_torchscript(path, {.in_file = &types})),
          std::move(*record), Precision::single};
  if (types.contains(at::kHalf) || types.contains(at::kBFloat16)) gpt.precision = Precision::half;
  gpt.module->train();
  for (const at::Tensor& parameter : gpt.module->parameters()) parameter.set_requires_grad(true);
  return gpt;
}

}  // namespace attnviz
