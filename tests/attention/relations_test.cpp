#include "attnviz/relations.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <sstream>

#include "attnviz/error.h"
#include "hand_made.h"
#include "text/gpt2.h"
#include "text/small_vocabulary.h"

namespace attnviz {
namespace {

using namespace hand_made;

const RelationItems& gpt2_items() {
  static const RelationItems items = make_relation_items(gpt2());
  return items;
}

std::string text_of_word(const Tokenizer& tokenizer, const RelationItem& item, std::size_t word) {
  const auto& [first, end] = item.words[word];
  std::string text = tokenizer.decode(std::span(item.ids).subspan(first, end - first));
  if (text[0] == ' ') text.erase(0, 1);
  return text;
}

std::vector<RelationItem> of_relation(const RelationItems& items, std::size_t relation) {
  std::vector<RelationItem> result;
  for (const RelationItem& item : items.items) {
    if (item.relation == static_cast<Relation>(relation)) result.push_back(item);
  }
  return result;
}

/// The head looks from each query token at key(q); on the first token where there is no such key.
template <typename Key>
at::Tensor looks_at(std::int64_t n, Key key) {
  return causal(n, [&](auto q, auto k) {
    const std::int64_t wanted = key(q);
    return k == (wanted >= 0 && wanted <= q ? wanted : 0) ? 1.0 : 0;
  });
}

/// All on the target, evenly on its tokens; elsewhere on the first token.
at::Tensor oracle(const RelationItem& item) {
  const TokenRange query = item.words[item.query], target = item.words[item.target];
  return causal(static_cast<std::int64_t>(item.ids.size()), [&](auto q, auto k) {
    if (q < query.first || q >= query.end) return k == 0 ? 1.0 : 0;
    return k >= target.first && k < target.end ? 1.0 : 0;
  });
}

std::vector<HeadRelations> findings_of(
    const std::vector<RelationItem>& items,
    const std::function<std::vector<at::Tensor>(const RelationItem&)>& heads) {
  RelationStatistics statistics;
  for (const RelationItem& item : items) statistics.add(layer(heads(item)), item);
  return statistics.findings();
}

/// Words of one token each.
RelationItem plain_item(std::int64_t n, std::size_t query, std::size_t target) {
  RelationItem item;
  item.ids = different(n);
  for (std::int64_t i = 0; i < n; ++i) item.words.push_back({i, i + 1});
  item.query = query;
  item.target = target;
  return item;
}

/// n items with the query in place 10 and targets 1 to 5 words before it in turn.
std::vector<RelationItem> five_distances(std::int64_t n) {
  std::vector<RelationItem> items;
  for (std::int64_t i = 0; i < n; ++i) items.push_back(plain_item(12, 10, 9 - i % 5));
  return items;
}

void expect_whole(const Tokenizer& tokenizer, const RelationItem& item) {
  std::istringstream spaced(item.text.substr(0, item.text.size() - 1));
  std::size_t word = 0;
  for (std::string expected; spaced >> expected; ++word) {
    EXPECT_EQ(text_of_word(tokenizer, item, word), expected) << item.text;
  }
  EXPECT_EQ(text_of_word(tokenizer, item, word), ".");
  EXPECT_EQ(item.words.size(), word + 1);
  EXPECT_EQ(tokenizer.encode(item.text), item.ids);
  EXPECT_EQ(item.words.back().end, std::int64_t(item.ids.size()));
}

/// The share of the items that the best head of a fixed distance or position finds, by looking at
/// every head that there is.
double best_fixed_share(const std::vector<RelationItem>& items) {
  std::map<std::pair<char, std::int64_t>, int> hits;
  for (const RelationItem& item : items) {
    const TokenRange query = item.words[item.query], target = item.words[item.target];
    ++hits[{'w', item.query - item.target}];
    ++hits[{'W', item.target}];
    for (std::int64_t d = 1; d < 40; ++d) {
      // The most tokens of the query word; the words between may have no more of them.
      std::map<std::size_t, int> seen;
      for (std::int64_t q = query.first; q < query.end; ++q) {
        for (std::size_t word = 1; word < item.query; ++word) {
          const TokenRange keys = item.words[word];
          if (q - d >= keys.first && q - d < keys.end) ++seen[word];
        }
      }
      const bool best = std::all_of(seen.begin(), seen.end(), [&](const auto& word) {
        return seen.contains(item.target) && word.second <= seen[item.target];
      });
      hits[{'t', d}] += !seen.empty() && best;
      hits[{'T', d}] += d >= target.first && d < target.end;
    }
  }
  int most = 0;
  for (const auto& [head, n] : hits) most = std::max(most, n);
  return most / double(items.size());
}

TEST(RelationItems, AreSentencesWithAWordThatLooksBack) {
  const RelationItems& made = gpt2_items();
  EXPECT_EQ(made.not_measured, "");
  ASSERT_EQ(made.items.size(), kRelations * 120);
  std::set<std::string> texts;
  std::size_t n_words = 0, n_single = 0;
  for (const RelationItem& item : made.items) {
    expect_whole(gpt2(), item);
    texts.insert(item.text);
    EXPECT_GE(item.target, 1U);
    EXPECT_LT(item.target, item.query);
    EXPECT_GE(item.query, 4U);  // else there is nothing to choose from
    EXPECT_GE(item.ids.size(), 8U);
    EXPECT_LE(item.words.size(), 32U);
    EXPECT_TRUE(std::isupper(item.text[0])) << item.text;
    n_words += item.words.size();
    for (const TokenRange& word : item.words) n_single += word.end - word.first == 1;
  }
  EXPECT_EQ(texts.size(), made.items.size());
  EXPECT_GE(n_single, n_words * 0.97);
}

TEST(RelationItems, NameQueryAndTarget) {
  const std::set<std::string> determiners = {"the", "a",   "an",    "this",  "his",    "her",
                                             "my",  "our", "their", "every", "another"};
  const std::map<std::string, std::set<std::string>> antecedents = {
      {"he",
       {"man", "boy", "king", "prince", "father", "brother", "uncle", "husband", "son",
        "grandfather", "monk", "wizard"}},
      {"she",
       {"woman", "girl", "queen", "princess", "mother", "sister", "aunt", "wife", "daughter",
        "lady", "witch", "nun"}}};
  std::set<std::string> pronouns;
  for (const RelationItem& item : gpt2_items().items) {
    const std::string query = text_of_word(gpt2(), item, item.query);
    const std::string target = text_of_word(gpt2(), item, item.target);
    EXPECT_TRUE(item.relation != Relation::determiner || determiners.contains(target)) << target;
    if (item.relation != Relation::pronoun) continue;
    pronouns.insert(query);
    EXPECT_EQ(query == "they", target.back() == 's' && target != "princess") << item.text;
    if (!antecedents.contains(query)) continue;
    // Of all words before the pronoun, the target alone is of its gender.
    for (std::size_t word = 0; word < item.query; ++word) {
      EXPECT_EQ(antecedents.at(query).contains(text_of_word(gpt2(), item, word)),
                word == item.target)
          << item.text;
    }
  }
  EXPECT_EQ(pronouns, (std::set<std::string>{"he", "she", "it", "they"}));
}

TEST(RelationItems, AreFoundByNoFixedDistanceOrPosition) {
  for (const std::uint64_t seed : {0, 1, 2}) {
    for (const std::int64_t n : {60, 120, 300}) {
      const RelationItems made = make_relation_items(gpt2(), {n, seed, 1024});
      for (std::size_t relation = 0; relation < kRelations; ++relation) {
        const auto items = of_relation(made, relation);
        ASSERT_EQ(items.size(), std::size_t(n)) << made.not_measured;
        EXPECT_LE(best_fixed_share(items), 0.30) << relation;
        EXPECT_GE(best_fixed_share(items), 0.10) << relation;  // the judge sees something
      }
    }
  }
}

TEST(RelationItems, AreTheSameForTheSameSeed) {
  const RelationItems again = make_relation_items(gpt2()),
                      other = make_relation_items(gpt2(), {120, 1, 1024});
  EXPECT_EQ(again.items[70].text, gpt2_items().items[70].text);
  EXPECT_EQ(again.items[470].text, gpt2_items().items[470].text);
  EXPECT_NE(other.items[70].text, gpt2_items().items[70].text);
  EXPECT_THROW((void)make_relation_items(gpt2(), {0, 0, 1024}), UsageError);
}

TEST(RelationItems, FitASmallModel) {
  const RelationItems made = make_relation_items(gpt2(), {120, 0, 18});
  ASSERT_EQ(made.items.size(), kRelations * 120) << made.not_measured;
  for (const RelationItem& item : made.items) EXPECT_LE(item.ids.size(), 18U);
  const RelationItems none = make_relation_items(gpt2(), {120, 0, 7});
  EXPECT_TRUE(none.items.empty());
  EXPECT_NE(none.not_measured.find("in 7 positions"), std::string::npos) << none.not_measured;
}

TEST(RelationItems, AreNoneForAVocabularyOfBytes) {
  const SmallVocabulary bytes;
  bytes.write();
  const RelationItems made = make_relation_items(Tokenizer(bytes.folder));
  EXPECT_TRUE(made.items.empty());
  EXPECT_NE(made.not_measured.find("no word boundaries"), std::string::npos) << made.not_measured;
}

TEST(RelationItems, HaveWordsOfSeveralTokens) {
  // Merges up to the sixth character of each word: longer words are of several tokens.
  SmallVocabulary small;
  for (const RelationItem& item : gpt2_items().items) {
    std::istringstream spaced(item.text);
    for (std::string word; spaced >> word;) {
      std::string left = " ";
      for (const char next : word.substr(0, std::min<std::size_t>(6, word.find('.')))) {
        const std::string merged = small.spell(left + next);
        if (std::find(small.names.begin(), small.names.end(), merged) == small.names.end()) {
          small.add_merge(small.spell(left), small.spell({next}));
        }
        left += next;
      }
    }
  }
  small.write();
  const Tokenizer tokenizer(small.folder);
  const RelationItems made = make_relation_items(tokenizer);
  ASSERT_EQ(made.items.size(), kRelations * 120) << made.not_measured;
  std::size_t n_longer = 0;
  for (const RelationItem& item : made.items) {
    expect_whole(tokenizer, item);
    n_longer += item.words[item.query].end - item.words[item.query].first > 1;
  }
  EXPECT_GT(n_longer, 20U);
  for (std::size_t relation = 0; relation < kRelations; ++relation) {
    EXPECT_LE(best_fixed_share(of_relation(made, relation)), 0.30) << relation;
  }
  for (const HeadRelations& head : findings_of(
           made.items, [](const RelationItem& item) { return std::vector{oracle(item)}; })) {
    for (const RelationFinding& found : head.relations) {
      EXPECT_EQ(found.accuracy, 1);
      EXPECT_TRUE(found.passes);
    }
  }
}

TEST(Relations, AreFoundByAnOracleOfThatRelationAlone) {
  const auto heads = findings_of(gpt2_items().items, [](const RelationItem& item) {
    const auto n = std::int64_t(item.ids.size());
    std::vector<at::Tensor> of_item;
    for (std::size_t relation = 0; relation < kRelations; ++relation) {
      const bool own = item.relation == static_cast<Relation>(relation);
      of_item.push_back(own ? oracle(item) : offset(n, 1));
    }
    return of_item;
  });
  ASSERT_EQ(heads.size(), kRelations);
  for (std::size_t head = 0; head < kRelations; ++head) {
    EXPECT_EQ(heads[head].id, (HeadId{0, int(head)}));
    ASSERT_EQ(heads[head].relations.size(), kRelations);
    for (std::size_t relation = 0; relation < kRelations; ++relation) {
      const RelationFinding& found = heads[head].relations[relation];
      EXPECT_EQ(found.relation, static_cast<Relation>(relation));
      EXPECT_EQ(found.n, 120);
      EXPECT_EQ(found.passes, head == relation) << head << ' ' << relation;
      EXPECT_TRUE(head != relation || found.accuracy == 1) << found.accuracy;
    }
  }
}

TEST(Relations, AreNotFoundByPositionNorByEvenAttention) {
  std::vector<double> best(kRelations);
  const auto heads = findings_of(gpt2_items().items, [](const RelationItem& item) {
    const auto n = std::int64_t(item.ids.size());
    std::vector<at::Tensor> of_item = {uniform(n), first(n), window(n, 4), decay(n),
                                       random(n, 3, unsigned(n))};
    for (std::int64_t d = 0; d < 16; ++d) of_item.push_back(offset(n, d));
    for (std::int64_t k = 1; k < 16; ++k) of_item.push_back(looks_at(n, [k](auto) { return k; }));
    return of_item;
  });
  for (const HeadRelations& head : heads) {
    for (const RelationFinding& found : head.relations) {
      EXPECT_FALSE(found.passes) << to_string(head.id) << ' ' << found.accuracy;
      EXPECT_LE(found.accuracy, found.baseline() + 1e-12);
      EXPECT_LE(found.baseline(), 0.30);
      auto& of_relation = best[static_cast<std::size_t>(found.relation)];
      of_relation = std::max(of_relation, found.accuracy);
      EXPECT_EQ(found.baseline(), heads[0].relations[std::size_t(found.relation)].baseline());
    }
  }
  // The baseline is what the best of these heads scores, no more.
  for (std::size_t relation = 0; relation < kRelations; ++relation) {
    EXPECT_DOUBLE_EQ(best[relation], heads[0].relations[relation].baseline());
  }
  for (const RelationFinding& found : heads[0].relations) EXPECT_EQ(found.hits, 0);  // even
}

RelationFinding only_finding(const RelationItem& item, const at::Tensor& head) {
  return findings_of({item}, [&](const RelationItem&) { return std::vector{head}; })
      .at(0)
      .relations.at(0);
}

TEST(Relations, AddUpTheTokensOfAWord) {
  RelationItem item = plain_item(6, 4, 2);  // words: 0, 1, 2 (tokens 2 and 3), 4, 5
  item.words = {{0, 1}, {1, 2}, {2, 4}, {4, 5}, {5, 6}};
  at::Tensor head = offset(6, 6);
  head[5] = at::tensor({0., .35, .25, .2, .2, 0.}, at::kDouble);
  EXPECT_EQ(only_finding(item, head).hits, 1);  // .45 against .35
  head[5] = at::tensor({0., .5, .25, .15, .1, 0.}, at::kDouble);
  EXPECT_EQ(only_finding(item, head).hits, 0);  // .40 against .50
}

TEST(Relations, AverageTheTokensOfTheQuery) {
  RelationItem item = plain_item(5, 3, 2);
  item.words = {{0, 1}, {1, 2}, {2, 3}, {3, 5}};
  at::Tensor head = offset(5, 5);
  head[3] = at::tensor({0., .1, .9, 0., 0.}, at::kDouble);
  head[4] = at::tensor({0., .6, .1, .3, 0.}, at::kDouble);
  EXPECT_EQ(only_finding(item, head).hits, 1);  // .35 and .50
  head[3] = at::tensor({0., .5, .5, 0., 0.}, at::kDouble);
  EXPECT_EQ(only_finding(item, head).hits, 0);  // .55 and .30
  head[4] = at::tensor({0., .2, .6, .2, 0.}, at::kDouble);
  EXPECT_EQ(only_finding(item, head).hits, 1);  // .35 and .55, by the second token
}

TEST(Relations, LeaveOutTheFirstWordAndTheQueryItself) {
  const RelationItem item = plain_item(5, 3, 2);
  at::Tensor head = offset(5, 5);
  head[3] = at::tensor({.6, .05, .1, .25, 0.}, at::kDouble);
  EXPECT_EQ(only_finding(item, head).hits, 1);
  head[3] = at::tensor({.6, .1, .1, .2, 0.}, at::kDouble);  // as much on another word
  EXPECT_EQ(only_finding(item, head).hits, 0);
  head[3] = at::tensor({1., 0., 0., 0., 0.}, at::kDouble);
  EXPECT_EQ(only_finding(item, head).hits, 0);
}

/// A head that finds the target of `hits` of the items, and n_others that find none.
std::vector<RelationFinding> findings_with(const std::vector<RelationItem>& items,
                                           std::int64_t hits, std::size_t n_others = 0) {
  std::int64_t done = 0;
  const auto heads = findings_of(items, [&](const RelationItem& item) {
    std::vector<at::Tensor> of_item(1 + n_others, uniform(std::int64_t(item.ids.size())));
    if (done++ < hits) of_item[0] = oracle(item);
    return of_item;
  });
  std::vector<RelationFinding> result;
  for (const HeadRelations& head : heads) result.push_back(head.relations.at(0));
  return result;
}

TEST(Relations, PassFromFiftyItemsOn) {
  EXPECT_FALSE(findings_with(five_distances(45), 45)[0].passes);
  const RelationFinding found = findings_with(five_distances(50), 50)[0];
  EXPECT_TRUE(found.passes);
  EXPECT_DOUBLE_EQ(found.best_offset, 0.2);
  EXPECT_DOUBLE_EQ(found.best_position, 0.2);
}

TEST(Relations, PassByTenPointsAndByTheirInterval) {
  // 300 of 1000 are 10 points more than the best offset, 299 are not; both are far from chance.
  EXPECT_TRUE(findings_with(five_distances(1000), 300)[0].passes);
  const RelationFinding close = findings_with(five_distances(1000), 299)[0];
  EXPECT_GT(close.lower, close.baseline());
  EXPECT_LT(close.p_value, 1e-12);
  EXPECT_FALSE(close.passes);
  // 18 of 60 are 10 points more too, and p is 0.043, but the interval begins at 19.9 % (by Python).
  const RelationFinding few = findings_with(five_distances(60), 18)[0];
  EXPECT_NEAR(few.p_value, 0.04269729941723426, 1e-12);
  EXPECT_NEAR(few.lower, 0.19898166138769108, 1e-12);
  EXPECT_FALSE(few.passes);
  EXPECT_TRUE(findings_with(five_distances(60), 19)[0].passes);
}

TEST(Relations, PassAgainstAllOtherHeads) {
  // P(X >= 18) = 0.0063 by itself (Python, with fractions); of 40 heads, the best has to be below
  // 0.05 / 40.
  EXPECT_TRUE(findings_with(five_distances(50), 18)[0].passes);
  const auto among_others = findings_with(five_distances(50), 18, 39);
  EXPECT_NEAR(among_others[0].p_value, 0.006260774584862603, 1e-12);
  EXPECT_FALSE(among_others[0].passes);
  EXPECT_TRUE(findings_with(five_distances(50), 25, 39)[0].passes);
}

TEST(Relations, AreNotFoundWhereOneDistanceIsRight) {
  const std::vector<RelationItem> items(80, plain_item(10, 8, 5));
  const RelationFinding found = findings_with(items, 80)[0];
  EXPECT_EQ(found.accuracy, 1);
  EXPECT_EQ(found.best_offset, 1);
  EXPECT_EQ(found.p_value, 1);
  EXPECT_FALSE(found.passes);
}

TEST(Relations, DoNotDependOnTheOrderOfTheItems) {
  std::vector<RelationItem> items = gpt2_items().items;
  const auto heads = [](const RelationItem& item) {
    const auto n = std::int64_t(item.ids.size());
    return std::vector{random(n, 8, unsigned(item.ids[3])), offset(n, 4), oracle(item)};
  };
  const auto one = findings_of(items, heads);
  std::shuffle(items.begin(), items.end(), std::mt19937_64(5));
  const auto other = findings_of(items, heads);
  for (std::size_t head = 0; head < one.size(); ++head) {
    for (std::size_t relation = 0; relation < kRelations; ++relation) {
      const RelationFinding &a = one[head].relations[relation],
                            &b = other[head].relations[relation];
      EXPECT_EQ(a.hits, b.hits);
      EXPECT_EQ(a.best_offset, b.best_offset);
      EXPECT_EQ(a.best_position, b.best_position);
      EXPECT_EQ(a.p_value, b.p_value);
      EXPECT_EQ(a.passes, b.passes);
    }
  }
}

TEST(Relations, RefuseWhatDoesNotBelongTogether) {
  RelationStatistics statistics;
  EXPECT_TRUE(statistics.findings().empty());
  const RelationItem item = plain_item(8, 6, 3);
  statistics.add(layer({uniform(8)}), item);
  EXPECT_THROW(statistics.add(layer({uniform(7)}), item), ShapeError);
  EXPECT_THROW(statistics.add(layer({uniform(8), uniform(8)}), item), ShapeError);
  AttentionPatterns both_ways = layer({uniform(8)});
  both_ways.causal = false;
  EXPECT_THROW(statistics.add(both_ways, item), ShapeError);
  EXPECT_THROW(statistics.add({}, item), ShapeError);
  EXPECT_THROW(statistics.add(layer({uniform(8)}), plain_item(8, 3, 6)), UsageError);
  EXPECT_THROW(statistics.add(layer({uniform(8)}), plain_item(8, 3, 0)), UsageError);
  RelationItem gap = item;
  gap.words[2].first = 1;
  EXPECT_THROW(statistics.add(layer({uniform(8)}), gap), UsageError);
  EXPECT_EQ(statistics.findings().at(0).relations.at(0).n, 1);
}

TEST(Relations, AreSaidInASentence) {
  RelationFinding found;
  found.relation = Relation::subject;
  found.n = 120;
  found.hits = 85;
  found.accuracy = 85 / 120.;
  found.best_offset = 0.28;
  found.best_position = 0.2;
  found.lower = 0.6216;
  EXPECT_EQ(sentence({3, 5}, found),
            "L3H5 attends to a verb's subject in 71 % of 120 template items (best fixed offset "
            "28 %, 95 % interval from 62 %; synthetic sentences, attention only)");
  found.best_position = 0.3;
  found.relation = Relation::pronoun;
  EXPECT_EQ(sentence({3, 5}, found),
            "L3H5 attends to a pronoun's antecedent in 71 % of 120 template items (best fixed "
            "position 30 %, 95 % interval from 62 %; synthetic sentences, attention only)");
}

TEST(Significance, WilsonLowerBound) {
  // By Python: the smaller root x of (p - x)² = z² x (1 - x) / n, z = NormalDist().inv_cdf(.975).
  EXPECT_NEAR(wilson_lower(85, 120), 0.6215576502025923, 1e-12);
  EXPECT_NEAR(wilson_lower(60, 120), 0.41193870541108407, 1e-12);
  EXPECT_NEAR(wilson_lower(120, 120), 0.9689808335812973, 1e-12);
  EXPECT_NEAR(wilson_lower(1, 50), 0.0035392592716462297, 1e-12);
  EXPECT_EQ(wilson_lower(0, 50), 0);
  EXPECT_THROW((void)wilson_lower(0, 0), UsageError);
  EXPECT_THROW((void)wilson_lower(5, 4), UsageError);
}

TEST(Significance, BinomialTail) {
  // By Python, with fractions: sum of comb(n, k) p**k (1 - p)**(n - k).
  EXPECT_NEAR(binomial_tail(45, 120, 0.25), 0.0016332176325833214, 1e-14);
  EXPECT_NEAR(binomial_tail(30, 120, 0.25), 0.534998388855159, 1e-12);
  EXPECT_NEAR(binomial_tail(1, 50, 0.01), 0.39499393286246337, 1e-12);
  EXPECT_NEAR(binomial_tail(120, 120, 0.25) / 5.659799424266695e-73, 1, 1e-10);
  EXPECT_NEAR(binomial_tail(85, 120, 0.28) / 2.8226562487311426e-22, 1, 1e-10);
  EXPECT_EQ(binomial_tail(0, 9, 0.5), 1);
  EXPECT_EQ(binomial_tail(9, 9, 1), 1);
  EXPECT_EQ(binomial_tail(1, 9, 0), 0);
  EXPECT_THROW((void)binomial_tail(1, 9, 1.5), UsageError);
}

TEST(Significance, BenjaminiHochberg) {
  // The example of their paper: four of fifteen are rejected, 0.0095 <= 4/15 0.05 = 0.0133.
  const std::vector<double> p = {.0201, .0001, .0004, .0019, .0095, .0278, .0298, .0344,
                                 .0459, .3240, .4262, .5719, .6528, .7590, 1.};
  const std::vector<bool> rejected = benjamini_hochberg(p);
  for (std::size_t i = 0; i < p.size(); ++i) EXPECT_EQ(rejected[i], p[i] <= .0095) << p[i];
  // A later p-value that fits carries those before it: .04 > .05 / 2, but .045 <= .05.
  EXPECT_EQ(benjamini_hochberg(std::vector{.045, .04}), (std::vector{true, true}));
  EXPECT_EQ(benjamini_hochberg(std::vector{.06, .04}), (std::vector{false, false}));
  EXPECT_TRUE(benjamini_hochberg({}).empty());
}

}  // namespace
}  // namespace attnviz
