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

AttentionPatterns random_patterns(const std::vector<int>& heads, int n, bool causal) {
  at::manual_seed(n);
  AttentionPatterns patterns;
  patterns.causal = causal;
  for (const int n_heads : heads) {
    at::Tensor scores = at::randn({n_heads, n, n}) * 2;
    if (causal) scores = scores.masked_fill(at::ones({n, n}, at::kBool).triu(1), -INFINITY);
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
  std::string html;
  nlohmann::json json;
};

class PageTest : public ::testing::Test {
 protected:
  Page page(const std::vector<AttentionPatterns>& sets) {
    const auto n = std::size_t(sets[0].n_positions());
    labels_.assign(n, {{"·", true}, {"be", false}});
    Page page{.title = "To be", .model = "m.pt", .software = "attnviz", .labels = labels_};
    page.words.assign(n, " be");
    for (const AttentionPatterns& set : sets) page.sets.push_back({"set", &set});
    return page;
  }
  std::vector<Label> labels_;
};

TEST_F(PageTest, holds_every_weight_to_a_65535th) {
  for (const bool causal : {true, false}) {
    const std::vector<AttentionPatterns> sets = {random_patterns({3, 1}, 9, causal)};
    const Written written(encode_page(page(sets)));
    EXPECT_EQ(written.json["causal"], causal);
    EXPECT_EQ(written.json["sets"][0]["layers"][0]["heads"], (std::vector<int>{0, 1, 2}));
    for (std::size_t layer = 0; layer < 2; ++layer) {
      const at::Tensor& values = sets[0].layers[layer];
      const std::size_t n = std::size_t(values.size(0)) * (causal ? 45 : 81);
      const std::string bytes = inflated(
          from_base64(written.layer(written.json["sets"][0]["layers"][layer]["data"])), 2 * n);
      std::size_t i = 0;
      for (int head = 0; head < values.size(0); ++head) {
        for (int q = 0; q < 9; ++q) {
          for (int k = 0; k < (causal ? q + 1 : 9); ++k, ++i) {
            const int weight = std::uint8_t(bytes[i]) | std::uint8_t(bytes[n + i]) << 8;
            EXPECT_NEAR(weight / 65535.0, values[head][q][k].item<double>(), 0.51 / 65535);
          }
        }
      }
      EXPECT_EQ(i, n);
    }
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
  hostile.words = {"</script>\xff<!--"};
  labels_ = {{{"</ScRiPt>", false}}};
  hostile.labels = labels_;
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
  wrong.words.pop_back();
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
