#include "dump/tokens.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "attnviz/error.h"
#include "attnviz/file.h"
#include "file/json.h"
#include "text/alphabet.h"

namespace attnviz::dump {
namespace {

using Json = nlohmann::json;

/// With their names as they are written, where they have such.
struct NamedTokens : SideTokens {
  std::vector<std::string> names = {};
};

/// Tokens of one list, by name or by id.
NamedTokens tokens_in(const Json& list, const std::string& where) {
  NamedTokens tokens;
  std::vector<std::string>& names = tokens.names;
  if (!list.is_array()) throw ModelError(where + " is no JSON list of tokens");
  for (const Json& token : list) {
    if (token.is_string()) {
      names.push_back(token.get<std::string>());
    } else if (token.is_number_integer() &&
               (!token.is_number_unsigned() || token.get<std::uint64_t>() <= INT64_MAX)) {
      tokens.ids.push_back(token.get<std::int64_t>());
    } else {
      throw ModelError(where + " holds " + token.dump().substr(0, 40) +
                       ", which is neither a token nor an id");
    }
  }
  if (list.empty()) throw ModelError(where + " holds no tokens");
  if (!names.empty() && !tokens.ids.empty()) {
    throw ModelError(where + " holds both tokens and ids; give one or the other");
  }
  tokens.pieces = pieces_named(names);
  return tokens;
}

NamedTokens tokens_of_json(const std::string& text, const std::string& where) {
  const Json list = Json::parse(shallow(text), nullptr, /*allow_exceptions=*/false);
  if (list.is_discarded()) throw ModelError(where + " is no JSON");
  return tokens_in(list, where);
}

/// As attnviz writes them: each token by GPT-2's names of bytes.
std::vector<std::string> pieces_of_bytes(const std::string& text) {
  std::vector<std::string> pieces;
  const Json list = Json::parse(shallow(text), nullptr, /*allow_exceptions=*/false);
  if (!list.is_array()) throw ModelError("its list of tokens is damaged");
  for (const Json& name : list) {
    if (!name.is_string()) throw ModelError("its list of tokens is damaged");
    text::append_named_bytes(pieces.emplace_back(), name.get_ref<const std::string&>());
  }
  return pieces;
}

/// Integers of any width.
bool read_ids(const Stored& stored, const std::string& name,
              const std::optional<std::int64_t>& item, SideTokens& tokens) {
  for (const NamedTensor& tensor : stored.tensors) {
    if (tensor.name != name) continue;
    at::Tensor ids = tensor.values;
    if (ids.dim() == 2 && ids.size(0) == 1) ids = ids[0];
    if (ids.dim() == 2 && item && *item < ids.size(0)) ids = ids[*item];
    if (ids.dim() != 1 || at::isFloatingType(ids.scalar_type()) || ids.scalar_type() == at::kBool) {
      throw ModelError("its tensor " + name + " is no list of token ids");
    }
    ids = ids.to(at::kLong).contiguous();
    tokens.ids.assign(ids.data_ptr<std::int64_t>(), ids.data_ptr<std::int64_t>() + ids.numel());
    return true;
  }
  return false;
}

bool read_names(const Stored& stored, const std::string& name,
                const std::optional<std::int64_t>& item, NamedTokens& tokens) {
  if (const auto text = stored.metadata.find(name); text != stored.metadata.end()) {
    tokens = tokens_of_json(text->second, "`" + name + "` in its metadata");
    return true;
  }
  if (const auto texts = stored.texts.find(name); texts != stored.texts.end()) {
    tokens.names = texts->second;
    tokens.pieces = pieces_named(tokens.names);
    return true;
  }
  return read_ids(stored, name, item, tokens);
}

struct Lists {
  std::optional<NamedTokens> both, queries, keys;
};

std::optional<NamedTokens> stored_list(const Stored& stored, const char* bytes,
                                       std::initializer_list<const char*> names,
                                       const std::optional<std::int64_t>& item) {
  NamedTokens tokens;
  bool is_there = false;
  for (const char* name : names) {
    NamedTokens read;
    if (!read_names(stored, name, item, read)) continue;
    is_there = true;
    if (!read.names.empty()) tokens.names = std::move(read.names);
    if (!read.pieces.empty()) tokens.pieces = std::move(read.pieces);
    if (!read.ids.empty()) tokens.ids = std::move(read.ids);
  }
  if (const auto text = stored.metadata.find(bytes); text != stored.metadata.end()) {
    tokens.pieces = pieces_of_bytes(text->second);
    is_there = true;
  }
  return is_there ? std::optional(std::move(tokens)) : std::nullopt;
}

Lists stored_lists(const Stored& stored, const std::optional<std::int64_t>& item) {
  return {stored_list(stored, "", {"tokens", "ids", "input_ids"}, item),
          stored_list(stored, kQueryPieces, {"queries", "query_ids"}, item),
          stored_list(stored, kKeyPieces, {"keys", "key_ids"}, item)};
}

Lists lists_of_file(const std::filesystem::path& path) {
  const Json json = Json::parse(shallow(read_file(path)), nullptr, /*allow_exceptions=*/false);
  const std::string where = path.string();
  if (json.is_discarded()) throw ModelError(where + " is no JSON");
  if (!json.is_object()) return {tokens_in(json, where), std::nullopt, std::nullopt};
  Lists lists;
  for (const auto& [name, list] : json.items()) {
    if (name == "queries") {
      lists.queries = tokens_in(list, "`queries` of " + where);
    } else if (name == "keys") {
      lists.keys = tokens_in(list, "`keys` of " + where);
    } else if (name == "tokens") {
      lists.both = tokens_in(list, "`tokens` of " + where);
    } else {
      throw ModelError(where + " holds `" + name + "`; it may hold tokens, or queries and keys");
    }
  }
  return lists;
}

void require_number(std::size_t n, std::int64_t wanted, const char* what, const char* side) {
  if (n == 0 || std::int64_t(n) == wanted) return;
  throw ModelError("there are " + std::to_string(n) + " " + what + " for " +
                   std::to_string(wanted) + " " + side);
}

void require_fit(const SideTokens& tokens, std::int64_t n, const char* side) {
  require_number(tokens.pieces.size(), n, "tokens", side);
  require_number(tokens.ids.size(), n, "ids", side);
}

template <typename Token>
std::vector<Token> last(const std::vector<Token>& tokens, std::int64_t n) {
  if (tokens.empty()) return {};
  return {tokens.end() - n, tokens.end()};
}

}  // namespace

void add_tokens(AttentionDump& dump, const Stored& stored, const DumpOptions& options) {
  const std::int64_t n_queries = dump.patterns.n_queries(), n_keys = dump.patterns.n_keys();
  const Lists lists = options.tokens.empty() ? stored_lists(stored, options.batch_item)
                                             : lists_of_file(options.tokens);
  if (lists.keys) dump.keys = *lists.keys;
  if (lists.queries) dump.queries = *lists.queries;
  if (lists.both) {
    if (n_queries != n_keys && !dump.patterns.causal && !(lists.queries && lists.keys)) {
      throw ModelError("it has " + std::to_string(n_queries) + " queries and " +
                       std::to_string(n_keys) +
                       " keys, which look at other tokens; name both, as `queries` and `keys`");
    }
    if (dump.keys.pieces.empty()) dump.keys.pieces = lists.both->pieces;
    if (dump.keys.ids.empty()) dump.keys.ids = lists.both->ids;
  }
  if (lists.queries && !lists.keys && !lists.both && n_queries == n_keys) dump.keys = dump.queries;
  require_fit(dump.keys, n_keys, "keys");
  // Of the same positions: all, or the last ones.
  if (!lists.queries && (n_queries == n_keys || dump.patterns.causal)) {
    dump.queries = {last(dump.keys.pieces, n_queries), last(dump.keys.ids, n_queries)};
  }
  require_fit(dump.queries, n_queries, "queries");
  // How names are spelt shows in many of them, and may not in the few of a cache's queries.
  const NamedTokens none;
  const auto& all = (lists.keys ? *lists.keys : lists.both ? *lists.both : none).names;
  const auto& some = (lists.queries ? *lists.queries : none).names;
  if (!some.empty() && some.size() <= all.size() &&
      std::equal(some.rbegin(), some.rend(), all.rbegin())) {
    dump.queries.pieces = last(dump.keys.pieces, n_queries);
  }
}

}  // namespace attnviz::dump
