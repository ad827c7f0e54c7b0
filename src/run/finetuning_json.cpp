#include "run/finetuning_json.h"

#include <nlohmann/json.hpp>

#include "attnviz/error.h"
#include "attnviz/run.h"
#include "file/json.h"

namespace attnviz {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

Json json_of(const EpochLosses& losses) {
  return {{"train_loss", losses.train ? Json(*losses.train) : Json()},
          {"held_out_loss", losses.held_out}};
}

EpochLosses losses_of(const Json& json) {
  EpochLosses losses;
  if (!json.at("train_loss").is_null()) losses.train = json.at("train_loss").get<double>();
  losses.held_out = json.at("held_out_loss").get<double>();
  return losses;
}

}  // namespace

std::string to_json(const std::vector<EpochLosses>& epochs) {
  Json json = Json::array();
  for (const EpochLosses& epoch : epochs) json.push_back(json_of(epoch));
  return json.dump();
}

std::vector<EpochLosses> losses_from(const std::string& json) {
  try {
    std::vector<EpochLosses> epochs;
    for (const Json& epoch : Json::parse(shallow(json))) epochs.push_back(losses_of(epoch));
    return epochs;
  } catch (const Json::exception& error) {
    throw ModelError(std::string("its note of the losses is damaged: ") + error.what());
  }
}

std::string to_json(const FinetuneResult& result, const FinetuneRunOptions& options) {
  const FinetuneOptions& how = options.finetune;
  std::vector<std::string> texts;
  for (const fs::path& text : options.texts) texts.push_back(text.filename().string());
  Json json = {{"kind", "attnviz finetune"},
               {"version", 1},
               {"attnviz", version()},
               {"model", options.model.empty() ? "demo.pt" : options.model.filename().string()},
               {"control", options.control.filename().string()},
               {"texts", texts},
               {"held_out", options.held_out},
               {"freeze_others", options.freeze_others},
               {"untied", options.shared_layers == SharedLayers::untie},
               {"learning_rate", how.learning_rate},
               {"batch", how.batch},
               {"accumulate", how.accumulate},
               {"context", how.context},
               {"clip", how.clip},
               {"softmax_samples", how.softmax_samples},
               {"seed", how.seed},
               {"steps", result.steps},
               {"changes", result.changes}};
  json["epochs"] = Json::array();
  for (const FinetuneEpoch& epoch : result.epochs) {
    Json one = {{"epoch", epoch.epoch}};
    one.update(json_of(epoch.losses));
    if (epoch.control) one["control"] = json_of(*epoch.control);
    one["changes"] = epoch.changes;
    one["heads"] = Json::parse(to_json(epoch.survey));
    json["epochs"].push_back(std::move(one));
  }
  // A path may hold bytes that are no UTF-8; JSON cannot.
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace attnviz
