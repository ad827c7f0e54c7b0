#include <ATen/ATen.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "attnviz/error.h"
#include "attnviz/file.h"
#include "attnviz/run.h"

// The format: eight bytes with the header's length, little endian; the header, a JSON object of
// {name: {dtype, shape, data_offsets}}, padded with spaces; then the tensors' bytes in that order.

namespace attnviz {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors is little endian");

using Json = nlohmann::ordered_json;

struct Entry {
  std::string name;
  const char* dtype;
  at::Tensor tensor;  ///< contiguous, on the CPU
};

std::string header_of(const std::vector<Entry>& entries,
                      const std::vector<std::pair<std::string, std::string>>& metadata) {
  Json header;
  for (const auto& [key, value] : metadata) header["__metadata__"][key] = value;
  std::size_t offset = 0;
  for (const Entry& entry : entries) {
    const std::size_t end = offset + entry.tensor.nbytes();
    header[entry.name] = {{"dtype", entry.dtype},
                          {"shape", entry.tensor.sizes().vec()},
                          {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  return text;
}

}  // namespace

void save_safetensors(const std::filesystem::path& path, const AttentionPatterns& patterns,
                      const TokenIds& ids,
                      const std::vector<std::pair<std::string, std::string>>& metadata) {
  std::vector<Entry> entries;
  for (std::size_t layer = 0; layer < patterns.layers.size(); ++layer) {
    entries.push_back({"layer_" + std::to_string(layer), "F32", patterns.layers[layer]});
  }
  entries.push_back({"ids", "I64", at::tensor(ids, at::kLong)});
  const std::string header = header_of(entries, metadata);
  write_file_atomically(path, [&](const std::filesystem::path& temporary) {
    std::ofstream out(temporary, std::ios::binary);
    const std::uint64_t length = header.size();
    out.write(reinterpret_cast<const char*>(&length), sizeof length);
    out << header;
    for (const Entry& entry : entries) {
      out.write(static_cast<const char*>(entry.tensor.data_ptr()),
                static_cast<std::streamsize>(entry.tensor.nbytes()));
    }
    out.close();
    if (!out) throw FileError("cannot write " + path.string() + ": " + std::strerror(errno));
  });
}

}  // namespace attnviz
