#include "attnviz/checkpoint.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "attnviz/error.h"
#include "attnviz/file.h"
#include "checkpoint/formats.h"
#include "file/json.h"

namespace attnviz {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

// The names that Hugging Face gives them, best first.
constexpr const char* kInFolder[] = {"model.safetensors.index.json", "model.safetensors",
                                     "pytorch_model.bin.index.json", "pytorch_model.bin"};

fs::path file_in(const fs::path& folder) {
  for (const char* name : kInFolder) {
    std::error_code error;
    if (fs::exists(folder / name, error)) return folder / name;
  }
  throw ModelError(folder.string() +
                   " is a folder without model.safetensors and pytorch_model.bin; name the file");
}

/// One file of weights, recognised by how it begins, whatever its name.
Checkpoint read_one(const fs::path& path) {
  const std::string start = read_file_start(path, 9);
  if (start.starts_with("PK\x03\x04")) return checkpoint::read_torch_file(path);
  if (start.starts_with("\x80")) {
    throw ModelError(
        "it is a bare pickle, as PyTorch before 1.6 wrote; load it and save it again with a later "
        "torch.save");
  }
  if (start.size() == 9 && start[8] == '{') {
    return {"safetensors", {path}, checkpoint::read_safetensors_file(path).tensors, {}};
  }
  throw ModelError("it is neither a file of torch.save nor a safetensors file");
}

Checkpoint read_index(const fs::path& path) {
  std::map<std::string, std::set<std::string>> names;  // of each file
  try {
    const Json index = Json::parse(shallow(read_file(path)));
    for (const auto& [tensor, file] : index.at("weight_map").items()) {
      names[file.get<std::string>()].insert(tensor);
    }
  } catch (const Json::exception&) {
    throw ModelError("it is no index of checkpoint files: no weight_map of names");
  }
  Checkpoint whole{"", {path}, {}, {}};
  for (const auto& [file, wanted] : names) {
    if (file.find('/') != std::string::npos || file == "..") {
      throw ModelError("it names the file " + file + ", which is not beside it");
    }
    Checkpoint part = read_one(path.parent_path() / file);
    whole.format = part.format;
    whole.files.push_back(path.parent_path() / file);
    std::size_t found = 0;
    for (NamedTensor& tensor : part.tensors) {
      if (!wanted.contains(tensor.name)) continue;
      ++found;
      whole.tensors.push_back(std::move(tensor));
    }
    if (found != wanted.size()) {
      throw ModelError(file + " lacks " + std::to_string(wanted.size() - found) +
                       " tensors that the index places there");
    }
  }
  return whole;
}

void strip_prefixes(std::vector<NamedTensor>& tensors) {
  for (bool is_stripped = true; is_stripped;) {
    is_stripped = false;
    for (const std::string prefix : {"module.", "_orig_mod."}) {
      const bool all = !tensors.empty() &&
                       std::all_of(tensors.begin(), tensors.end(), [&](const NamedTensor& tensor) {
                         return tensor.name.starts_with(prefix);
                       });
      if (!all) continue;
      for (NamedTensor& tensor : tensors) tensor.name.erase(0, prefix.size());
      is_stripped = true;
    }
  }
}

/// A config.json in the folder of a checkpoint without settings of its own.
void add_config_file(const fs::path& folder, Checkpoint& checkpoint) {
  const fs::path path = folder / "config.json";
  std::error_code error;
  if (!checkpoint.settings.empty() || !fs::exists(path, error)) return;
  const Json json = Json::parse(shallow(read_file(path)), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) throw ModelError(path.string() + " is no JSON object");
  for (const auto& [name, value] : json.items()) {
    if (value.is_boolean()) checkpoint.settings[name] = value.get<bool>();
    if (value.is_number_integer()) checkpoint.settings[name] = value.get<std::int64_t>();
    if (value.is_number_float()) checkpoint.settings[name] = value.get<double>();
    if (value.is_string()) checkpoint.settings[name] = value.get<std::string>();
  }
  checkpoint.files.push_back(path);
}

}  // namespace

Checkpoint read_checkpoint(const fs::path& given) {
  std::error_code no_error;
  const fs::path path = fs::is_directory(given, no_error) ? file_in(given) : given;
  Checkpoint checkpoint;
  try {
    checkpoint = path.extension() == ".json" ? read_index(path) : read_one(path);
    strip_prefixes(checkpoint.tensors);
  } catch (const ModelError& error) {
    throw ModelError("cannot read " + path.string() + ": " + error.what());
  } catch (const c10::Error&) {
    throw ModelError("cannot read " + path.string() + ": it is damaged, or cut off before its end");
  }
  if (checkpoint.tensors.empty()) throw ModelError(path.string() + " holds no tensors");
  add_config_file(path.parent_path(), checkpoint);
  return checkpoint;
}

}  // namespace attnviz
