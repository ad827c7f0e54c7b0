#include <torch/script.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "attnviz/error.h"
#include "attnviz/file.h"
#include "attnviz/run.h"

namespace attnviz {
namespace {

double loss_of(const at::Tensor& log_probabilities, const TokenIds& ids) {
  const auto n = std::int64_t(ids.size()) - 1;
  const at::Tensor targets = torch::tensor(ids).narrow(0, 1, n).unsqueeze(1);
  return -log_probabilities.narrow(0, 0, n).gather(1, targets).mean().item<double>();
}

}  // namespace

ImportedGpt run_import(const ImportRunOptions& options) {
  check_writable(options.out);
  ImportedGpt imported = import_gpt(options.checkpoint, options.import);
  imported.record.provenance.insert(imported.record.provenance.begin(),
                                    {{"attnviz", version()}, {"made by", "attnviz import"}});
  save_gpt(*imported.gpt, imported.record, options.out, options.precision);
  return imported;
}

Predictions predict(Model& model, const Tokenizer& tokenizer, const std::string& text,
                    std::size_t n_next) {
  const TokenIds ids = tokenizer.encode(text);
  const at::Tensor log_probabilities = torch::log_softmax(model.logits(ids).to(at::kDouble), 1);
  Predictions predictions;
  predictions.chance_loss = std::log(double(log_probabilities.size(1)));
  predictions.n_predicted = std::int64_t(ids.size()) - 1;
  if (predictions.n_predicted > 0) predictions.loss = loss_of(log_probabilities, ids);
  const auto n = std::min(std::int64_t(n_next), log_probabilities.size(1));
  const auto [values, indices] = log_probabilities[-1].topk(n);
  for (std::int64_t i = 0; i < n; ++i) {
    const TokenId id = indices[i].item<TokenId>();
    // A model's table may be padded beyond the vocabulary's end.
    const bool is_known = id < TokenId(tokenizer.size());
    const std::string token =
        is_known ? plain(token_labels(tokenizer, std::vector<TokenId>{id})[0]) : "(no token)";
    predictions.next.push_back({id, token, std::exp(values[i].item<double>())});
  }
  return predictions;
}

std::string to_json(const ModelContents& contents, const std::optional<ModelInfo>& info,
                    const std::filesystem::path& path) {
  using Json = nlohmann::ordered_json;
  const auto or_null = [](const std::optional<std::int64_t>& value) {
    return value ? Json(*value) : Json();
  };
  Json json = {{"file", path.string()},
               {"file_bytes", contents.file_size},
               {"tensor_bytes", contents.tensor_bytes},
               {"operators", contents.operators},
               {"effects", Json::array()}};
  for (const OutsideEffect& effect : contents.effects) {
    json["effects"].push_back({{"what", effect.what}, {"effect", effect.effect}});
  }
  json["was_run"] = info.has_value();
  if (info) {
    json.update({{"made_by_attnviz", info->record.has_value()},
                 {"layers", info->n_heads.size()},
                 {"heads", info->n_heads},
                 {"d_model", or_null(info->d_model)},
                 {"parameters", info->n_parameters},
                 {"positions", or_null(info->n_positions)},
                 {"vocabulary", or_null(info->vocabulary_size)},
                 {"weight_sets", or_null(info->n_weight_sets)},
                 {"weight_types", info->weight_types},
                 {"norm_epsilons", info->norm_epsilons},
                 {"capture", to_string(info->capture)}});
  }
  if (info && info->record) {
    const auto list = [&json](const char* name, const std::vector<HeadId>& heads) {
      for (const HeadId head : heads) json[name].push_back(to_string(head));
    };
    list("pruned", info->record->pruned);
    list("masked", info->record->masked);
    list("reset", info->record->reset);
    for (const auto& [name, value] : info->record->provenance) json["provenance"][name] = value;
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace attnviz
