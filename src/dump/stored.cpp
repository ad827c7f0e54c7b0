#include "dump/stored.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "attnviz/dump.h"
#include "attnviz/error.h"
#include "attnviz/file.h"
#include "checkpoint/archive.h"
#include "file/file_version.h"
#include "file/json.h"

namespace attnviz {
namespace {

enum class Format { safetensors, numpy, none };

Format format_of(const std::string& start) {
  if (start.starts_with("\x93NUMPY") || start.starts_with("PK\x03\x04")) return Format::numpy;
  if (start.size() == 9 && start[8] == '{') return Format::safetensors;
  return Format::none;
}

}  // namespace

bool may_hold_attention(const std::filesystem::path& path) {
  require_rereadable(path);
  const std::string ending = path.extension().string();
  if (ending == ".safetensors" || ending == ".npy" || ending == ".npz") return true;
  const std::string start = read_file_start(path, 9);
  if (!start.starts_with("PK")) return format_of(start) != Format::none;
  try {  // a TorchScript model is a zip archive, too, as .npz is
    const auto records = checkpoint::list_records(path);
    return !records.empty() && records[0].name.ends_with(".npy");
  } catch (const ModelError&) {
    return false;
  }
}

dump::Stored dump::read_stored(const std::filesystem::path& path) {
  require_rereadable(path);
  Stored stored;
  switch (format_of(read_file_start(path, 9))) {
    case Format::safetensors: {
      SafetensorsFile file = read_safetensors(path);
      stored.tensors = std::move(file.tensors);
      stored.metadata = std::move(file.metadata);
      return stored;
    }
    case Format::numpy: {
      NumpyFile file = read_numpy(path);
      stored.tensors = std::move(file.tensors);
      stored.texts = std::move(file.texts);
      return stored;
    }
    case Format::none:
      break;
  }
  throw ModelError("cannot read " + path.string() +
                   ": it is neither a safetensors file nor NumPy's .npy or .npz");
}

std::uint64_t dump::bytes_in(const std::filesystem::path& path) {
  require_rereadable(path);
  if (!read_file_start(path, 9).starts_with("PK")) return std::filesystem::file_size(path);
  std::uint64_t bytes = 0;
  for (const auto& record : checkpoint::list_records(path)) bytes += record.size;
  return bytes;
}

KeptHeads dump::kept_in(const std::map<std::string, std::string>& metadata,
                        const std::vector<at::Tensor>& layers) {
  const auto found = metadata.find(kHeadNumbers);
  if (found == metadata.end()) return {};
  std::vector<std::int64_t> n_heads;
  for (const at::Tensor& layer : layers) n_heads.push_back(layer.dim() == 3 ? layer.size(0) : 0);
  try {
    KeptHeads kept;
    for (const auto& numbers : nlohmann::json::parse(shallow(found->second))) {
      kept.push_back(integers<std::int64_t>(numbers));
    }
    const bool is_small = std::ranges::all_of(
        kept, [](const auto& numbers) { return numbers.empty() || numbers.back() <= kMostHeads; });
    if (is_small && fits(kept, n_heads)) return kept;
  } catch (const nlohmann::json::exception&) {
    // told below
  }
  throw ModelError("its head numbers are not those of its layers");
}

}  // namespace attnviz
