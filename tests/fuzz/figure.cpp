#include <ATen/ATen.h>

#include <opencv2/imgcodecs.hpp>

#include "attnviz/figure.h"
#include "fuzz/input.h"
#include "fuzz/targets.h"

namespace attnviz::fuzz {
namespace {

/// Takes numbers, and then strings, from the front of the input; zeros where it has ended.
class Choices {
 public:
  explicit Choices(std::string_view bytes) : bytes_(bytes) {}

  int below(int n) {
    if (bytes_.empty()) return 0;
    const int byte = static_cast<std::uint8_t>(bytes_.front());
    bytes_.remove_prefix(1);
    return byte % n;
  }
  std::string line() {
    const std::size_t end = bytes_.find('\n');
    const std::string line(bytes_.substr(0, end));
    bytes_.remove_prefix(end == std::string_view::npos ? bytes_.size() : end + 1);
    return line;
  }

 private:
  std::string_view bytes_;
};

AttentionPatterns patterns(int n_layers, int n_heads, int n_positions, int kind, int kept) {
  AttentionPatterns all;
  at::manual_seed(kind);
  const at::Tensor mask = at::ones({n_positions, n_positions}, at::kBool).triu(1);
  for (int layer = 0; layer < n_layers; ++layer) {
    const int n = kept > 0 && layer == kept ? 0 : n_heads;  // a layer whose heads are all gone
    at::Tensor scores = at::randn({n, n_positions, n_positions}) * double(kind);
    all.causal = kind % 2 == 0;
    if (all.causal) scores = scores.masked_fill(mask, -INFINITY);
    all.layers.push_back(at::softmax(scores, 2).contiguous());
    std::vector<std::int64_t> numbers;
    for (int head = 0; head < n; ++head) numbers.push_back(head);
    if (kept > 0) all.kept.push_back(numbers);
  }
  return all;
}

using Layout = Drawing (*)(const AttentionPatterns&, std::span<const Label>, const std::string&,
                           const FigureOptions&);

}  // namespace

void figure(std::string_view bytes) {
  Choices choices(bytes);
  constexpr Layout kLayouts[] = {layout_grid, layout_layer_averages, layout_last_layer};
  const Layout layout = kLayouts[choices.below(3)];
  const int n_layers = 1 + choices.below(5), n_heads = 1 + choices.below(5);
  const int n_positions = 1 + choices.below(90);
  const AttentionPatterns drawn =
      patterns(n_layers, n_heads, n_positions, choices.below(7), choices.below(4));
  FigureOptions options;
  options.dpi = 40 + choices.below(30);
  options.scale = static_cast<ColourScale>(choices.below(5));
  if (choices.below(8) == 7) options.layers = {choices.below(7)};
  if (choices.below(8) == 7) options.heads = {choices.below(7), choices.below(7)};
  const std::string title = choices.line();
  std::vector<Label> labels;
  for (int i = 0; i < n_positions; ++i) {
    const bool is_mark = choices.below(4) == 0;
    labels.push_back({{choices.line(), is_mark}});
  }
  allowed_to_fail([&] {
    const Drawing drawing = layout(drawn, labels, title, options);
    const std::string png = encode_png(drawing, options.dpi);
    const cv::Mat raw(1, int(png.size()), CV_8U, const_cast<char*>(png.data()));
    const cv::Mat read = cv::imdecode(raw, cv::IMREAD_COLOR);
    if (read.cols != drawing.width || read.rows != drawing.height) finding("no such picture");
  });
}

}  // namespace attnviz::fuzz
