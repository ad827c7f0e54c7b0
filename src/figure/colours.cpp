#include "figure/colours.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <vector>

namespace attnviz {
namespace {

using Anchors = std::vector<Colour>;

// ColorBrewer's nine-class YlOrRd, Blues and, blue first, RdBu (Brewer, Harrower 2003).
const Anchors yl_or_rd{{255, 255, 204}, {255, 237, 160}, {254, 217, 118},
                       {254, 178, 76},  {253, 141, 60},  {252, 78, 42},
                       {227, 26, 28},   {189, 0, 38},    {128, 0, 38}};
const Anchors blues{{247, 251, 255}, {222, 235, 247}, {198, 219, 239},
                    {158, 202, 225}, {107, 174, 214}, {66, 146, 198},
                    {33, 113, 181},  {8, 81, 156},    {8, 48, 107}};
const Anchors blue_red{{33, 102, 172},  {67, 147, 195},  {146, 197, 222},
                       {209, 229, 240}, {247, 247, 247}, {253, 219, 199},
                       {244, 165, 130}, {214, 96, 77},   {178, 24, 43}};

Anchors viridis_of_opencv() {
  cv::Mat ramp(1, 256, CV_8UC1), coloured;
  for (int i = 0; i < 256; ++i) ramp.at<std::uint8_t>(0, i) = static_cast<std::uint8_t>(i);
  cv::applyColorMap(ramp, coloured, cv::COLORMAP_VIRIDIS);
  Anchors anchors(256);
  for (int i = 0; i < 256; ++i) {
    const auto bgr = coloured.at<cv::Vec3b>(0, i);
    anchors[i] = {bgr[2], bgr[1], bgr[0]};
  }
  return anchors;
}

const Anchors& anchors_of(ColourMap map) {
  static const Anchors viridis = viridis_of_opencv();
  switch (map) {
    case ColourMap::yl_or_rd:
      return yl_or_rd;
    case ColourMap::blues:
      return blues;
    case ColourMap::blue_red:
      return blue_red;
    case ColourMap::viridis:
      break;
  }
  return viridis;
}

std::array<Colour, n_levels> sampled(ColourMap map) {
  std::array<Colour, n_levels> colours;
  for (int i = 0; i < n_levels; ++i) colours[i] = colour_at(map, i / (n_levels - 1.0));
  return colours;
}

// Relative luminance of sRGB, WCAG 2.1.
double luminance(Colour colour) {
  const auto linear = [](double channel) {
    channel /= 255;
    return channel <= 0.04045 ? channel / 12.92 : std::pow((channel + 0.055) / 1.055, 2.4);
  };
  return 0.2126 * linear(colour[0]) + 0.7152 * linear(colour[1]) + 0.0722 * linear(colour[2]);
}

}  // namespace

Colour colour_at(ColourMap map, double t) {
  const auto& anchors = anchors_of(map);
  const double place = std::clamp(t, 0.0, 1.0) * static_cast<double>(anchors.size() - 1);
  const auto below = std::min(static_cast<std::size_t>(place), anchors.size() - 2);
  const double share = place - static_cast<double>(below);
  Colour colour;
  for (std::size_t c = 0; c < 3; ++c) {
    const double mixed = anchors[below][c] * (1 - share) + anchors[below + 1][c] * share;
    colour[c] = static_cast<std::uint8_t>(std::lround(mixed));
  }
  return colour;
}

const std::array<Colour, n_levels>& levels(ColourMap map) {
  static const std::array<std::array<Colour, n_levels>, 4> maps{
      sampled(ColourMap::viridis), sampled(ColourMap::yl_or_rd), sampled(ColourMap::blues),
      sampled(ColourMap::blue_red)};
  return maps[static_cast<std::size_t>(map)];
}

double contrast(Colour a, Colour b) {
  const double first = luminance(a) + 0.05, second = luminance(b) + 0.05;
  return std::max(first, second) / std::min(first, second);
}

Colour readable_on(Colour background) {
  return contrast(background, white) > contrast(background, black) ? white : black;
}

}  // namespace attnviz
