#include "attnviz/page.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <libdeflate.h>

#include <nlohmann/json.hpp>
#include <regex>

#include "attnviz/error.h"
#include "page/packing.h"

namespace attnviz {
namespace {

/// Of n_keys keys, and as many queries or n_queries, which are the last where it is causal.
AttentionPatterns random_patterns(const std::vector<int>& heads, int n_keys, bool causal,
                                  int n_queries = 0) {
  at::manual_seed(n_keys);
  if (n_queries == 0) n_queries = n_keys;
  AttentionPatterns patterns;
  patterns.causal = causal;
  const at::Tensor future = at::ones({n_queries, n_keys}, at::kBool).triu(1 + n_keys - n_queries);
  for (const int n_heads : heads) {
    at::Tensor scores = at::randn({n_heads, n_queries, n_keys}) * 2;
    if (causal) scores = scores.masked_fill(future, -INFINITY);
    patterns.layers.push_back(at::softmax(scores, 2).contiguous());
  }
  return patterns;
}

std::string from_base64(const std::string& text) {
  std::string bytes;
  unsigned bits = 0;
  int n_bits = 0;
  for (const char c : text) {
    if (c == '=') break;
    static const std::string kDigits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bits = bits << 6U | unsigned(kDigits.find(c));
    n_bits += 6;
    if (n_bits >= 8) bytes += char(bits >> unsigned(n_bits -= 8) & 0xFFU);
  }
  return bytes;
}

std::string inflated(const std::string& zlib, std::size_t size) {
  std::string bytes(size, '\0');
  auto* decompressor = libdeflate_alloc_decompressor();
  EXPECT_EQ(libdeflate_zlib_decompress(decompressor, zlib.data(), zlib.size(), bytes.data(), size,
                                       nullptr),
            LIBDEFLATE_SUCCESS);
  libdeflate_free_decompressor(decompressor);
  return bytes;
}

struct Written {
  explicit Written(const std::string& page) : html(page) {
    std::smatch found;
    std::regex_search(html, found,
                      std::regex("<script type=\"application/json\" id=\"data\">([^<]*)</script>"));
    json = nlohmann::json::parse(found[1].str());
  }
  [[nodiscard]] std::string layer(const std::string& id) const {
    const std::string start = "id=\"" + id + "\">";
    const auto at = html.find(start) + start.size();
    return html.substr(at, html.find('<', at) - at);
  }
  /// The n numbers of a layer of the first set.
  [[nodiscard]] std::vector<int> numbers(std::size_t layer, std::size_t n) const {
    const std::string bytes =
        inflated(from_base64(this->layer(json["sets"][0]["layers"][layer]["data"])), 2 * n);
    std::vector<int> numbers;
    for (std::size_t i = 0; i < n; ++i) {
      numbers.push_back(std::uint8_t(bytes[i]) | std::uint8_t(bytes[n + i]) << 8);
    }
    return numbers;
  }
  std::string html;
  nlohmann::json json;
};

class PageTest : public ::testing::Test {
 protected:
  /// Of one text: queries are the last of the keys.
  Page page(const std::vector<AttentionPatterns>& sets) {
    const auto n_keys = std::size_t(sets[0].n_keys()), n_queries = std::size_t(sets[0].n_queries());
    labels_.assign(n_keys, {{"·", true}, {"be", false}});
    Page page;
    page.title = "To be";
    page.model = "m.pt";
    page.software = "attnviz";
    page.keys = labels_;
    page.queries = page.keys.last(std::min(n_queries, n_keys));
    page.key_words.assign(n_keys, " be");
    page.query_words.assign(n_queries, " be");
    for (const AttentionPatterns& set : sets) page.sets.push_back({"set", &set});
    return page;
  }
  std::vector<Label> labels_;
};

/// How the weights that a page holds should be: those of each row as far as its query sees.
void expect_weights(const Written& written, const AttentionPatterns& patterns) {
  const std::int64_t n_queries = patterns.n_queries(), n_keys = patterns.n_keys();
  for (std::size_t layer = 0; layer < patterns.layers.size(); ++layer) {
    const at::Tensor& values = patterns.layers[layer];
    const auto data = values.accessor<float, 3>();
    std::vector<double> expected;
    for (std::int64_t head = 0; head < values.size(0); ++head) {
      for (std::int64_t q = 0; q < n_queries; ++q) {
        for (std::int64_t k = 0; k < n_keys; ++k) {
          if (patterns.causal && k > q + n_keys - n_queries) continue;
          expected.push_back(data[head][q][k]);
        }
      }
    }
    const std::vector<int> numbers = written.numbers(layer, expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_NEAR(numbers[i] / 65535.0, expected[i], 0.51 / 65535);
    }
  }
}

TEST_F(PageTest, holds_every_weight_to_a_65535th) {
  for (const bool causal : {true, false}) {
    const std::vector<AttentionPatterns> sets = {random_patterns({3, 1}, 9, causal)};
    const Written written(encode_page(page(sets)));
    EXPECT_EQ(written.json["causal"], causal);
    EXPECT_EQ(written.json["sets"][0]["layers"][0]["heads"], (std::vector<int>{0, 1, 2}));
    expect_weights(written, sets[0]);
  }
}

TEST_F(PageTest, one_text_is_told_once) {
  const std::vector<AttentionPatterns> sets = {random_patterns({1}, 4, true)};
  const Written written(encode_page(page(sets)));
  std::vector<std::string> names;
  for (const auto& [name, value] : written.json.items()) names.push_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{"bits", "causal", "colours", "model", "note", "sets",
                                             "software", "title", "tokens", "version", "words"}));
}

