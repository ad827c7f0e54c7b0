#include <gtest/gtest.h>

#include <map>
#include <random>

#include "attnviz/error.h"
#include "figure/fixtures.h"

namespace attnviz {
namespace {

struct Chunk {
  std::string type, data;
};

std::uint32_t big_endian(const std::string& bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i)
    value = value << 8U | static_cast<std::uint8_t>(bytes.at(at + i));
  return value;
}

// The bytes after the signature: length, type, data, checksum, again and again.
std::vector<Chunk> chunks_of(const std::string& png) {
  EXPECT_EQ(png.substr(0, 8), "\x89PNG\r\n\x1A\n");
  std::vector<Chunk> chunks;
  for (std::size_t at = 8; at < png.size();) {
    const auto length = big_endian(png, at);
    chunks.push_back({png.substr(at + 4, 4), png.substr(at + 8, length)});
    at += 12 + length;
  }
  return chunks;
}

std::string chunk(const std::string& png, const std::string& type) {
  for (const auto& candidate : chunks_of(png)) {
    if (candidate.type == type) return candidate.data;
  }
  return "none";
}

Image make_image(int width, int height, int n_colours) {
  Image image{width, height, {}};
  std::mt19937 random(3);
  for (int i = 0; i < width * height; ++i) {
    const auto number = i < n_colours ? i : static_cast<int>(random() % n_colours);
    image.rgb.insert(image.rgb.end(), {static_cast<std::uint8_t>(number % 256),
                                       static_cast<std::uint8_t>(number / 256),
                                       static_cast<std::uint8_t>(number * 7)});
  }
  return image;
}

constexpr int colour_type_at = 9;  // in IHDR
constexpr char palette = 3, rgb = 2;

TEST(Png, few_colours_make_a_palette_and_many_do_not_and_both_keep_every_pixel) {
  for (const auto& [n_colours, type] :
       std::map<int, char>{{1, palette}, {2, palette}, {256, palette}, {257, rgb}, {3000, rgb}}) {
    const auto image = make_image(83, 61, n_colours);
    const auto png = encode_png(image, 150);
    EXPECT_EQ(chunk(png, "IHDR")[colour_type_at], type) << n_colours;
    const auto picture = decode(png);
    ASSERT_EQ(picture.cols, 83);
    ASSERT_EQ(picture.rows, 61);
    for (int i = 0; i < 83 * 61; ++i) {
      const auto pixel = picture(i / 83, i % 83);
      for (int c = 0; c < 3; ++c) ASSERT_EQ(pixel[c], image.rgb[3 * i + c]);
    }
  }
}

TEST(Png, a_picture_comes_out_the_same_with_and_without_a_palette) {
  const auto patterns = make_patterns({2}, 5);
  auto image = paint(layout_grid(view_of(patterns, make_labels(5), question)));
  const auto few = decode(encode_png(image, 150));
  for (int i = 0; i < 256; ++i) {  // more colours in its first pixels, and nowhere else
    image.rgb[3 * i] = static_cast<std::uint8_t>(i);
    image.rgb[3 * i + 1] = 77;
  }
  const auto png = encode_png(image, 150);
  EXPECT_EQ(chunk(png, "IHDR")[colour_type_at], rgb);
  const auto many = decode(png);
  const cv::Rect rest(0, 1, few.cols, few.rows - 1);
  EXPECT_EQ(cv::norm(few(rest), many(rest), cv::NORM_INF), 0);
}

TEST(Png, says_how_many_dots_an_inch_it_has) {
  for (const auto& [dpi, per_metre] :
       std::map<int, std::uint32_t>{{72, 2835}, {150, 5906}, {300, 11811}}) {
    const auto data = chunk(encode_png(make_image(3, 2, 4), dpi), "pHYs");
    ASSERT_EQ(data.size(), 9U);
    EXPECT_EQ(big_endian(data, 0), per_metre);
    EXPECT_EQ(big_endian(data, 4), per_metre);
    EXPECT_EQ(data[8], 1);  // the unit is the metre
  }
}

TEST(Png, carries_texts_as_utf8) {
  const std::vector<std::pair<std::string, std::string>> texts{{"Title", "日本 — é\n2nd line"},
                                                               {"Software", "attnviz"}};
  std::vector<std::string> found;
  for (const auto& each : chunks_of(encode_png(make_image(3, 2, 4), 150, texts))) {
    if (each.type == "iTXt") found.push_back(each.data);
  }
  // keyword, 0, not compressed, method, language, 0, keyword in that language, 0, text
  const std::string zeros(5, '\0');
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0], "Title" + zeros + "日本 — é\n2nd line");
  EXPECT_EQ(found[1], "Software" + zeros + "attnviz");
}

TEST(Png, holds_nothing_that_changes_from_run_to_run) {
  for (const auto& each : chunks_of(encode_png(make_image(3, 2, 4), 150))) {
    EXPECT_NE(each.type, "tIME");
    EXPECT_NE(each.type, "tEXt");
  }
}

TEST(Png, refuses_an_image_without_its_pixels) {
  EXPECT_THROW((void)encode_png(Image{}, 150), FigureError);
  EXPECT_THROW((void)encode_png(Image{2, 2, {1, 2, 3}}, 150), FigureError);
}

TEST(Png, refuses_a_keyword_that_png_does_not_allow) {
  for (const auto& keyword : {std::string(), std::string(80, 'k'), std::string("a\nb")}) {
    const std::vector<std::pair<std::string, std::string>> texts{{keyword, "x"}};
    EXPECT_THROW((void)encode_png(make_image(1, 1, 1), 150, texts), FigureError);
  }
}

}  // namespace
}  // namespace attnviz
