#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

namespace attnviz {

/// Little endian.
template <typename Number>
std::string bytes_of(Number number) {
  std::string bytes(sizeof number, '\0');
  std::memcpy(bytes.data(), &number, sizeof number);
  return bytes;
}

/// A .npy with this header, whatever it says, and these bytes behind it.
inline std::string npy(const std::string& header, const std::string& values, char major = 1) {
  const std::string length =
      major == 1 ? bytes_of(std::uint16_t(header.size())) : bytes_of(std::uint32_t(header.size()));
  return std::string("\x93NUMPY") + major + '\0' + length + header + values;
}

inline std::string npy_header(const std::string& dtype, const std::string& shape) {
  return "{'descr': '" + dtype + "', 'fortran_order': False, 'shape': " + shape + ", }   \n";
}

/// One float32, 1.5.
inline std::string one_float() {
  return npy(npy_header("<f4", "(1,)"), bytes_of(1.5F));
}

/// CRC-32, bit by bit (PKWARE's APPNOTE.TXT, 4.4.7).
inline std::uint32_t crc_of(const std::string& bytes) {
  std::uint32_t crc = ~0U;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1U ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0U);
  }
  return ~crc;
}

/// A stream of deflate that leaves its bytes as they are: one last block, stored.
inline std::string deflate_stored(const std::string& bytes) {
  const auto length = std::uint16_t(bytes.size());
  return '\1' + bytes_of(length) + bytes_of(std::uint16_t(~length)) + bytes;
}

/// A record, and what an archive says of it where that is not the truth.
struct ZipRecord {
  std::string name;
  std::string stored;
  std::string bytes = stored;  ///< that it holds once it is read
  std::uint16_t method = 0, flags = 0;
  std::optional<std::uint64_t> size{}, stored_size{}, start{};
  std::optional<std::uint32_t> crc{};
};

/// is_long: numbers and end in the form of ZIP64, though none needs it.
inline std::string zip(const std::vector<ZipRecord>& records, bool is_long = false) {
  std::string archive, list;
  for (const ZipRecord& record : records) {
    const std::uint64_t size = record.size.value_or(record.bytes.size()),
                        stored = record.stored_size.value_or(record.stored.size()),
                        start = record.start.value_or(archive.size());
    const auto narrow = [&](std::uint64_t n) {
      return bytes_of(is_long ? ~std::uint32_t{0} : std::uint32_t(n));
    };
    const auto extra = [&](const std::string& numbers) {
      return is_long
                 ? bytes_of(std::uint16_t(1)) + bytes_of(std::uint16_t(numbers.size())) + numbers
                 : "";
    };
    const std::string sizes = bytes_of(size) + bytes_of(stored);
    const std::string local_extra = extra(sizes), list_extra = extra(sizes + bytes_of(start));
    const std::string both = bytes_of(record.flags) + bytes_of(record.method) +
                             bytes_of(std::uint32_t(0)) +
                             bytes_of(record.crc.value_or(crc_of(record.bytes))) + narrow(stored) +
                             narrow(size) + bytes_of(std::uint16_t(record.name.size()));
    const std::string version = bytes_of(std::uint16_t(45));
    archive += "PK\3\4" + version + both + bytes_of(std::uint16_t(local_extra.size())) +
               record.name + local_extra + record.stored;
    list += "PK\1\2" + version + version + both + bytes_of(std::uint16_t(list_extra.size())) +
            std::string(10, '\0') + narrow(start) + record.name + list_extra;
  }
  const std::uint64_t place = archive.size(), n = records.size();
  archive += list;
  if (is_long) {
    const std::string versions(4, '\55'), disks(8, '\0');
    archive += "PK\6\6" + bytes_of(std::uint64_t(44)) + versions + disks + bytes_of(n) +
               bytes_of(n) + bytes_of(std::uint64_t(list.size())) + bytes_of(place);
    archive += "PK\6\7" + bytes_of(std::uint32_t(0)) + bytes_of(place + list.size()) +
               bytes_of(std::uint32_t(1));
  }
  const std::string count = bytes_of(std::uint16_t(n));
  return archive + "PK\5\6" + std::string(4, '\0') + count + count +
         bytes_of(std::uint32_t(is_long ? ~0U : list.size())) +
         bytes_of(std::uint32_t(is_long ? ~0U : place)) + std::string(2, '\0');
}

}  // namespace attnviz