TEST_F(PageTest, of_kept_keys_each_query_has_what_it_sees) {
  const std::vector<AttentionPatterns> sets = {random_patterns({2, 3}, 9, true, 4)};
  const Written written(encode_page(page(sets)));
  EXPECT_EQ(written.json["causal"], true);
  EXPECT_EQ(written.json["tokens"].size(), 9U);
  EXPECT_EQ(written.json.at("query_tokens").size(), 4U);
  EXPECT_EQ(written.json.at("query_words").size(), 4U);
  EXPECT_EQ(n_weights(sets[0]), 5U * (6 + 7 + 8 + 9));
  expect_weights(written, sets[0]);
}

TEST_F(PageTest, cross_attention_has_both_texts_and_all_cells) {
  for (const int n_queries : {3, 5, 8}) {
    const std::vector<AttentionPatterns> sets = {random_patterns({2}, 5, false, n_queries)};
    const std::vector<Label> queries(std::size_t(n_queries), {{"être", false}});
    Page crossed = page(sets);
    crossed.queries = queries;
    crossed.query_words.assign(std::size_t(n_queries), "être");
    const Written written(encode_page(crossed));
    EXPECT_EQ(written.json["words"], std::vector<std::string>(5, " be"));
    EXPECT_EQ(written.json.at("query_words"), crossed.query_words);
    EXPECT_EQ(written.json.at("query_tokens")[0], nlohmann::json::parse(R"([["être", 0]])"));
    expect_weights(written, sets[0]);
  }
}

TEST_F(PageTest, queries_before_the_first_key_are_sent_whole) {
  std::vector<AttentionPatterns> sets = {random_patterns({1}, 3, false, 5)};
  sets[0].causal = true;
  const std::vector<Label> queries(5, {{"a", false}});
  Page page_of_more = page(sets);
  page_of_more.queries = queries;
  const Written written(encode_page(page_of_more));
  EXPECT_EQ(written.json["causal"], false);
  sets[0].causal = false;
  expect_weights(written, sets[0]);
}

TEST_F(PageTest, says_where_the_continuation_begins) {
  const std::vector<AttentionPatterns> sets = {random_patterns({1}, 6, true)};
  Page continued = page(sets);
  continued.n_prompt = 4;
  EXPECT_EQ(Written(encode_page(continued)).json.at("n_prompt"), 4);
  for (const std::int64_t none : {0, 6, 7}) {
    continued.n_prompt = none;
    EXPECT_FALSE(Written(encode_page(continued)).json.contains("n_prompt")) << none;
  }
}

TEST_F(PageTest, what_was_left_out_is_blank_and_no_weight_is) {
  std::vector<AttentionPatterns> sets = {random_patterns({1}, 4, false)};
  const float least = 1 / 65535.F;
  const std::vector<float> weights = {1,
                                      0,
                                      1 - least,
                                      NAN,
                                      NAN,
                                      NAN,
                                      1 - 0.8F * least,
                                      1 - 1.2F * least,
                                      2 * least,
                                      1 - 2 * least,
                                      0.5,
                                      NAN,
                                      0.25,
                                      0.75,
                                      0,
                                      NAN};
  sets[0].layers[0] = at::tensor(weights).reshape({1, 4, 4});
  const Written written(encode_page(page(sets)));
  const int blank = written.json.at("blank");
  EXPECT_NE(written.json["note"].dump().find("left blank"), std::string::npos);
  const std::vector<int> numbers = written.numbers(0, weights.size());
  for (std::size_t i = 0; i < weights.size(); ++i) {
    EXPECT_EQ(numbers[i] == blank, std::isnan(weights[i])) << i;
    if (std::isnan(weights[i])) continue;
    EXPECT_NEAR(numbers[i] / 65535.0, weights[i], 1.01 / 65535) << i;
  }
}

