#include "figure/fixtures.h"

#include <algorithm>
#include <opencv2/imgcodecs.hpp>
#include <random>

namespace attnviz {
namespace {

at::Tensor make_head(int kind, int n, bool causal, std::mt19937& random) {
  std::normal_distribution<float> noise(0, 0.7F);
  auto scores = at::empty({n, n});
  auto* cell = scores.data_ptr<float>();
  for (int q = 0; q < n; ++q) {
    for (int k = 0; k < n; ++k, ++cell) {
      const bool is_strong = (kind == 0 && k == q - 1) || (kind == 1 && k == 0);
      *cell = causal && k > q ? -1e4F : noise(random) + (is_strong ? 4.F : 0.F);
    }
  }
  return at::softmax(scores, 1);
}

std::vector<Label> repeated(const std::vector<Label>& labels, int n) {
  std::vector<Label> all;
  for (int i = 0; i < n; ++i) all.push_back(labels[i % labels.size()]);
  return all;
}

}  // namespace

AttentionPatterns make_patterns(const std::vector<int>& heads, int n_positions, bool causal) {
  std::mt19937 random(7);
  AttentionPatterns patterns;
  patterns.causal = causal;
  for (const int n_heads : heads) {
    std::vector<at::Tensor> layer;
    for (int h = 0; h < n_heads; ++h)
      layer.push_back(make_head(h % 4, n_positions, causal, random));
    patterns.layers.push_back(layer.empty() ? at::empty({0, n_positions, n_positions})
                                            : at::stack(layer));
  }
  return patterns;
}

AttentionPatterns make_light_patterns(const std::vector<int>& heads, int n_positions) {
  const auto head = make_patterns({1}, n_positions).layers[0];
  AttentionPatterns patterns;
  for (const int n_heads : heads) {
    patterns.layers.push_back(head.expand({n_heads, n_positions, n_positions}));
  }
  return patterns;
}

AttentionPatterns pruned(const AttentionPatterns& patterns, const KeptHeads& kept) {
  AttentionPatterns left{{}, patterns.causal, kept};
  for (std::size_t layer = 0; layer < kept.size(); ++layer) {
    left.layers.push_back(
        patterns.layers[layer].index_select(0, at::tensor(kept[layer], at::kLong)));
  }
  return left;
}

std::vector<Label> make_labels(int n_positions) {
  std::vector<Label> labels{{{"To", false}}};
  for (const auto* word : {"be", "or", "not", "to", "be"}) {
    labels.push_back({{"·", true}, {word, false}});
  }
  labels.push_back({{",", false}});
  for (const auto* word : {"that", "is", "the", "question"}) {
    labels.push_back({{"·", true}, {word, false}});
  }
  return repeated(labels, n_positions);
}

std::vector<Label> make_odd_labels(int n_positions) {
  return repeated({{{"·", true}, {"antidisestablishmentarianism", false}},
                   {{"⏎", true}},
                   {{"日本語", false}},
                   {{"😀", false}},
                   {{"Åjgpq|", false}},
                   {{"שלום", false}},
                   {{"مرحبا", false}},
                   {{"\xF4\x8F\xBF\xBD", false}},  // U+10FFFD, which no font has
                   {{"·", true}, {"WWWWWWWWWWWWWWWWWWWWWWWW", false}},
                   {{"<0xE2>", true}}},
                  n_positions);
}

cv::Mat3b decode(const std::string& png) {
  const std::vector<std::uint8_t> bytes(png.begin(), png.end());
  cv::Mat image = cv::imdecode(bytes, cv::IMREAD_COLOR);
  for (int y = 0; y < image.rows; ++y) {
    for (int x = 0; x < image.cols; ++x) {
      auto& pixel = image.at<cv::Vec3b>(y, x);  // blue first
      std::swap(pixel[0], pixel[2]);
    }
  }
  return image;
}

cv::Mat3b painted(const Drawing& drawing) {
  auto image = paint(drawing);
  return cv::Mat3b(image.height, image.width, reinterpret_cast<cv::Vec3b*>(image.rgb.data()))
      .clone();
}

Colour colour_of(const cv::Vec3b& pixel) {
  return {pixel[0], pixel[1], pixel[2]};
}

std::vector<std::string> written(const Drawing& drawing) {
  std::vector<std::string> lines;
  for (const auto& text : drawing.texts) {
    lines.emplace_back();
    for (const auto& part : text.parts) lines.back() += part.text;
  }
  return lines;
}

bool is_written(const Drawing& drawing, const std::string& part) {
  const auto lines = written(drawing);
  return std::any_of(lines.begin(), lines.end(),
                     [&](const std::string& line) { return line.find(part) != std::string::npos; });
}

}  // namespace attnviz
