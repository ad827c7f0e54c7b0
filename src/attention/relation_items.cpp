#include <map>
#include <random>
#include <set>

#include "attnviz/error.h"
#include "relation_baseline.h"
#include "relation_grammar.h"
#include "wording.h"

namespace attnviz {
namespace {

constexpr double kMostTokensAWord = 2;
constexpr std::int64_t kDrawsAnItem = 200;

/// The tokens of each word; empty where one reaches across two words. A space belongs to the word
/// after it.
std::vector<TokenRange> word_tokens(const Tokenizer& tokenizer, const Draft& draft,
                                    const TokenIds& ids) {
  std::vector<TokenRange> words;
  std::size_t end = 0;    // of the word, in bytes
  std::size_t place = 0;  // where the tokens so far end
  std::int64_t token = 0;
  const auto n_tokens = static_cast<std::int64_t>(ids.size());
  for (const std::string& word : draft.words) {
    end += word.size() + (words.empty() || word == "." ? 0 : 1);
    const std::int64_t first = token;
    for (; place < end && token < n_tokens; ++token) {
      place += tokenizer.decode(std::span(&ids[token], 1)).size();
    }
    if (place != end) return {};
    words.push_back({first, token});
  }
  return words;
}

/// The item, without words where they cannot be told.
RelationItem item_of(const Tokenizer& tokenizer, Relation relation, const Draft& draft) {
  RelationItem item;
  item.relation = relation;
  item.text = text_of(draft);
  item.ids = tokenizer.encode(item.text);
  item.words = word_tokens(tokenizer, draft, item.ids);
  item.query = draft.query;
  item.target = draft.target;
  return item;
}

/// Why this vocabulary's tokens are no words; empty where they are.
std::string word_problem(const Tokenizer& tokenizer, std::uint64_t seed) {
  constexpr int kSentences = 50;
  std::mt19937_64 random(seed);
  std::size_t n_tokens = 0, n_words = 0;
  for (std::size_t i = 0; i < kRelations * kSentences; ++i) {
    const auto relation = static_cast<Relation>(i % kRelations);
    const RelationItem item = item_of(tokenizer, relation, draw_sentence(relation, random));
    if (item.words.empty()) {
      return "no word boundaries: tokens of this vocabulary reach across words";
    }
    n_tokens += item.ids.size();
    n_words += item.words.size();
  }
  const double ratio = static_cast<double>(n_tokens) / static_cast<double>(n_words);
  if (ratio <= kMostTokensAWord) return {};
  return "no word boundaries: this vocabulary takes " + decimals(ratio, 1) +
         " tokens for an English word";
}

/// Draws a relation's items, each only where no fixed head gets more than its share by it. False:
/// the draws did not suffice.
bool draw_items(const Tokenizer& tokenizer, Relation relation, const RelationOptions& options,
                std::vector<RelationItem>& items) {
  const std::int64_t most = options.n_items / 4 > 0 ? options.n_items / 4 : 1;
  std::mt19937_64 random(options.seed * kRelations + static_cast<std::uint64_t>(relation));
  std::map<FixedHead, std::int64_t> hits;
  std::set<std::string> texts;
  std::int64_t n_items = 0;
  for (std::int64_t draw = 0; draw < kDrawsAnItem * options.n_items; ++draw) {
    if (n_items == options.n_items) return true;
    RelationItem item = item_of(tokenizer, relation, draw_sentence(relation, random));
    const auto n_tokens = static_cast<std::int64_t>(item.ids.size());
    if (n_tokens > options.n_positions || item.words.empty() || texts.contains(item.text)) continue;
    const std::vector<FixedHead> heads = fixed_heads_on_target(item);
    bool balanced = true;
    for (const FixedHead& head : heads) balanced = balanced && hits[head] < most;
    if (!balanced) continue;
    for (const FixedHead& head : heads) ++hits[head];
    texts.insert(item.text);
    items.push_back(std::move(item));
    ++n_items;
  }
  return n_items == options.n_items;
}

}  // namespace

RelationItems make_relation_items(const Tokenizer& tokenizer, const RelationOptions& options) {
  if (options.n_items < 1) throw UsageError("relations need 1 item or more");
  RelationItems result;
  result.not_measured = word_problem(tokenizer, options.seed);
  for (std::size_t i = 0; i < kRelations && result.not_measured.empty(); ++i) {
    if (!draw_items(tokenizer, static_cast<Relation>(i), options, result.items)) {
      result.not_measured =
          "no " + std::to_string(options.n_items) +
          " sentences with balanced distances could be drawn with this vocabulary in " +
          counted(options.n_positions, "position");
    }
  }
  if (!result.not_measured.empty()) result.items.clear();
  return result;
}

}  // namespace attnviz
