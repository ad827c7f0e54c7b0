#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "attnviz/view.h"

namespace attnviz {

// A View → a Drawing (what is where, in pixels) → the bytes of a PNG, an SVG or a PDF.
// The layout decides everything; the painters only fill what they are told.

/// What the colours of a heatmap span. Row 0, whose only weight is always 1, never sets the upper
/// end; a value above it has the end's colour.
enum class ColourScale {
  automatic,  ///< figure below 64 tokens, log from there on: the few large weights of the first
              ///< rows would leave a long text's all in the dark
  panel,      ///< 0 to the panel's own largest weight; each panel says what that is
  figure,     ///< 0 to the largest weight of the figure: panels can be compared
  unit,       ///< 0 to 1: figures can be compared
  log,        ///< 0.001 to 1 in equal ratios; below is the lower end's colour
};

[[nodiscard]] constexpr std::string_view to_string(ColourScale scale) {
  constexpr std::string_view kNames[] = {"auto", "panel", "figure", "unit", "log"};
  return kNames[static_cast<std::size_t>(scale)];
}

enum class FileFormat { png, svg, pdf };
/// Its name, and the ending of its files.
[[nodiscard]] constexpr std::string_view to_string(FileFormat format) {
  constexpr std::string_view kNames[] = {"png", "svg", "pdf"};
  return kNames[static_cast<std::size_t>(format)];
}

struct FigureOptions {
  int dpi = 150;
  std::vector<FileFormat> formats = {FileFormat::png};  ///< of the files
  ColourScale scale = ColourScale::automatic;
  HeadChoice choice = {};  ///< draw only these, by their numbers
  Focus focus = {};        ///< of what each panel shows: of a mean, not of what it is the mean of
};

using Colour = std::array<std::uint8_t, 3>;  ///< red, green, blue

/// In pixels from the top left corner of the picture.
struct Box {
  double x = 0, y = 0, width = 0, height = 0;
};

/// blue_red diverges: what lies in the middle of the range is white.
enum class ColourMap { viridis, yl_or_rd, blues, blue_red };

/// The values that have a colour map's two ends; those beyond have the end's colour.
struct ValueRange {
  double low = 0, high = 1;
  bool log = false;  ///< equal ratios, not equal differences, are equally far apart
};

/// One pattern. Its cells tile the box, whose edges are whole pixels; where there are more cells
/// than pixels, a pixel shows the largest weight of the cells under it, or where the colours
/// diverge, the value farthest from the range's middle.
struct HeatmapItem {
  Box box;
  at::Tensor values;  ///< [query, key] float32, contiguous
  ColourMap colours = ColourMap::viridis;
  ValueRange range;
  bool causal = true;       ///< keys after the query are left blank (see n_seen)
  bool leaves_out = false;  ///< what is NaN was left out: it is blank, too, not grey
  std::string name = {};    ///< what it shows: `L2H3`, `L2`; empty: nothing that has a name
};

/// What a text's (x, y) is: a point of its baseline, at one end or in the middle of its ink.
enum class Anchor { start, middle, end };

/// One line of text, turned counter-clockwise about (x, y).
struct TextItem {
  Label parts;
  double x = 0, y = 0;
  double size = 0;  ///< of the em, in pixels
  int angle = 0;    ///< 0, 45 or 90 degrees
  Anchor anchor = Anchor::start;
  Colour colour{}, mark_colour{};
  Box ink;  ///< what it covers before it is turned, seen from (x, y)
};

/// A horizontal or vertical line, as the pixels it fills: ticks and frames.
struct LineItem {
  Box box;
  Colour colour{};
};

/// A colour map from its low end (bottom) to its high end (top). A pointed end says that there
/// are values beyond it; the point is drawn outside of the box, as high as the box is wide.
struct ColourBarItem {
  Box box;
  ColourMap colours = ColourMap::viridis;
  bool pointed_low = false, pointed_high = false;
  double frame = 1;  ///< thickness of the grey line around it, in pixels
};

/// A figure, laid out and not yet painted: what is where. Nothing in it depends on the painter.
struct Drawing {
  int width = 0, height = 0;  ///< in pixels
  std::vector<HeatmapItem> heatmaps;
  std::vector<ColourBarItem> colour_bars;
  std::vector<LineItem> lines;
  std::vector<TextItem> texts;
};

/// width * height pixels, rows from the top, 3 bytes each: red, green, blue.
struct Image {
  int width = 0, height = 0;
  std::vector<std::uint8_t> rgb;
};

/// layers × heads panels, viridis; the text is quoted in the title. 20 × 15 inches for 6 layers of
/// 8 heads; other numbers keep the panels square, and from three heads on the width. A column a
/// head's number; where a layer lacks the head, its place is empty. Where the model went on with
/// the text, lines mark where.
/// All three throw UsageError for layers or heads that do not exist, FigureError for a dpi outside
/// 40 to 1200, for a picture of more than 400 million pixels and where no font is installed, and
/// ShapeError where labels and patterns differ in number or layers in size. They and paint() may be
/// called from several threads at once.
[[nodiscard]] Drawing layout_grid(const View& view, const FigureOptions& options = {});

/// One panel a layer, the mean over its heads, YlOrRd; an empty one where no heads are left.
/// 15 × 10 inches for 6 layers.
[[nodiscard]] Drawing layout_layer_averages(const View& view, const FigureOptions& options = {});

/// The last layer that has (chosen) heads, the mean over them, Blues, with its numbers in the cells
/// where they fit. Always 12 × 8 inches. Where nothing was chosen and the last layer has no heads
/// left, the picture says that.
[[nodiscard]] Drawing layout_last_layer(const View& view, const FigureOptions& options = {});

/// Throws FigureError for a drawing that reaches beyond its picture.
[[nodiscard]] Image paint(const Drawing& drawing);

/// Lossless; a palette where the colours are few enough. dpi goes into the pHYs chunk, `texts`
/// (keyword, UTF-8) into iTXt chunks. The same image gives the same bytes. Throws FigureError for
/// an image without its pixels and for a keyword that PNG does not allow.
[[nodiscard]] std::string encode_png(
    const Image& image, int dpi, std::span<const std::pair<std::string, std::string>> texts = {});

/// What a PNG holds.
struct DecodedPng {
  Image image;  ///< without transparency
  std::vector<std::pair<std::string, std::string>> texts;
};
/// Reads any PNG of at most 400 million pixels. Throws FigureError where it is none, or damaged.
[[nodiscard]] DecodedPng decode_png(std::string_view bytes);

/// The same bytes as encode_png(paint(drawing), ...), in half of the time: of the whole picture
/// only its colours' numbers are ever in memory, a byte a pixel (three, where the colours are too
/// many).
[[nodiscard]] std::string encode_png(
    const Drawing& drawing, int dpi,
    std::span<const std::pair<std::string, std::string>> texts = {});

/// Of any format. SVG and PDF show the same as the PNG, cell for cell and letter for letter, but
/// are made of shapes, and of text that can be selected: a PDF with its fonts in it, an SVG naming
/// them. Where there are more cells than viewers like, each heatmap is an image within it. `texts`
/// stand in the description. The same drawing gives the same bytes. Throws FigureError as the
/// others do.
[[nodiscard]] std::string encode(const Drawing& drawing, FileFormat format, int dpi,
                                 std::span<const std::pair<std::string, std::string>> texts = {});

}  // namespace attnviz
