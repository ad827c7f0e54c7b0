#include "checkpoint/numpy_header.h"

#include <charconv>
#include <optional>
#include <set>

#include "attnviz/error.h"

// The format (numpy/lib/format.py): \x93NUMPY; the version, two bytes; the header's length, little
// endian, two bytes in version 1.0 and four in later ones; the header, a dictionary in Python's
// own notation, padded with spaces; then the numbers.

namespace attnviz::checkpoint {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kVersionEnd = 8;
constexpr std::size_t kMostDimensions = 64;  ///< of numpy, and of LibTorch's loops

ModelError no_dictionary() {
  return ModelError("has a header that is no dictionary of descr, fortran_order and shape");
}

ModelError no_tuple() {
  return ModelError("has a header whose shape is no tuple of integers");
}

ModelError cut_off() {
  return ModelError("has a header that is cut off");
}

/// Reads {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } and the like: of Python's
/// literals only those that belong at each place. Nothing nests, so nothing can nest too deeply.
class Literals {
 public:
  explicit Literals(std::string_view text) : rest_(text) {}

  NumpyHeader dictionary() {
    NumpyHeader header;
    std::set<std::string> keys;
    if (!accept('{')) throw no_dictionary();
    while (!accept('}')) {
      const auto key = string();
      if (!key || !accept(':')) throw no_dictionary();
      if (!keys.insert(*key).second) throw ModelError("has a header that names " + *key + " twice");
      read_value(*key, header);
      if (accept(',')) continue;
      if (!accept('}')) throw no_dictionary();
      break;
    }
    skip_spaces();
    if (!rest_.empty()) throw no_dictionary();
    for (const char* key : {"descr", "fortran_order", "shape"}) {
      if (!keys.contains(key)) throw ModelError(std::string("has a header that lacks ") + key);
    }
    return header;
  }

 private:
  void skip_spaces() {
    const std::size_t n = rest_.find_first_not_of(" \t\r\n");
    rest_.remove_prefix(n == std::string_view::npos ? rest_.size() : n);
  }

  bool accept(std::string_view word) {
    skip_spaces();
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  bool accept(char character) { return accept(std::string_view(&character, 1)); }

  void read_value(const std::string& key, NumpyHeader& header) {
    if (key == "descr") {
      header.dtype = dtype();
    } else if (key == "fortran_order") {
      header.is_fortran = truth();
    } else if (key == "shape") {
      header.shape = sizes();
    } else {
      throw ModelError("has a header with " + key + ", which a .npy does not have");
    }
  }

  /// Without escapes: no dtype that is read, and no key, has any.
  std::optional<std::string> string() {
    const char quote = accept('\'') ? '\'' : accept('"') ? '"' : '\0';
    const std::size_t end = quote == '\0' ? std::string_view::npos : rest_.find(quote);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string text(rest_.substr(0, end));
    if (text.find_first_of("\\\n") != std::string::npos) return std::nullopt;
    rest_.remove_prefix(end + 1);
    return text;
  }

  std::string dtype() {
    if (accept('[')) {
      throw ModelError("is one of structures; save each of their fields as an array of its own");
    }
    if (const auto text = string()) return *text;
    throw ModelError("has a header whose descr is no dtype");
  }

  bool truth() {
    if (accept("True")) return true;
    if (accept("False")) return false;
    throw ModelError("has a header whose fortran_order is neither True nor False");
  }

  std::vector<std::int64_t> sizes() {
    std::vector<std::int64_t> sizes;
    if (!accept('(')) throw no_tuple();
    bool is_comma = false;
    while (!accept(')')) {
      if (!sizes.empty() && !is_comma) throw no_tuple();
      sizes.push_back(size());
      is_comma = accept(',');
    }
    // In Python, (3) is a number in brackets.
    if (sizes.size() == 1 && !is_comma) throw no_tuple();
    if (sizes.size() > kMostDimensions) {
      throw ModelError("has " + std::to_string(sizes.size()) +
                       " dimensions, more than there can be");
    }
    return sizes;
  }

  std::int64_t size() {
    skip_spaces();
    std::int64_t size = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), size);
    if (error == std::errc::invalid_argument) throw no_tuple();
    if (error == std::errc::result_out_of_range) {
      throw ModelError("has a size in its shape that 64 bits do not hold");
    }
    if (size < 0) throw ModelError("has a negative size in its shape: " + std::to_string(size));
    rest_.remove_prefix(std::size_t(end - rest_.data()));
    if (rest_.starts_with('L')) rest_.remove_prefix(1);  // Python 2 wrote long integers so
    return size;
  }

  std::string_view rest_;
};

/// Little endian, of two or four bytes.
std::size_t length_in(std::string_view bytes) {
  std::size_t length = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) {
    length = length << 8U | static_cast<unsigned char>(bytes[i]);
  }
  return length;
}

}  // namespace

NumpyHeader read_numpy_header(std::string_view bytes) {
  if (!bytes.starts_with(kMagic)) throw ModelError("does not begin as a .npy does");
  if (bytes.size() < kVersionEnd) throw cut_off();
  const int major = static_cast<unsigned char>(bytes[6]);
  const int minor = static_cast<unsigned char>(bytes[7]);
  if (major < 1 || major > 3 || minor != 0) {
    throw ModelError("is of version " + std::to_string(major) + "." + std::to_string(minor) +
                     " of the format; 1.0, 2.0 and 3.0 are read");
  }
  const std::size_t start = kVersionEnd + (major == 1 ? 2 : 4);
  if (bytes.size() < start) throw cut_off();
  const std::size_t length = length_in(bytes.substr(kVersionEnd, start - kVersionEnd));
  if (length > bytes.size() - start) throw cut_off();
  NumpyHeader header = Literals(bytes.substr(start, length)).dictionary();
  header.length = start + length;
  return header;
}

}  // namespace attnviz::checkpoint
