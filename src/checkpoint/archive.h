#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace attnviz::checkpoint {

/// Capital letters of ASCII made small: LibTorch finds a record by a name in any case.
std::string folded(std::string name);

/// Name → bytes of each record of a zip archive, without the folder that torch.save and
/// torch.jit.save put all names under, and folded. LibTorch takes as much memory for a record as
/// the archive claims that it has, so this is what to ask first. Throws FileError, and ModelError,
/// without the file's name, for an archive that is damaged, names a record twice, or claims more
/// than the file can hold.
std::map<std::string, std::uint64_t> record_sizes(const std::filesystem::path& path);

/// A record of a zip archive, as the archive's list has it.
struct ArchiveRecord {
  std::string name;          ///< whole, with its folders
  std::uint64_t size = 0;    ///< in bytes, when read; no more than `stored` bytes can become
  std::uint64_t stored = 0;  ///< in bytes, in the archive
  std::uint64_t start = 0;   ///< of its own header, from that of the file
  std::uint16_t flags = 0, method = 0;
  std::uint32_t crc = 0;  ///< CRC-32 of its bytes, when read
};

/// The records in the order of the list. All together they store no more bytes than the file has,
/// however many there are: none lies on another. Throws as record_sizes does, and ModelError for
/// records that overlap.
std::vector<ArchiveRecord> list_records(const std::filesystem::path& path);

/// The memory is not touched before it is filled: what a record merely claims costs none.
struct RecordBytes {
  std::unique_ptr<char[]> data;
  std::size_t size = 0;
  [[nodiscard]] std::string_view view() const { return {data.get(), size}; }
};

/// The bytes of one of list_records(path), stored or deflated, held against its CRC-32.
/// Throws FileError, and ModelError, without the file's name, for a record that is damaged,
/// encrypted, or compressed in another way.
RecordBytes read_record(const std::filesystem::path& path, const ArchiveRecord& record);

}  // namespace attnviz::checkpoint
