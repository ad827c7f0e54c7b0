#include <ATen/ATen.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "attnviz/error.h"
#include "attnviz/file.h"
#include "checkpoint/formats.h"
#include "file/json.h"

// The format: eight bytes with the header's length, little endian; the header, a JSON object of
// {name: {dtype, shape, data_offsets}}, padded with spaces; then the tensors' bytes in that order.

namespace attnviz {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors is little endian");

using Json = nlohmann::ordered_json;

struct Type {
  const char* name;
  c10::ScalarType type;
};
constexpr Type kTypes[] = {{"F32", at::kFloat},  {"F16", at::kHalf}, {"BF16", at::kBFloat16},
                           {"F64", at::kDouble}, {"I64", at::kLong}, {"I32", at::kInt},
                           {"I16", at::kShort},  {"I8", at::kChar},  {"U8", at::kByte},
                           {"BOOL", at::kBool}};

c10::ScalarType type_named(const std::string& name) {
  for (const Type& type : kTypes) {
    if (name == type.name) return type.type;
  }
  throw ModelError("it holds tensors of the type " + name + ", which are not read");
}

std::string name_of(const NamedTensor& tensor) {
  for (const Type& type : kTypes) {
    if (tensor.values.scalar_type() == type.type) return type.name;
  }
  throw ShapeError(tensor.name + " has a dtype that safetensors files do not have");
}

std::string header_of(const std::vector<NamedTensor>& tensors,
                      const std::vector<std::pair<std::string, std::string>>& metadata) {
  Json header = Json::object();
  for (const auto& [key, value] : metadata) header["__metadata__"][key] = value;
  std::size_t offset = 0;
  for (const NamedTensor& tensor : tensors) {
    const std::size_t end = offset + tensor.values.nbytes();
    header[tensor.name] = {{"dtype", name_of(tensor)},
                           {"shape", tensor.values.sizes().vec()},
                           {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  return text;
}

struct Entry {
  std::string name;
  c10::ScalarType type;
  std::vector<std::int64_t> shape;
  std::uint64_t begin, end;  ///< in bytes, from the header's end
};

Entry entry_of(const std::string& name, const Json& json) {
  Entry entry{name, type_named(json.at("dtype").get<std::string>()),
              integers<std::int64_t>(json.at("shape")),
              integer<std::uint64_t>(json.at("data_offsets").at(0)),
              integer<std::uint64_t>(json.at("data_offsets").at(1))};
  if (entry.begin > entry.end) throw ModelError("its tensor " + name + " ends before it begins");
  const std::uint64_t length = entry.end - entry.begin;
  if (checkpoint::byte_count(entry.shape, c10::elementSize(entry.type)) != length) {
    throw ModelError("its tensor " + name + " has a shape of another size");
  }
  return entry;
}

/// The bytes of the tensors follow each other without gaps and fill the file, as the format says.
void require_in_order(const std::vector<Entry>& entries, std::uint64_t room) {
  std::vector<const Entry*> sorted;
  for (const Entry& entry : entries) sorted.push_back(&entry);
  std::stable_sort(sorted.begin(), sorted.end(), [](const Entry* a, const Entry* b) {
    return std::pair(a->begin, a->end) < std::pair(b->begin, b->end);
  });
  std::uint64_t end = 0;
  for (const Entry* entry : sorted) {
    if (entry->begin < end) throw ModelError("its tensor " + entry->name + " overlaps another");
    if (entry->begin > end) throw ModelError("it has a gap before its tensor " + entry->name);
    end = entry->end;
  }
  if (end > room) throw ModelError("its tensors claim more than the file holds; is it cut off?");
  if (end < room) throw ModelError("it holds bytes after its last tensor that belong to none");
}

struct Header {
  std::vector<Entry> entries;
  std::map<std::string, std::string> metadata;
};

Header read_header(std::ifstream& in, std::uint64_t size) {
  std::uint64_t length = 0;
  if (size < sizeof length || !in.read(reinterpret_cast<char*>(&length), sizeof length)) {
    throw ModelError("it is too short to be a safetensors file");
  }
  if (length > size - sizeof length) {
    throw ModelError("its header claims " + std::to_string(length) + " bytes, the file has " +
                     std::to_string(size));
  }
  std::string text(length, '\0');
  if (!in.read(text.data(), std::streamsize(length))) throw ModelError("its header cannot be read");
  Header header;
  try {
    const Json parsed = Json::parse(shallow(text));
    for (const auto& [name, json] : parsed.items()) {
      if (name == "__metadata__") {
        header.metadata = json.get<std::map<std::string, std::string>>();
      } else {
        header.entries.push_back(entry_of(name, json));
      }
    }
  } catch (const Json::exception&) {
    throw ModelError("its header is no valid safetensors header");
  }
  require_in_order(header.entries, size - sizeof length - length);
  return header;
}

}  // namespace

SafetensorsFile checkpoint::read_safetensors_file(const std::filesystem::path& path) {
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) throw FileError("cannot read " + path.string() + ": " + std::strerror(errno));
  Header header = read_header(in, std::filesystem::file_size(path));
  const std::streamoff start = in.tellg();
  SafetensorsFile file{{}, std::move(header.metadata)};
  for (const Entry& entry : header.entries) {
    const at::Tensor values = at::empty(entry.shape, at::TensorOptions(at::kCPU).dtype(entry.type));
    in.seekg(start + std::streamoff(entry.begin));
    if (!in.read(static_cast<char*>(values.data_ptr()), std::streamsize(values.nbytes()))) {
      throw ModelError("its tensor " + entry.name + " cannot be read");
    }
    file.tensors.push_back({entry.name, values});
  }
  return file;
}

SafetensorsFile read_safetensors(const std::filesystem::path& path) {
  try {
    return checkpoint::read_safetensors_file(path);
  } catch (const ModelError& error) {
    throw ModelError("cannot read " + path.string() + ": " + error.what());
  } catch (const std::filesystem::filesystem_error& error) {
    throw FileError("cannot read " + path.string() + ": " + error.code().message());
  } catch (const c10::Error&) {
    throw ModelError("cannot read " + path.string() + ": it is damaged, or cut off before its end");
  }
}

void write_safetensors(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors,
                       const std::vector<std::pair<std::string, std::string>>& metadata) {
  const std::string header = header_of(tensors, metadata);
  write_file_atomically(path, [&](std::ostream& out) {
    const std::uint64_t length = header.size();
    out.write(reinterpret_cast<const char*>(&length), sizeof length);
    out << header;
    for (const NamedTensor& tensor : tensors) {
      out.write(static_cast<const char*>(tensor.values.data_ptr()),
                static_cast<std::streamsize>(tensor.values.nbytes()));
    }
  });
}

}  // namespace attnviz
