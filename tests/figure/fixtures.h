#pragma once

#include <ATen/ATen.h>

#include <array>
#include <opencv2/core.hpp>
#include <string>
#include <vector>

#include "attnviz/figure.h"

namespace attnviz {

/// Softmaxed noise of a fixed seed with a previous-token head, a first-token head and others, as
/// many heads in each layer as are given.
AttentionPatterns make_patterns(const std::vector<int>& heads, int n_positions, bool causal = true);

/// All heads are one and the same tensor, so that large shapes take no memory.
AttentionPatterns make_light_patterns(const std::vector<int>& heads, int n_positions);

/// Without the other heads; the rest keep their numbers.
AttentionPatterns pruned(const AttentionPatterns& patterns, const KeptHeads& kept);

/// "To", "·be", "·or" …, over and over.
std::vector<Label> make_labels(int n_positions);

/// Long, wide, accented, missing in every font, right to left …, over and over.
std::vector<Label> make_odd_labels(int n_positions);

using Layout = Drawing (*)(const View&, const FigureOptions&);
inline const std::array<Layout, 3> layouts{layout_grid, layout_layer_averages, layout_last_layer};

inline const std::string question = "To be or not to be, that is the question";

/// Decoded by OpenCV: red, green, blue.
cv::Mat3b decode(const std::string& png);

cv::Mat3b painted(const Drawing& drawing);

Colour colour_of(const cv::Vec3b& pixel);

/// The parts of all texts of the drawing, joined.
std::vector<std::string> written(const Drawing& drawing);
bool is_written(const Drawing& drawing, const std::string& part);

}  // namespace attnviz
