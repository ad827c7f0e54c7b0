#pragma once

#include <opencv2/core.hpp>

#include <cstdint>
#include <vector>

#include "attnviz/figure.h"
#include "figure/heatmap.h"
#include "figure/lettering.h"

namespace attnviz {

/// Paints a drawing from the top down, a band at a time: a band stays in the processor's cache,
/// where a whole picture, whose memory is fresh, costs more to touch than to paint.
class Painter {
 public:
  /// The drawing must outlive it. Throws FigureError for a drawing that reaches beyond its picture.
  explicit Painter(const Drawing& drawing);

  /// Row y, 3 bytes a pixel, valid until a row of another band is asked for. Cheap where rows are
  /// asked for from the top down.
  [[nodiscard]] const std::uint8_t* row(int y);

 private:
  using Canvas = cv::Mat3b;  // red, green, blue

  /// A heatmap, and its pixels in the row of cells that was painted last.
  struct Heatmap {
    const HeatmapItem* item;
    cv::Rect place;
    HeatmapRows rows;
    std::vector<cv::Vec3b> line;
  };
  struct Text {
    const TextItem* item;
    Lettering lettering;  // from the picture's corner
  };

  void paint_band(int top);
  void paint_heatmap(Heatmap& heatmap);
  void paint_bar(const ColourBarItem& bar);
  void paint_points(const ColourBarItem& bar, const cv::Rect& place, Colour low, Colour high);
  void paint_cover(const cv::Mat1b& cover, int left, int top, Colour colour);
  void fill(const cv::Rect& place, Colour colour);

  const Drawing& drawing_;
  std::vector<Heatmap> heatmaps_;
  std::vector<Text> texts_;
  Canvas band_;
  int top_ = -1;  // of the band
};

/// Throws FigureError for a drawing that has no pixels or reaches beyond them.
void require_sound(const Drawing& drawing);

}  // namespace attnviz
