// SVG and PDF: rasterised by other programs (librsvg, Poppler) they are the PNG again.
#include "figure/vector.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <opencv2/imgcodecs.hpp>
#include <regex>

#include "attnviz/error.h"
#include "attnviz/file.h"
#include "figure/fixtures.h"
#include "temporary_folder.h"

namespace attnviz {
namespace {

constexpr int kDpi = 72;  // a point is a pixel

bool is_there(const std::string& program) {
  return std::system(("command -v " + program + " >/dev/null").c_str()) == 0;
}

/// As librsvg and Poppler paint it. Poppler lets an image reach to the ends of all pixels that it
/// touches, so it paints pixels of a quarter of the size, of which every fourth is taken.
cv::Mat3b rasterised(const Drawing& drawing, FileFormat format) {
  const TemporaryFolder folder;
  const std::string path = (folder.path() / "figure").string();
  write_file_atomically(path, encode(drawing, format, kDpi));
  const int finer = format == FileFormat::pdf ? 4 : 1;
  const std::string size =
      " -w " + std::to_string(drawing.width) + " -h " + std::to_string(drawing.height);
  const std::string command = format == FileFormat::svg
                                  ? "rsvg-convert" + size + " -o " + path + ".png " + path
                                  : "pdftoppm -png -singlefile -r " + std::to_string(finer * kDpi) +
                                        " " + path + " " + path;
  EXPECT_EQ(std::system(command.c_str()), 0);
  const cv::Mat3b fine = decode(read_file(path + ".png"));
  cv::Mat3b picture(fine.rows / finer, fine.cols / finer);
  for (int y = 0; y < picture.rows; ++y) {
    for (int x = 0; x < picture.cols; ++x) {
      picture(y, x) = fine(y * finer + finer / 2, x * finer + finer / 2);
    }
  }
  return picture;
}

/// Of all pixels, how many differ by more than a little in a channel.
double share_that_differs(const cv::Mat3b& a, const cv::Mat3b& b, int most) {
  if (a.size() != b.size()) return 1;
  int n = 0;
  for (int y = 0; y < a.rows; ++y) {
    for (int x = 0; x < a.cols; ++x) {
      for (int c = 0; c < 3; ++c) {
        if (std::abs(a(y, x)[c] - b(y, x)[c]) > most) {
          ++n;
          break;
        }
      }
    }
  }
  return double(n) / a.total();
}

class Vector : public ::testing::TestWithParam<FileFormat> {
 protected:
  void SetUp() override {
    if (!is_there("rsvg-convert") || !is_there("pdftoppm")) {
      GTEST_SKIP() << "librsvg2-bin or poppler-utils is not there";
    }
  }
};

TEST_P(Vector, cells_and_bars_are_the_same_pixels_as_in_the_png) {
  for (const int n : {1, 7, 11, 300}) {  // of the last there are too many: images
    for (const auto layout : layouts) {
      Drawing drawing =
          layout(view_of(make_patterns({2, 3}, n), make_labels(n), question), {.dpi = kDpi});
      drawing.texts.clear();
      EXPECT_LT(share_that_differs(rasterised(drawing, GetParam()), painted(drawing), 2), 0.002)
          << n;
    }
  }
}

TEST_P(Vector, letters_stand_where_the_png_has_them) {
  for (const auto layout : layouts) {
    const Drawing drawing =
        layout(view_of(make_patterns({2}, 11), make_labels(11), question), {.dpi = kDpi});
    Drawing bare = drawing;
    bare.texts.clear();
    const cv::Mat3b png = painted(drawing), vector = rasterised(drawing, GetParam());
    const double ink = share_that_differs(png, painted(bare), 40);
    ASSERT_GT(ink, 0.003);
    // Other rasterisers smooth otherwise; letters that stood elsewhere would differ by twice the
    // ink.
    EXPECT_LT(share_that_differs(png, vector, 110), 0.35 * ink);
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, Vector, ::testing::Values(FileFormat::svg, FileFormat::pdf),
                         [](const auto& one) { return std::string(to_string(one.param)); });

TEST(Svg, text_is_text) {
  const Drawing drawing =
      layout_grid(view_of(make_patterns({2}, 11), make_labels(11), "a < b & \"c\""), {});
  const std::string svg =
      encode(drawing, FileFormat::svg, 150,
             std::vector<std::pair<std::string, std::string>>{{"attnviz:model", "x < y"}});
  EXPECT_NE(svg.find("Layer 0"), std::string::npos);
  EXPECT_NE(svg.find("question"), std::string::npos);
  EXPECT_NE(svg.find("a &lt; b &amp; "), std::string::npos);
  EXPECT_NE(svg.find("attnviz:model: x &lt; y"), std::string::npos);
  EXPECT_EQ(svg.find("<image"), std::string::npos);
}

TEST(Svg, many_cells_are_images_and_not_a_million_rectangles) {
  const std::string svg =
      encode(layout_grid(view_of(make_patterns({2, 2}, 300), make_labels(300), "x")),
             FileFormat::svg, 150);
  EXPECT_NE(svg.find("<image"), std::string::npos);
  EXPECT_LT(svg.size(), 2'000'000U);
}

TEST(Svg, odd_letters_are_told_apart_and_none_breaks_the_file) {
  const std::string svg = encode(
      layout_last_layer(view_of(make_patterns({1}, 11), make_odd_labels(11), "\x01\x1b שלום")),
      FileFormat::svg, 150);
  EXPECT_NE(svg.find("bidi-override"), std::string::npos);
  EXPECT_EQ(svg.find('\x1b'), std::string::npos);
  EXPECT_EQ(svg.find('\x01'), std::string::npos);
}

TEST(Pdf, has_its_fonts_and_its_text_in_it) {
  if (!is_there("pdftotext")) GTEST_SKIP() << "poppler-utils is not there";
  const TemporaryFolder folder;
  const auto path = folder.path() / "figure.pdf";
  write_file_atomically(
      path, encode(layout_grid(view_of(make_patterns({2}, 11), make_labels(11), question)),
                   FileFormat::pdf, 150));
  const std::string out = (folder.path() / "out").string();
  ASSERT_EQ(std::system(("pdftotext " + path.string() + " " + out).c_str()), 0);
  const std::string text = read_file(out);
  EXPECT_NE(text.find("Layer 0"), std::string::npos) << text;
  EXPECT_NE(text.find(question), std::string::npos) << text;
  ASSERT_EQ(std::system(("pdffonts " + path.string() + " >" + out).c_str()), 0);
  EXPECT_TRUE(std::regex_search(read_file(out), std::regex("DejaVuSans .* yes yes")))
      << read_file(out);
}

TEST(VectorFiles, the_same_drawing_gives_the_same_bytes) {
  const Drawing drawing = layout_grid(view_of(make_patterns({2}, 7), make_labels(7), question));
  for (const FileFormat format : {FileFormat::svg, FileFormat::pdf}) {
    EXPECT_EQ(encode(drawing, format, 150), encode(drawing, format, 150));
  }
}

TEST(VectorFiles, a_drawing_that_reaches_beyond_its_picture_is_refused) {
  Drawing drawing = layout_grid(view_of(make_patterns({2}, 7), make_labels(7), question));
  drawing.width /= 2;
  for (const FileFormat format : {FileFormat::svg, FileFormat::pdf, FileFormat::png}) {
    EXPECT_THROW((void)encode(drawing, format, 150), FigureError);
  }
}

}  // namespace
}  // namespace attnviz