TEST_F(PageTest, one_set_that_left_out_makes_room_in_both) {
  std::vector<AttentionPatterns> sets = {random_patterns({1}, 2, false),
                                         random_patterns({1}, 2, false)};
  sets[0].layers[0].fill_(65534 / 65535.F);
  sets[1].layers[0][0][0][0] = NAN;
  const Written written(encode_page(page(sets)));
  const int blank = written.json.at("blank");
  for (const int number : written.numbers(0, 4)) EXPECT_NE(number, blank);
}

TEST_F(PageTest, weights_to_a_4369th_are_never_blank) {
  const at::Tensor layer = at::linspace(0, 1, 70'000).reshape({1, 1, 70'000});
  const std::string bytes =
      inflated(packed(layer, {.causal = false, .step = 15, .has_blanks = true}), 140'000);
  for (std::size_t i = 0; i < 70'000; ++i) {
    const int number = std::uint8_t(bytes[i]) | std::uint8_t(bytes[70'000 + i]) << 8;
    ASSERT_EQ(number % 15, 0) << i;
  }
}

TEST_F(PageTest, needs_nothing_else) {
  const std::vector<AttentionPatterns> sets = {random_patterns({2}, 4, true)};
  const std::string html = encode_page(page(sets));
  EXPECT_EQ(html.find("@STYLE@"), std::string::npos);
  EXPECT_EQ(html.find("@SCRIPT@"), std::string::npos);
  EXPECT_EQ(html.find("@DATA@"), std::string::npos);
  for (const char* part : {"src=\"http", "href=\"http", "@import", "url(http"}) {
    EXPECT_EQ(html.find(part), std::string::npos) << part;
  }
  EXPECT_LT(html.size(), 400'000U);
}

TEST_F(PageTest, hostile_words_end_no_element) {
  const std::vector<AttentionPatterns> sets = {random_patterns({1}, 1, true)};
  Page hostile = page(sets);
  hostile.title = "</script><script>alert(1)</script> @DATA@ @SCRIPT@";
  hostile.key_words = {"</script>\xff<!--"};
  labels_ = {{{"</ScRiPt>", false}}};
  hostile.keys = labels_;
  const std::string html = encode_page(hostile);
  EXPECT_EQ(html.find("alert(1)</script>"), std::string::npos);
  EXPECT_EQ(html.find("</ScRiPt>"), std::string::npos);
  EXPECT_EQ(Written(html).json["title"], hostile.title);
}

TEST_F(PageTest, forty_eight_heads_and_512_tokens_are_less_than_8_megabytes) {
  const std::vector<AttentionPatterns> sets = {random_patterns({8, 8, 8, 8, 8, 8}, 512, true)};
  const std::string html = encode_page(page(sets));
  EXPECT_LT(html.size(), 8'000'000U);
  EXPECT_NE(Written(html).json["note"].dump().find("rounded to 1/4369"), std::string::npos);
  std::printf("%zu bytes\n", html.size());
}

TEST_F(PageTest, a_long_text_is_no_long_title) {
  const std::vector<AttentionPatterns> sets = {random_patterns({1}, 4, true)};
  Page longer = page(sets);
  for (int i = 0; i < 50; ++i) longer.title += "日本語";
  const std::string title = Written(encode_page(longer)).json["title"];
  EXPECT_LE(title.size(), 123U);
  EXPECT_TRUE(title.ends_with("語…") || title.ends_with("本…") || title.ends_with("日…")) << title;
}

TEST_F(PageTest, heads_that_were_pruned_keep_their_numbers) {
  std::vector<AttentionPatterns> sets = {random_patterns({2, 1}, 4, true)};
  sets[0].kept = {{1, 5}, {0}};
  const Written written(encode_page(page(sets)));
  EXPECT_EQ(written.json["sets"][0]["layers"][0]["heads"], (std::vector<int>{1, 5}));
}

TEST_F(PageTest, what_does_not_fit_is_refused) {
  const std::vector<AttentionPatterns> sets = {random_patterns({1}, 4, true)};
  Page wrong = page(sets);
  wrong.key_words.pop_back();
  EXPECT_THROW((void)encode_page(wrong), ShapeError);
  wrong = page(sets);
  wrong.query_words.pop_back();
  EXPECT_THROW((void)encode_page(wrong), ShapeError);
  wrong = page(sets);
  wrong.queries = wrong.keys.first(3);
  EXPECT_THROW((void)encode_page(wrong), ShapeError);
  wrong = page(sets);
  wrong.sets.clear();
  EXPECT_THROW((void)encode_page(wrong), ShapeError);
}

TEST(PageList, holds_its_links) {
  const std::string html =
      encode_page_list("2 texts", std::vector<PageLink>{{"a/b</script>.html", "a/b", 3}});
  EXPECT_EQ(html.find("b</script>"), std::string::npos);
  EXPECT_NE(html.find("\"tokens\":3"), std::string::npos);
}

}  // namespace
}  // namespace attnviz
