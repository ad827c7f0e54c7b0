#include "checkpoint/archive.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <string_view>

#include "attnviz/error.h"

// A zip archive ends with a list of its records (PKWARE's APPNOTE.TXT, 4.3.12 to 4.3.16), and that
// with a note of where the list begins; for long archives there is a longer note before it.

namespace attnviz::checkpoint {
namespace {

constexpr std::uint32_t kEntry = 0x02014b50, kLongEnd = 0x06064b50, kLongEndPlace = 0x07064b50,
                        kIsLong = 0xFFFFFFFF;
constexpr std::size_t kEntrySize = 46, kEndSize = 22, kLongEndPlaceSize = 20, kLongEndSize = 56;
/// Deflate makes of a byte at most that many.
constexpr std::uint64_t kMostInflated = 1032;

ModelError damaged() {
  return ModelError("its archive is damaged, or cut off before its end");
}

/// Little endian.
template <typename Number>
Number number_at(std::string_view bytes, std::size_t offset) {
  Number number;
  if (offset > bytes.size() || bytes.size() - offset < sizeof number) throw damaged();
  std::memcpy(&number, bytes.data() + offset, sizeof number);
  return number;
}

class Archive {
 public:
  explicit Archive(const std::filesystem::path& path) : in_(path, std::ios::binary) {
    if (!in_) throw FileError("cannot read " + path.string() + ": " + std::strerror(errno));
    in_.seekg(0, std::ios::end);
    size_ = std::uint64_t(in_.tellg());
  }

  std::map<std::string, std::uint64_t> sizes() {
    const auto [place, length] = place_of_list();
    const std::string list = read(place, length);
    std::map<std::string, std::uint64_t> sizes;
    for (std::size_t at = 0; at < list.size();) {
      if (number_at<std::uint32_t>(list, at) != kEntry) throw damaged();
      const auto name_length = number_at<std::uint16_t>(list, at + 28);
      const auto extra_length = number_at<std::uint16_t>(list, at + 30);
      const auto comment_length = number_at<std::uint16_t>(list, at + 32);
      const std::size_t end = at + kEntrySize + name_length + extra_length + comment_length;
      if (end > list.size()) throw damaged();
      const std::string name = list.substr(at + kEntrySize, name_length);
      const std::uint64_t size =
          size_of(std::string_view(list).substr(at, kEntrySize),
                  std::string_view(list).substr(at + kEntrySize + name_length, extra_length), name);
      if (!sizes.emplace(name.substr(name.find('/') + 1), size).second) {
        throw ModelError("its archive holds " + name + " twice");
      }
      at = end;
    }
    return sizes;
  }

 private:
  struct Place {
    std::uint64_t start, length;
  };

  std::string read(std::uint64_t start, std::uint64_t length) {
    if (start > size_ || length > size_ - start) throw damaged();
    std::string bytes(length, '\0');
    in_.seekg(std::streamoff(start));
    if (!in_.read(bytes.data(), std::streamsize(length))) throw damaged();
    return bytes;
  }

  /// From the last note of an end in the file; behind it there is at most a comment.
  Place place_of_list() {
    constexpr std::uint64_t kLongestComment = 0xFFFF;
    const std::uint64_t start =
        size_ - std::min<std::uint64_t>(size_, kEndSize + kLongestComment + kLongEndPlaceSize);
    const std::string bytes = read(start, size_ - start);
    const std::size_t at = bytes.rfind("PK\x05\x06");
    if (at == std::string::npos) throw damaged();
    Place place{number_at<std::uint32_t>(bytes, at + 16), number_at<std::uint32_t>(bytes, at + 12)};
    if (at >= kLongEndPlaceSize &&
        number_at<std::uint32_t>(bytes, at - kLongEndPlaceSize) == kLongEndPlace) {
      const auto long_end = number_at<std::uint64_t>(bytes, at - kLongEndPlaceSize + 8);
      const std::string end = read(long_end, kLongEndSize);
      if (number_at<std::uint32_t>(end, 0) != kLongEnd) throw damaged();
      place = {number_at<std::uint64_t>(end, 48), number_at<std::uint64_t>(end, 40)};
    }
    return place;
  }

  [[nodiscard]] std::uint64_t size_of(std::string_view entry, std::string_view extra,
                                      const std::string& name) const {
    std::uint64_t stored = number_at<std::uint32_t>(entry, 20);
    std::uint64_t size = number_at<std::uint32_t>(entry, 24);
    for (std::size_t at = 0; at + 4 <= extra.size();) {
      const auto length = number_at<std::uint16_t>(extra, at + 2);
      std::size_t field = at + 4;
      if (number_at<std::uint16_t>(extra, at) == 1) {  // the numbers that 32 bits do not hold
        for (std::uint64_t* number : {&size, &stored}) {
          if (*number != kIsLong) continue;
          *number = number_at<std::uint64_t>(extra, field);
          field += sizeof *number;
        }
      }
      at += 4 + length;
    }
    const bool is_stored = number_at<std::uint16_t>(entry, 10) == 0;
    if (stored > size_ || size > (is_stored ? stored : stored * kMostInflated)) {
      throw ModelError("its record " + name + " claims more than the file holds");
    }
    return size;
  }

  std::ifstream in_;
  std::uint64_t size_ = 0;
};

}  // namespace

std::map<std::string, std::uint64_t> record_sizes(const std::filesystem::path& path) {
  return Archive(path).sizes();
}

}  // namespace attnviz::checkpoint
