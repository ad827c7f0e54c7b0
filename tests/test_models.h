#pragma once

#include <torch/script.h>

#include <filesystem>
#include <string>

#include "attnviz/gpt.h"
#include "temporary_folder.h"

namespace attnviz {

inline GptConfig tiny_gpt() {
  GptConfig config = trainable_gpt(2, 4, 16);
  config.vocabulary_size = 40;
  config.n_positions = 32;
  return config;
}

/// A module of one forward method, with an embedding `table` [10, 8] and eight positions `wpe`.
inline torch::jit::Module module_with(const std::string& source) {
  torch::jit::Module module("Test");
  module.register_attribute("training", c10::BoolType::get(), true);
  module.register_attribute("n_layers", c10::IntType::get(), 3);
  module.register_parameter("table", torch::randn({10, 8}), false);
  module.register_parameter("wpe", torch::randn({8, 8}), false);
  module.define(source);
  return module;
}

inline std::filesystem::path saved(const TemporaryFolder& folder, torch::jit::Module module) {
  const auto path = folder.path() / "model.pt";
  module.save(path.string());
  return path;
}

}  // namespace attnviz
