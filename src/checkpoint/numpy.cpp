#include <ATen/ATen.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <limits>
#include <new>
#include <optional>

#include "attnviz/checkpoint.h"
#include "attnviz/error.h"
#include "attnviz/file.h"
#include "checkpoint/archive.h"
#include "checkpoint/formats.h"
#include "checkpoint/numpy_header.h"
#include "text/utf8.h"

namespace attnviz {
namespace {

using checkpoint::NumpyHeader;

static_assert(std::endian::native == std::endian::little, "what is read is little endian");

struct Type {
  std::string_view name;
  c10::ScalarType in_file;  ///< LibTorch's of the same bytes
  c10::ScalarType kept;
};
constexpr Type kTypes[] = {
    {"f2", at::kHalf, at::kHalf}, {"f4", at::kFloat, at::kFloat}, {"f8", at::kDouble, at::kDouble},
    {"i1", at::kChar, at::kChar}, {"i2", at::kShort, at::kShort}, {"i4", at::kInt, at::kInt},
    {"i8", at::kLong, at::kLong}, {"u1", at::kByte, at::kByte},   {"u2", at::kShort, at::kInt},
    {"u4", at::kInt, at::kLong},  {"b1", at::kByte, at::kBool}};

[[noreturn]] void refuse(const std::string& dtype) {
  const std::string name = dtype.substr(std::min<std::size_t>(dtype.size(), 1));
  if (dtype.starts_with('>')) {
    throw ModelError("is big-endian (" + dtype +
                     "); save it as a.astype(a.dtype.newbyteorder('<'))");
  }
  if (name.starts_with('O')) {
    throw ModelError(
        "holds Python objects, which are a pickle, and that is never run; save plain numbers, such "
        "as a.astype('float32')");
  }
  if (name == "V2") {
    throw ModelError("has the dtype " + dtype +
                     ", by which numpy cannot say what it is, probably bfloat16; save it as "
                     "float32, or as safetensors");
  }
  if (name.starts_with('c')) {
    throw ModelError("holds complex numbers (" + dtype +
                     "); save their real and imaginary parts as arrays of their own");
  }
  if (name == "u8") {
    throw ModelError("holds unsigned integers of 64 bits (" + dtype +
                     "), which LibTorch does not have; save them as int64");
  }
  if (name.starts_with('S')) {
    throw ModelError("holds strings of bytes (" + dtype + "); save them as a.astype(str)");
  }
  throw ModelError("has the dtype " + dtype + ", which is not read; save it as float32 or int64");
}

const Type& type_of(const std::string& dtype) {
  for (const Type& type : kTypes) {
    const bool is_native = dtype.starts_with('<') || dtype.starts_with('|');
    if (is_native && std::string_view(dtype).substr(1) == type.name) return type;
  }
  refuse(dtype);
}

/// As Python writes a tuple.
std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text = "(";
  for (const std::int64_t size : shape) text += std::to_string(size) + ", ";
  if (shape.size() > 1) text.resize(text.size() - 2);
  if (shape.size() == 1) text.resize(text.size() - 1);
  return text + ")";
}

/// Elements of that many bytes, in that shape, are what is there: no less, no more.
void require_size(const NumpyHeader& header, std::uint64_t bytes_each, std::uint64_t held) {
  // LibTorch counts strides past a size of 0 as if it were 1, so they must fit, too.
  std::vector<std::int64_t> strided = header.shape;
  std::replace(strided.begin(), strided.end(), std::int64_t{0}, std::int64_t{1});
  constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
  if (checkpoint::byte_count(strided, std::max<std::uint64_t>(bytes_each, 1)).value_or(kMost) >=
      kMost) {
    throw ModelError("has a shape that 64 bits do not hold: " + shape_text(header.shape));
  }
  const std::uint64_t wanted = *checkpoint::byte_count(header.shape, bytes_each);
  if (wanted > held) {
    throw ModelError("has the shape " + shape_text(header.shape) + " of " + header.dtype + ", " +
                     std::to_string(wanted) + " bytes, but only " + std::to_string(held) +
                     " follow; was the file cut off?");
  }
  if (wanted < held) {
    throw ModelError("has the shape " + shape_text(header.shape) + " of " + header.dtype + ", " +
                     std::to_string(wanted) + " bytes, but " + std::to_string(held) +
                     " follow; save several arrays with numpy.savez");
  }
}

/// `values`: of the type in the file. What was unsigned there, LibTorch took for signed.
at::Tensor as_kept(const at::Tensor& values, const Type& type) {
  if (type.in_file == type.kept) return values;
  const at::Tensor kept = values.to(type.kept);  // of b1, what is not 0 is true, as for numpy
  if (type.kept == at::kInt) kept.bitwise_and_(std::int64_t{0xFFFF});
  if (type.kept == at::kLong) kept.bitwise_and_(std::int64_t{0xFFFFFFFF});
  return kept;
}

at::Tensor tensor_in(const NumpyHeader& header, std::string_view bytes) {
  const Type& type = type_of(header.dtype);
  require_size(header, c10::elementSize(type.in_file), bytes.size());
  std::vector<std::int64_t> sizes = header.shape;
  if (header.is_fortran) std::reverse(sizes.begin(), sizes.end());
  at::Tensor values = at::empty(sizes, at::TensorOptions(at::kCPU).dtype(type.in_file));
  if (!bytes.empty()) std::memcpy(values.data_ptr(), bytes.data(), bytes.size());
  if (header.is_fortran) {
    std::vector<std::int64_t> axes(sizes.size());
    for (std::size_t i = 0; i < axes.size(); ++i) axes[i] = std::int64_t(axes.size() - 1 - i);
    values = values.permute(axes).contiguous();  // [..., 1, 0] -> [0, 1, ...]
  }
  return as_kept(values, type);
}

/// Characters of each string of `<U12`; none for a dtype that is no string.
std::optional<std::uint32_t> width_of(const std::string& dtype) {
  if (!dtype.starts_with("<U")) return std::nullopt;
  const char* const end = dtype.data() + dtype.size();
  std::uint32_t width = 0;
  const auto [stop, error] = std::from_chars(dtype.data() + 2, end, width);
  if (error != std::errc() || stop != end) refuse(dtype);
  return width;
}

/// `characters`: of four bytes each. Shorter strings are filled up with zeros.
std::string text_of(std::string_view characters) {
  std::string text;
  std::size_t zeros = 0;
  for (std::size_t at = 0; at < characters.size(); at += 4) {
    std::uint32_t code = 0;
    std::memcpy(&code, characters.data() + at, sizeof code);
    if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) {
      throw ModelError("holds a string that is no Unicode: it has the character " +
                       std::to_string(code));
    }
    zeros = code == 0 ? zeros + 1 : 0;
    text::append_utf8(text, code);
  }
  text.resize(text.size() - zeros);
  return text;
}

