#pragma once

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

/// A vocabulary of the 256 bytes and a few more tokens, to be damaged and written to a folder of
/// its own, which goes with it.
struct SmallVocabulary {
  std::vector<std::string> names;  // by id
  std::string merges = "#version: 0.2\n";
  std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("attnviz_text_test_" + std::to_string(::getpid()));

  SmallVocabulary() {
    std::filesystem::create_directories(folder);
    for (int byte = 0, hidden = 0x100; byte < 256; ++byte) {
      const bool is_visible = (byte > 0x20 && byte < 0x7F) || (byte > 0xA0 && byte != 0xAD);
      names.push_back(two_byte_utf8(is_visible ? byte : hidden++));
    }
  }
  SmallVocabulary(const SmallVocabulary&) = delete;
  SmallVocabulary& operator=(const SmallVocabulary&) = delete;
  ~SmallVocabulary() { std::filesystem::remove_all(folder); }

  void add_merge(const std::string& left, const std::string& right) {
    merges += left + " " + right + "\n";
    add_token(left + right);
  }

  void add_token(const std::string& name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }

  /// How the files spell these bytes.
  std::string spell(const std::string& bytes) const {
    std::string name;
    for (const char byte : bytes) name += names[static_cast<unsigned char>(byte)];
    return name;
  }

  void write() const {
    nlohmann::json ids;
    for (std::size_t id = 0; id < names.size(); ++id) ids[names[id]] = id;
    write(ids.dump(), merges);
  }

  void write(const std::string& vocab_json, const std::string& merges_txt) const {
    std::ofstream(folder / "vocab.json", std::ios::binary) << vocab_json;
    std::ofstream(folder / "merges.txt", std::ios::binary) << merges_txt;
  }

  static std::string two_byte_utf8(int code) {
    if (code < 0x80) return {static_cast<char>(code)};
    return {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 0x3F))};
  }
};
