#include <ATen/ATen.h>

#include <nlohmann/json.hpp>
#include <opencv2/imgcodecs.hpp>
#include <pugixml.hpp>

#include "attnviz/figure.h"
#include "attnviz/glance.h"
#include "attnviz/page.h"
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

using Layout = Drawing (*)(const View&, const FigureOptions&);

void check_svg(const std::string& svg) {
  pugi::xml_document document;
  if (!document.load_buffer(svg.data(), svg.size())) finding("an SVG that is no XML");
  for (const unsigned char byte : svg) {
    if (byte < 0x20 && byte != '\n' && byte != '\t') finding("a control character in an SVG");
  }
}

/// What comes from outside stands in the data alone, and cannot end it.
void check_page(const AttentionPatterns& drawn, const std::vector<Label>& labels,
                const std::string& title) {
  Page page;
  page.title = title;
  page.model = "m.pt";
  page.software = "attnviz";
  page.queries = page.keys = labels;
  for (const Label& label : labels) page.key_words.push_back(plain(label));
  page.query_words = page.key_words;
  page.sets = {{"", &drawn}};
  const std::string html = encode_page(page);
  const std::string start = "id=\"data\">";
  const auto data = html.substr(html.find(start) + start.size());
  if (!nlohmann::json::accept(data.substr(0, data.find('<')))) finding("data that is no JSON");
}

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
  if (choices.below(8) == 7) options.choice.layers = {choices.below(7)};
  if (choices.below(8) == 7) options.choice.heads = {choices.below(7), choices.below(7)};
  options.focus = {choices.below(4) == 3, choices.below(4)};
  const std::string title = choices.line();
  std::vector<Label> labels;
  for (int i = 0; i < n_positions; ++i) {
    const bool is_mark = choices.below(4) == 0;
    labels.push_back({{choices.line(), is_mark}});
  }
  allowed_to_fail([&] {
    const Drawing drawing = layout(view_of(drawn, labels, title), options);
    const std::string png = encode_png(drawing, options.dpi);
    const cv::Mat raw(1, int(png.size()), CV_8U, const_cast<char*>(png.data()));
    const cv::Mat read = cv::imdecode(raw, cv::IMREAD_COLOR);
    if (read.cols != drawing.width || read.rows != drawing.height) finding("no such picture");
    check_svg(encode(drawing, FileFormat::svg, options.dpi));
    if (!encode(drawing, FileFormat::pdf, options.dpi).starts_with("%PDF-")) finding("no PDF");
  });
  allowed_to_fail([&] { check_page(drawn, labels, title); });
  allowed_to_fail([&] {
    const GlanceOptions look{80, TerminalColours::none, options.scale, options.choice,
                             options.focus};
    const std::string lines = glance(view_of(drawn, labels, "x"), look);
    if (lines.find('\033') != std::string::npos) finding("an escape in a glance without colours");
  });
}

}  // namespace attnviz::fuzz
