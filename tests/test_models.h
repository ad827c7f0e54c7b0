#pragma once

#include <caffe2/serialize/inline_container.h>
#include <torch/script.h>

#include <filesystem>
#include <functional>
#include <stdexcept>
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

/// Copies an archive with one of its records changed, and perhaps under another name.
inline void copy_with(const std::filesystem::path& from, const std::filesystem::path& to,
                      const std::string& record, const std::function<void(std::string&)>& change,
                      const std::string& renamed = "") {
  caffe2::serialize::PyTorchStreamReader reader(from.string());
  caffe2::serialize::PyTorchStreamWriter writer(to.string());
  bool is_there = false;
  for (const std::string& name : reader.getAllRecords()) {
    const auto [data, size] = reader.getRecord(name);
    std::string bytes(static_cast<const char*>(data.get()), size);
    if (name == record) change(bytes);
    is_there = is_there || name == record;
    if (name == "version" || name == ".data/version") continue;  // the writer writes it itself
    if (name == ".data/serialization_id" || name == "byteorder") continue;
    const bool is_it = name == record && !renamed.empty();
    writer.writeRecord(is_it ? renamed : name, bytes.data(), bytes.size());
  }
  writer.writeEndOfFile();
  if (!is_there) throw std::runtime_error("the archive has no record " + record);
}

}  // namespace attnviz
