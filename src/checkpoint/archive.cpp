#include "checkpoint/archive.h"

#include <libdeflate.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <new>
#include <set>
#include <utility>

#include "attnviz/error.h"

// A zip archive ends with a list of its records (PKWARE's APPNOTE.TXT, 4.3.12 to 4.3.16), and that
// with a note of where the list begins; for long archives there is a longer note before it. Each
// record has a header of its own right before its bytes (4.3.7), which says again what the list
// says: only how long it is itself is taken from there.

namespace attnviz::checkpoint {
namespace {

constexpr std::uint32_t kLocal = 0x04034b50, kEntry = 0x02014b50, kLongEnd = 0x06064b50,
                        kLongEndPlace = 0x07064b50, kIsLong = 0xFFFFFFFF;
constexpr std::size_t kLocalSize = 30, kEntrySize = 46, kEndSize = 22, kLongEndPlaceSize = 20,
                      kLongEndSize = 56;
/// Deflate makes of a byte at most that many.
constexpr std::uint64_t kMostInflated = 1032;
constexpr std::uint16_t kStored = 0, kDeflated = 8;  ///< methods

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

  std::vector<ArchiveRecord> list() {
    const auto [place, length] = place_of_list();
    const std::string list = read(place, length);
    std::vector<ArchiveRecord> records;
    for (std::size_t at = 0; at < list.size();) {
      if (number_at<std::uint32_t>(list, at) != kEntry) throw damaged();
      const auto name_length = number_at<std::uint16_t>(list, at + 28);
      const auto extra_length = number_at<std::uint16_t>(list, at + 30);
      const auto comment_length = number_at<std::uint16_t>(list, at + 32);
      const std::size_t end = at + kEntrySize + name_length + extra_length + comment_length;
      if (end > list.size()) throw damaged();
      records.push_back(
          record_of(std::string_view(list).substr(at, kEntrySize),
                    std::string_view(list).substr(at + kEntrySize + name_length, extra_length),
                    list.substr(at + kEntrySize, name_length)));
      at = end;
    }
    return records;
  }

  void require_apart(const std::vector<ArchiveRecord>& records) {
    std::vector<const ArchiveRecord*> sorted;
    for (const ArchiveRecord& record : records) sorted.push_back(&record);
    std::sort(sorted.begin(), sorted.end(),
              [](const ArchiveRecord* a, const ArchiveRecord* b) { return a->start < b->start; });
    std::uint64_t end = 0;
    for (const ArchiveRecord* record : sorted) {
      if (record->start > size_) throw damaged();
      if (record->start < end) {
        throw ModelError("its record " + record->name + " overlaps another");
      }
      end = record->start + kLocalSize + record->name.size() + record->stored;
    }
    if (end > place_of_list().start) throw damaged();
  }

  RecordBytes read(const ArchiveRecord& record) {
    const std::string local = read(record.start, kLocalSize);
    if (number_at<std::uint32_t>(local, 0) != kLocal) throw damaged();
    const std::uint64_t start = record.start + kLocalSize + number_at<std::uint16_t>(local, 26) +
                                number_at<std::uint16_t>(local, 28);
    RecordBytes bytes = read_bytes(start, record.stored);
    if (record.method == kDeflated) bytes = inflated(bytes, record);
    if (bytes.size != record.size) throw damaged();
    if (libdeflate_crc32(0, bytes.data.get(), bytes.size) != record.crc) {
      throw ModelError("its record " + record.name + " is damaged: its checksum (CRC-32) is wrong");
    }
    return bytes;
  }

 private:
  struct Place {
    std::uint64_t start, length;
  };

  static RecordBytes room_for(std::uint64_t size) {
    RecordBytes bytes;
    bytes.data = std::make_unique_for_overwrite<char[]>(size);
    bytes.size = size;
    return bytes;
  }

  RecordBytes read_bytes(std::uint64_t start, std::uint64_t length) {
    if (start > size_ || length > size_ - start) throw damaged();
    RecordBytes bytes = room_for(length);
    in_.seekg(std::streamoff(start));
    if (!in_.read(bytes.data.get(), std::streamsize(length))) throw damaged();
    return bytes;
  }

