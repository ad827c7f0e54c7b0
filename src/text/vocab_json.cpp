#include "text/vocab_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "attnviz/error.h"
#include "attnviz/file.h"
#include "text/quote.h"

namespace attnviz::text {
namespace {

/// Files each name under its id as it is parsed; a tree of the whole file would take three times as
/// long.
struct NameReader : nlohmann::json_sax<nlohmann::json> {
  std::vector<std::string> names;  // by id; empty where none has been seen yet
  std::size_t max_count;
  std::string name;  // the last one, whose id comes next
  std::string problem;
  bool is_inside = false;

  /// A token takes at least six bytes of the file: "a":0 and a comma.
  explicit NameReader(std::size_t file_size) : max_count(file_size / 6 + 1) {
    names.reserve(file_size / 20);
  }

  bool refuse(const std::string& what) {
    problem = is_inside ? "gives the token " + quote(name) + " " + what
                        : "is not an object of tokens and their ids";
    return false;
  }
  bool key(string_t& value) override {
    name = std::move(value);
    return true;
  }
  bool number_unsigned(number_unsigned_t id) override {
    if (!is_inside) return refuse("");
    if (name.empty()) return refuse("an id, but a token has at least one byte");
    if (id >= max_count) return refuse("the id " + std::to_string(id) + ", past its last token");
    if (id >= names.size()) names.resize(id + 1);
    if (!names[id].empty()) {
      return refuse("the id " + std::to_string(id) + ", which " + quote(names[id]) + " has too");
    }
    names[id] = std::move(name);
    return true;
  }
  bool start_object(std::size_t) override {
    if (is_inside) return refuse("an object, not an id");
    return is_inside = true;
  }
  bool end_object() override { return true; }
  bool start_array(std::size_t) override { return refuse("an array, not an id"); }
  bool end_array() override { return true; }
  bool null() override { return refuse("null, not an id"); }
  bool boolean(bool) override { return refuse("true or false, not an id"); }
  bool number_integer(number_integer_t) override { return refuse("a negative id"); }
  bool number_float(number_float_t, const string_t&) override { return refuse("a fractional id"); }
  bool string(string_t&) override { return refuse("a string, not an id"); }
  bool binary(binary_t&) override { return refuse("bytes, not an id"); }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    problem = "is not valid JSON at byte " + std::to_string(position) + "; is the file complete?";
    return false;
  }
};

}  // namespace

std::vector<std::string> read_token_names(const std::filesystem::path& path) {
  const std::string file = read_file(path);
  NameReader reader(file.size());
  if (!nlohmann::json::sax_parse(file, &reader)) {
    throw VocabularyError(path.string() + " " + reader.problem);
  }
  const auto gap = std::find(reader.names.begin(), reader.names.end(), "");
  if (gap != reader.names.end()) {
    throw VocabularyError(path.string() + " has no token with the id " +
                          std::to_string(gap - reader.names.begin()) +
                          " but has higher ones; ids must be 0, 1, 2 and so on without a gap");
  }
  return std::move(reader.names);
}

}  // namespace attnviz::text
