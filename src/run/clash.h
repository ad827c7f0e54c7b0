#pragma once

#include <filesystem>
#include <vector>

namespace attnviz {

/// No file may be written over one that is read, or over another that is written: throws UsageError
/// naming it, however it is spelled. Empty paths do not count.
void check_no_clash(const std::vector<std::filesystem::path>& read,
                    const std::vector<std::filesystem::path>& written);

}  // namespace attnviz
