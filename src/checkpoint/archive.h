#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

namespace attnviz::checkpoint {

/// Name → bytes of each record of a zip archive, without the folder that torch.save and
/// torch.jit.save put all names under. LibTorch takes as much memory for a record as the archive
/// claims that it has, so this is what to ask first.
/// Throws FileError, and ModelError, without the file's name, for an archive that is damaged, names
/// a record twice, or claims more than the file can hold.
std::map<std::string, std::uint64_t> record_sizes(const std::filesystem::path& path);

}  // namespace attnviz::checkpoint
