#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <sstream>

#include "attnviz/batch.h"
#include "run/machine.h"

namespace attnviz {
namespace {

namespace fs = std::filesystem;

/// The first word of a small file of the kernel's, as a number; none where it is none (`max`).
std::optional<double> number_in(const fs::path& path, int place = 0) {
  std::ifstream in(path);
  std::string word;
  for (int i = 0; i <= place; ++i) in >> word;
  std::istringstream text(word);
  double value = 0;
  if (!in || !(text >> value)) return std::nullopt;
  return value;
}

/// What follows `name` in lines of `name value`.
std::optional<double> value_in(const fs::path& path, const std::string& name) {
  std::ifstream in(path);
  for (std::string word; in >> word;) {
    double value = 0;
    if (word == name && in >> value) return value;
  }
  return std::nullopt;
}

/// This process's control group, and those above it: folders that may hold limits. A container sees
/// its own as the root, hence that too. controller: of version 1; empty: version 2.
std::vector<fs::path> control_groups(const std::string& controller) {
  const fs::path root = fs::path("/sys/fs/cgroup") / controller;
  std::vector<fs::path> folders;
  std::ifstream in("/proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string names = "," + line.substr(first + 1, second - first - 1) + ",";
    if (names.find("," + controller + ",") == std::string::npos) continue;
    for (fs::path group = line.substr(second + 1); group.has_relative_path();
         group = group.parent_path()) {
      folders.push_back(root / group.relative_path());
    }
  }
  folders.push_back(root);
  return folders;
}

double quota_of_cores() {
  double quota = std::numeric_limits<double>::infinity();
  for (const fs::path& group : control_groups("")) {
    const auto time = number_in(group / "cpu.max"), period = number_in(group / "cpu.max", 1);
    if (time && period && *period > 0) quota = std::min(quota, *time / *period);
  }
  for (const fs::path& group : control_groups("cpu")) {
    const auto time = number_in(group / "cpu.cfs_quota_us");
    const auto period = number_in(group / "cpu.cfs_period_us");
    if (time && period && *time > 0 && *period > 0) quota = std::min(quota, *time / *period);
  }
  return quota;
}

/// Pages that the kernel would give back at once do not count as used.
double left_in(const fs::path& group, const char* limit, const char* usage, const char* cache) {
  const auto most = number_in(group / limit), used = number_in(group / usage);
  if (!most || !used) return std::numeric_limits<double>::infinity();
  return std::max(0.0, *most - *used + value_in(group / "memory.stat", cache).value_or(0));
}

}  // namespace

std::int64_t usable_cores() {
  cpu_set_t set;
  double cores = 1;
  if (::sched_getaffinity(0, sizeof set, &set) == 0) cores = CPU_COUNT(&set);
  return std::max<std::int64_t>(1, std::llround(std::ceil(std::min(cores, quota_of_cores()))));
}

std::uint64_t usable_memory() {
  double left = value_in("/proc/meminfo", "MemAvailable:").value_or(4.0e6) * 1024;
  for (const fs::path& group : control_groups("")) {
    left = std::min(left, left_in(group, "memory.max", "memory.current", "inactive_file"));
  }
  for (const fs::path& group : control_groups("memory")) {
    left = std::min(left, left_in(group, "memory.limit_in_bytes", "memory.usage_in_bytes",
                                  "total_inactive_file"));
  }
  return static_cast<std::uint64_t>(left);
}

std::uint64_t resident_memory() {
  return static_cast<std::uint64_t>(value_in("/proc/self/status", "VmRSS:").value_or(0) * 1024);
}

}  // namespace attnviz
