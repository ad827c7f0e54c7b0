#include <algorithm>

#include "attnviz/file.h"
#include "attnviz/snapshot.h"

namespace attnviz {

std::string_view to_string(Verdict verdict) {
  constexpr std::string_view kNames[] = {"same", "changed", "missing", "failed"};
  return kNames[static_cast<std::size_t>(verdict)];
}

std::string sentence(const FactChange& fact) {
  return fact.what + ": " + fact.before + " -> " + fact.after;
}

std::size_t SnapshotReport::count(Verdict verdict) const {
  return std::size_t(std::count_if(texts.begin(), texts.end(), [verdict](const TextResult& text) {
    return text.verdict == verdict;
  }));
}

Verdict SnapshotReport::verdict() const {
  for (const Verdict verdict : {Verdict::changed, Verdict::failed, Verdict::missing}) {
    if (count(verdict) > 0) return verdict;
  }
  return Verdict::same;
}

std::vector<FactChange> SnapshotReport::facts() const {
  std::vector<FactChange> all;
  for (const TextResult& text : texts) {
    for (const FactChange& fact : text.facts) {
      if (std::find(all.begin(), all.end(), fact) == all.end()) all.push_back(fact);
    }
  }
  return all;
}

void write_pictures(SnapshotReport& report, const std::filesystem::path& folder) {
  for (TextResult& text : report.texts) {
    const auto write = [&](const std::string& name, const std::string& png) {
      write_file_atomically(folder / name, png);
      text.files.push_back(folder / name);
    };
    if (!text.picture.empty()) write(text.name + "_diff.png", text.picture);
    if (!text.page.empty()) write(text.name + "_diff.html", text.page);
    for (const auto& [name, png] : text.other_pictures) write(name, png);
  }
}

}  // namespace attnviz
