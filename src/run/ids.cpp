#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "attnviz/error.h"
#include "attnviz/file.h"
#include "attnviz/run.h"
#include "file/json.h"
#include "run/ids.h"

namespace attnviz {
namespace {

/// Of `5,3,8`, spaces allowed; none where it is anything else.
std::optional<TokenIds> listed_ids(const std::string& list) {
  TokenIds ids;
  const char* at = list.data();
  const char* const end = at + list.size();
  const auto skip_spaces = [&] {
    while (at != end && *at == ' ') ++at;
  };
  while (true) {
    TokenId id = 0;
    skip_spaces();
    const auto [behind, error] = std::from_chars(at, end, id);
    if (error != std::errc()) return std::nullopt;
    ids.push_back(id);
    at = behind;
    skip_spaces();
    if (at == end) return ids;
    if (*at++ != ',') return std::nullopt;
  }
}

}  // namespace

TokenIds ids_of_json(const nlohmann::json& json) {
  if (!json.is_array() || json.empty()) throw TextError("its \"ids\" are not a list of token ids");
  try {
    return integers<TokenId>(json);
  } catch (const nlohmann::json::exception&) {
    throw TextError("its \"ids\" are not a list of whole numbers");
  }
}

std::vector<TokenIds> read_ids(const std::string& list_or_file) {
  if (const auto ids = listed_ids(list_or_file)) return {*ids};
  std::error_code error;
  if (!std::filesystem::exists(list_or_file, error)) {
    throw UsageError("--ids takes token ids such as 5,3,8, or a JSON file of them; " +
                     list_or_file + " is neither");
  }
  const nlohmann::json json =
      nlohmann::json::parse(shallow(read_file(list_or_file)), nullptr, /*allow_exceptions=*/false);
  const nlohmann::json& lists = json.is_object() && json.contains("ids") ? json["ids"] : json;
  try {
    const bool is_one = !lists.is_array() || lists.empty() || !lists[0].is_array();
    if (is_one) return {ids_of_json(lists)};
    std::vector<TokenIds> texts;
    for (const nlohmann::json& list : lists) texts.push_back(ids_of_json(list));
    return texts;
  } catch (const TextError&) {
    throw TextError(list_or_file + " does not hold a list of token ids, such as [5, 3, 8]");
  }
}

}  // namespace attnviz
