#include "run/batch_text.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include "attnviz/error.h"
#include "attnviz/file.h"
#include "file/json.h"
#include "run/ids.h"

namespace attnviz {
namespace {

std::string read_part(const BatchText& text) {
  const BatchSource& source = *text.source;
  if (source.held) return source.held->substr(text.offset, text.size);
  if (text.line == 0) return read_file(source.path);
  std::ifstream in(source.path, std::ios::binary);
  std::string bytes(text.size, '\0');
  in.seekg(static_cast<std::streamoff>(text.offset));
  in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!in) throw FileError("cannot read " + input_of(text) + ": the file is gone or was cut");
  return bytes;
}

nlohmann::json parsed(const std::string& line) {
  return nlohmann::json::parse(shallow(line), nullptr, /*allow_exceptions=*/false);
}

void read_json(const std::string& line, TextRead& read) {
  const nlohmann::json json = parsed(line);
  const bool has_text = json.is_object() && json.contains("text") && json["text"].is_string();
  const bool has_ids = json.is_object() && json.contains("ids");
  if (!has_text && !has_ids) {
    throw TextError("the line is no JSON object with a \"text\" or \"ids\"");
  }
  if (has_text && has_ids) {
    throw TextError("the line has both a \"text\" and \"ids\"; which of them is meant?");
  }
  if (json.contains("prefix") && !json["prefix"].is_string()) {
    throw TextError("the line's \"prefix\" is no string");
  }
  if (has_ids) read.ids = ids_of_json(json["ids"]);
  // What is hashed: the same numbers as a text are another text.
  read.text = has_ids ? "ids " + json["ids"].dump() : json["text"].get<std::string>();
}

}  // namespace

std::string input_of(const BatchText& text) {
  const std::string path = text.source->path.string();
  return text.line == 0 ? path : path + ":" + std::to_string(text.line);
}

TextRead read_text(const BatchText& text, std::uint64_t most) {
  if (text.size > most) {
    throw TextError("it has " + std::to_string(text.size) +
                    " bytes, more than --max-memory leaves room for");
  }
  TextRead read;
  read.text = read_part(text);
  if (text.is_json) read_json(std::string(read.text), read);
  read.sha256 = sha256_of(read.text);
  if (text.line == 0) read.text = without_last_newline(std::move(read.text));
  return read;
}

std::optional<std::string> prefix_of_json(const std::string& line) {
  const nlohmann::json json = parsed(line);
  if (!json.is_object() || !json.contains("prefix") || !json["prefix"].is_string()) {
    return std::nullopt;
  }
  const std::string prefix = json["prefix"];
  return prefix.empty() ? std::nullopt : std::optional(prefix);
}

double cost_of(const BatchText& text) {
  // Measured: three pictures cost the same for any short text; what grows with the tokens is a
  // third more for 256 of them. A token is about four bytes.
  const double tokens = static_cast<double>(text.size) / 4;
  return 1 + tokens / 400 + tokens * tokens / (600.0 * 600.0);
}

}  // namespace attnviz
