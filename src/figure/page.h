#pragma once

#include <string>
#include <vector>

#include "figure/colour_bar.h"
#include "figure/sheet.h"

namespace attnviz {

// What the three figures have in common: a title, panels of one size in rows and columns, one
// colour bar, and notes at the foot.

inline constexpr double margin = 14;        ///< points, around everything
inline constexpr double note_points = 9.5;  ///< letters of the notes

/// White space around and between the panels, in pixels.
struct PanelSpace {
  double left = 0, top = 0, right = 0, bottom = 0, gap_x = 0, gap_y = 0;
};

/// Of a heatmap.
struct CellCount {
  std::int64_t rows = 0, columns = 0;
};

/// The picture's area without that space, cut into equal panels of whole pixels, in its middle
/// where a panel would be more than `widest` times as wide as high or the other way round. Where
/// cells are small, panels are a little smaller too if that makes all cells equally large.
class Panels {
 public:
  Panels(const Drawing& drawing, const PanelSpace& space, int rows, int columns, CellCount cells,
         double widest);
  [[nodiscard]] Box at(int row, int column) const;
  [[nodiscard]] Box all() const;

 private:
  int rows_, columns_;
  double x_, y_, width_, height_;  // of the first panel
  double step_x_, step_y_;         // from one panel to the next
};

/// What a figure's scale is and how it is told.
struct FigureScale {
  ColourScale kind = ColourScale::figure;
  ColourMap colours = ColourMap::viridis;
  double largest = 1;        ///< weight of all panels
  bool is_exceeded = false;  ///< by row 0
};
[[nodiscard]] FigureScale scale_of(const std::vector<at::Tensor>& panels, bool causal,
                                   ColourScale kind, ColourMap colours);

/// Of one panel of the figure.
[[nodiscard]] ValueRange range_of(const at::Tensor& values, bool causal, const FigureScale& scale);

/// title: beside the bar, says what a value is.
[[nodiscard]] ColourBarText bar_text(const FigureScale& scale, const std::string& title,
                                     double size);

/// At the right of the panels, as high as they are.
void draw_bar(Sheet& sheet, const FigureScale& scale, const ColourBarText& text, const Box& panels);

/// Adds a thin frame, and the heatmap, for more to be said of it.
HeatmapItem& draw_heatmap(Sheet& sheet, const Box& box, const at::Tensor& values, bool causal,
                          const FigureScale& scale);

HeatmapItem& draw_heatmap(Sheet& sheet, const Box& box, const at::Tensor& values, bool causal,
                          ColourMap colours, const ValueRange& range);

/// A line over the panels. Where it is too long its letters are smaller, and where that is not
/// enough the text is cut short, never what stands before and after it.
struct Title {
  std::string before;
  Label text;
  std::string after;
};

/// top: where letters of that many points begin. In the middle of the panels, as far as the
/// margins allow.
void draw_title(Sheet& sheet, const Title& title, double top, double points, const Box& panels);

/// In the lower left corner: what the reader has to know, joined to one line, or to more where it
/// does not fit one.
void draw_notes(Sheet& sheet, const std::vector<std::string>& notes);

/// What their lines take, in pixels, beyond the first.
[[nodiscard]] double notes_height(const Sheet& sheet, const std::vector<std::string>& notes);

/// Notes on the scale and on shrunken cells; empty strings where there is nothing to say.
[[nodiscard]] std::string scale_note(const FigureScale& scale);
[[nodiscard]] std::string shrink_note(const Box& panel, CellCount cells);
/// For who has to leave room for it before panels have a size: as long as it may get.
[[nodiscard]] std::string longest_shrink_note(CellCount cells);

/// `max 0.34`: what the upper end of a panel's own scale is.
[[nodiscard]] std::string maximum_note(const at::Tensor& values, bool causal);

}  // namespace attnviz
