#include "run/batch_index.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "attnviz/error.h"
#include "attnviz/file.h"
#include "file/json.h"

namespace attnviz {
namespace {

namespace fs = std::filesystem;

FileError cannot(const char* what, const fs::path& path) {
  return FileError(std::string("cannot ") + what + " " + path.string() + ": " +
                   std::strerror(errno));
}

fs::path journal_of(const fs::path& folder) {
  return folder / ".index.journal";
}

bool is_same_file(int file, const fs::path& path) {
  struct stat opened {
  }, named{};
  return ::fstat(file, &opened) == 0 && ::stat(path.c_str(), &named) == 0 &&
         opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

}  // namespace

std::string to_json(const IndexEntry& entry) {
  nlohmann::ordered_json json = {{"name", entry.name}, {"input", entry.input}};
  if (entry.line > 0) json["line"] = entry.line;
  json["sha256"] = entry.sha256;
  json["tokens"] = entry.tokens;
  json["tokens_cut"] = entry.tokens_cut;
  json["files"] = entry.files;
  json["bytes"] = entry.bytes;
  json["ms"] = nlohmann::json::object();
  for (const auto& [stage, time] : entry.ms) json["ms"][stage] = std::round(time * 1000) / 1000;
  json["error"] = entry.error.empty() ? nlohmann::json(nullptr) : nlohmann::json(entry.error);
  json["key"] = entry.key;
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

IndexEntry index_entry(const std::string& line) {
  try {
    const nlohmann::ordered_json json = nlohmann::ordered_json::parse(shallow(line));
    IndexEntry entry{json.at("name"),
                     json.at("input"),
                     json.contains("line") ? integer<std::int64_t>(json["line"]) : 0,
                     json.at("sha256"),
                     integer<std::int64_t>(json.at("tokens")),
                     integer<std::int64_t>(json.at("tokens_cut")),
                     json.at("files"),
                     integers<std::uint64_t>(json.at("bytes"))};
    for (const auto& [stage, time] : json.at("ms").items()) entry.ms.emplace_back(stage, time);
    if (!json.at("error").is_null()) entry.error = json.at("error");
    entry.key = json.at("key");
    return entry;
  } catch (const nlohmann::json::exception&) {
    throw FileError("a damaged line of " + std::string(kIndexFile) + ": " + line.substr(0, 60));
  }
}

void for_each_entry(const fs::path& index, const std::function<void(IndexEntry&&)>& visit) {
  std::ifstream in(index, std::ios::binary);
  if (!in) throw cannot("read", index);
  for (std::string line; std::getline(in, line);) visit(index_entry(line));
}

bool has_journal(const fs::path& folder) {
  std::error_code error;
  return fs::exists(journal_of(folder), error);
}

StoredIndex::StoredIndex(fs::path folder) : folder_(std::move(folder)) {
  read();
}

void StoredIndex::read() {
  read(folder_ / kIndexFile, false);
  journal_size_ = read(journal_of(folder_), true);
}

/// Returns the bytes of its whole lines: the journal's last one may be a part, where the process
/// was killed as it wrote.
std::uintmax_t StoredIndex::read(const fs::path& file, bool in_journal) {
  std::ifstream in(file, std::ios::binary);
  std::uintmax_t offset = 0;
  for (std::string line; std::getline(in, line) && !in.eof();) {
    places_[index_entry(line).key] = {in_journal, offset, line.size()};
    offset += line.size() + 1;
  }
  return offset;
}

std::string StoredIndex::line_at(Place place) const {
  const fs::path file = place.in_journal ? journal_of(folder_) : folder_ / kIndexFile;
  std::ifstream in(file, std::ios::binary);
  std::string line(place.size, '\0');
  in.seekg(static_cast<std::streamoff>(place.offset));
  in.read(line.data(), static_cast<std::streamsize>(line.size()));
  if (!in) throw cannot("read", file);
  return line;
}

std::optional<IndexEntry> StoredIndex::find(const std::string& key) const {
  const auto found = places_.find(key);
  if (found == places_.end()) return std::nullopt;
  return index_entry(line_at(found->second));
}

WorkingIndex::WorkingIndex(fs::path folder) : StoredIndex(std::move(folder), Unread()) {
  lock();
  read();
  if (::ftruncate(journal_, static_cast<off_t>(journal_size_)) != 0) {
    throw cannot("write", journal_of(folder_));
  }
}

WorkingIndex::~WorkingIndex() {
  if (journal_ >= 0) ::close(journal_);
}

void WorkingIndex::lock() {
  const fs::path path = journal_of(folder_);
  while (journal_ < 0) {
    journal_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (journal_ < 0) throw cannot("write", path);
    if (::flock(journal_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      throw UsageError("another attnviz is at work in " + folder_.string() +
                       "; wait for it, or take a folder of its own");
    }
    if (is_same_file(journal_, path)) return;
    ::close(journal_);  // the process that had it has ended meanwhile, and taken it away
    journal_ = -1;
  }
}

void WorkingIndex::add(const IndexEntry& entry) {
  if (!is_same_file(journal_, journal_of(folder_))) {
    throw FileError(folder_.string() +
                    " was removed or replaced while attnviz was at work in it; run it again");
  }
  const std::string line = to_json(entry) + "\n";
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t n = ::pwrite(journal_, rest.data(), rest.size(),
                               static_cast<off_t>(journal_size_ + line.size() - rest.size()));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw cannot("write", journal_of(folder_));
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
  places_[entry.key] = {true, journal_size_, line.size() - 1};
  journal_size_ += line.size();
}

void WorkingIndex::finish(const std::vector<std::string>& keys) {
  write_file_atomically(folder_ / kIndexFile, [&](std::ostream& out) {
    for (const std::string& key : keys) {
      const auto found = places_.find(key);
      if (found != places_.end()) out << line_at(found->second) << '\n';
    }
  });
  ::unlink(journal_of(folder_).c_str());
}

std::int64_t WorkingIndex::count_others(const std::unordered_set<std::string>& names,
                                        const std::unordered_set<std::string>& known) const {
  std::unordered_set<std::string> others;
  for (const auto& [key, place] : places_) {
    if (known.count(key) > 0) continue;
    std::string name = index_entry(line_at(place)).name;
    if (names.count(name) == 0) others.insert(std::move(name));
  }
  return static_cast<std::int64_t>(others.size());
}

}  // namespace attnviz