std::vector<std::string> texts_in(const NumpyHeader& header, std::uint32_t width,
                                  std::string_view bytes) {
  if (header.shape.size() > 1) {
    throw ModelError("holds strings in " + std::to_string(header.shape.size()) +
                     " dimensions; save them in one, such as a.ravel()");
  }
  const std::size_t bytes_each = std::size_t{4} * width;
  require_size(header, bytes_each, bytes.size());
  const std::int64_t n = header.shape.empty() ? 1 : header.shape[0];
  // Any number of them would fit into nothing; numpy itself writes U1.
  if (width == 0 && n > 0) throw ModelError("holds strings of no characters (<U0)");
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < std::size_t(n); ++i) {
    texts.push_back(text_of(bytes.substr(i * bytes_each, bytes_each)));
  }
  return texts;
}

/// `bytes`: a whole .npy.
void add_array(NumpyFile& file, const std::string& name, std::string_view bytes) {
  try {
    const NumpyHeader header = checkpoint::read_numpy_header(bytes);
    const std::string_view values = bytes.substr(header.length);
    if (const auto width = width_of(header.dtype)) {
      file.texts[name] = texts_in(header, *width, values);
    } else {
      file.tensors.push_back({name, tensor_in(header, values)});
    }
  } catch (const ModelError& error) {
    throw ModelError("its array " + (name.empty() ? "" : name + " ") + error.what());
  }
}

NumpyFile read_archive(const std::filesystem::path& path) {
  constexpr std::string_view kEnding = ".npy";
  NumpyFile file;
  for (const checkpoint::ArchiveRecord& record : checkpoint::list_records(path)) {
    if (!record.name.ends_with(kEnding)) {
      throw ModelError("its archive holds " + record.name +
                       ", which is no .npy; a file of torch.save is read by attnviz import");
    }
    if (text::valid_prefix(record.name) != record.name.size()) {
      throw ModelError("its archive holds a name that is not UTF-8: " + record.name);
    }
    const std::string name = record.name.substr(0, record.name.size() - kEnding.size());
    add_array(file, name, checkpoint::read_record(path, record).view());
  }
  return file;
}

NumpyFile read_one(const std::filesystem::path& path) {
  const std::string start = read_file_start(path, 6);
  // An archive without records is nothing but its end.
  if (start.starts_with("PK\x03\x04") || start.starts_with("PK\x05\x06")) return read_archive(path);
  if (start != "\x93NUMPY") {
    throw ModelError("it is neither a .npy nor a .npz, as numpy.save and numpy.savez make them");
  }
  NumpyFile file;
  add_array(file, "", read_file(path));
  return file;
}

ModelError no_room(const std::filesystem::path& path) {
  return ModelError("cannot read " + path.string() + ": memory has no room for it");
}

}  // namespace

NumpyFile read_numpy(const std::filesystem::path& path) {
  try {
    return read_one(path);
  } catch (const ModelError& error) {
    throw ModelError("cannot read " + path.string() + ": " + error.what());
  } catch (const std::bad_alloc&) {
    throw no_room(path);
  } catch (const c10::Error&) {  // LibTorch's word for the same: sizes were checked
    throw no_room(path);
  }
}

}  // namespace attnviz