  std::string read(std::uint64_t start, std::uint64_t length) {
    return std::string(read_bytes(start, length).view());
  }

  static RecordBytes inflated(const RecordBytes& deflated, const ArchiveRecord& record) {
    const std::unique_ptr<libdeflate_decompressor, decltype(&libdeflate_free_decompressor)>
        decompressor(libdeflate_alloc_decompressor(), libdeflate_free_decompressor);
    if (!decompressor) throw std::bad_alloc();
    RecordBytes bytes = room_for(record.size);
    std::size_t taken = 0;
    const auto result =
        libdeflate_deflate_decompress_ex(decompressor.get(), deflated.data.get(), deflated.size,
                                         bytes.data.get(), bytes.size, &taken, nullptr);
    if (result != LIBDEFLATE_SUCCESS || taken != deflated.size) {
      throw ModelError("its record " + record.name + " is damaged: it cannot be inflated");
    }
    return bytes;
  }

  /// From the last note of an end in the file; behind it there is at most a comment.
  Place place_of_list() {
    constexpr std::uint64_t kLongestComment = 0xFFFF;
    const std::uint64_t start =
        size_ - std::min<std::uint64_t>(size_, kEndSize + kLongestComment + kLongEndPlaceSize);
    const std::string bytes = read(start, size_ - start);
    const std::size_t at = bytes.rfind("PK\x05\x06");
    if (at == std::string::npos || bytes.size() - at < kEndSize) throw damaged();
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

  [[nodiscard]] ArchiveRecord record_of(std::string_view entry, std::string_view extra,
                                        std::string name) const {
    ArchiveRecord record{.name = std::move(name),
                         .size = number_at<std::uint32_t>(entry, 24),
                         .stored = number_at<std::uint32_t>(entry, 20),
                         .start = number_at<std::uint32_t>(entry, 42),
                         .flags = number_at<std::uint16_t>(entry, 8),
                         .method = number_at<std::uint16_t>(entry, 10),
                         .crc = number_at<std::uint32_t>(entry, 16)};
    for (std::size_t at = 0; at + 4 <= extra.size();) {
      const auto length = number_at<std::uint16_t>(extra, at + 2);
      std::size_t field = at + 4;
      if (number_at<std::uint16_t>(extra, at) == 1) {  // the numbers that 32 bits do not hold
        for (std::uint64_t* number : {&record.size, &record.stored, &record.start}) {
          if (*number != kIsLong) continue;
          *number = number_at<std::uint64_t>(extra, field);
          field += sizeof *number;
        }
      }
      at += 4 + length;
    }
    if (record.stored > size_ ||
        record.size > record.stored * (record.method == kStored ? 1 : kMostInflated)) {
      throw ModelError("its record " + record.name + " claims more than the file holds");
    }
    return record;
  }

  std::ifstream in_;
  std::uint64_t size_ = 0;
};

}  // namespace

std::string folded(std::string name) {
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return name;
}

std::map<std::string, std::uint64_t> record_sizes(const std::filesystem::path& path) {
  std::map<std::string, std::uint64_t> sizes;
  for (const ArchiveRecord& record : Archive(path).list()) {
    if (!sizes.emplace(folded(record.name.substr(record.name.find('/') + 1)), record.size).second) {
      throw ModelError("its archive holds " + record.name + " twice");
    }
  }
  return sizes;
}

std::vector<ArchiveRecord> list_records(const std::filesystem::path& path) {
  Archive archive(path);
  std::vector<ArchiveRecord> records = archive.list();
  std::set<std::string_view> names;
  for (const ArchiveRecord& record : records) {
    if (!names.insert(record.name).second) {
      throw ModelError("its archive holds " + record.name + " twice");
    }
  }
  archive.require_apart(records);
  return records;
}

RecordBytes read_record(const std::filesystem::path& path, const ArchiveRecord& record) {
  if ((record.flags & 1) != 0) {
    throw ModelError("its record " + record.name + " is encrypted; save it without a password");
  }
  if (record.method != kStored && record.method != kDeflated) {
    throw ModelError("its record " + record.name + " is compressed by method " +
                     std::to_string(record.method) + "; only stored and deflated ones are read");
  }
  return Archive(path).read(record);
}

}  // namespace attnviz::checkpoint
