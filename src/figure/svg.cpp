#include <cmath>
#include <map>
#include <pugixml.hpp>
#include <sstream>

#include "attention/wording.h"
#include "attnviz/figure.h"
#include "attnviz/file.h"
#include "figure/characters.h"
#include "figure/colours.h"
#include "figure/fonts.h"
#include "figure/lettering.h"
#include "figure/vector.h"
#include "text/printable.h"

// SVG by hand, not by Cairo, which would make outlines of its letters: text is to stay text.

namespace attnviz {
namespace {

std::string number(double value) {
  std::string text = decimals(value, 2);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

std::string hexadecimal(Colour colour) {
  char text[8];
  std::snprintf(text, sizeof text, "#%02x%02x%02x", unsigned{colour[0]}, unsigned{colour[1]},
                unsigned{colour[2]});
  return text;
}

class Svg {
 public:
  Svg(const Drawing& drawing, int dpi, std::span<const std::pair<std::string, std::string>> texts)
      : drawing_(drawing), top_(document_.append_child("svg")) {
    add(top_,
        {{"xmlns", "http://www.w3.org/2000/svg"},
         {"xmlns:xlink", "http://www.w3.org/1999/xlink"},
         {"xml:space", "preserve"},
         {"width", number(drawing.width * 72.0 / dpi) + "pt"},
         {"height", number(drawing.height * 72.0 / dpi) + "pt"},
         {"viewBox", "0 0 " + std::to_string(drawing.width) + " " + std::to_string(drawing.height)},
         {"font-family", "'" + Fonts::of_this_thread().family(0) + "', sans-serif"}});
    std::string description;
    for (const auto& [keyword, value] : texts) {
      description += (description.empty() ? "" : "\n") + keyword + ": " + value;
    }
    top_.append_child("desc")
        .append_child(pugi::node_pcdata)
        .set_value(printable_in_xml(description).c_str());
    rectangle(top_, {0, 0, static_cast<double>(drawing.width), static_cast<double>(drawing.height)},
              white);
  }

  std::string bytes() {
    const auto cells = cells_of(drawing_);
    for (std::size_t i = 0; i < drawing_.heatmaps.size(); ++i) {
      if (cells) {
        paths((*cells)[i]);
      } else {
        image(drawing_.heatmaps[i]);
      }
    }
    for (const auto& bar : drawing_.colour_bars) colour_bar(bar);
    for (const auto& line : drawing_.lines) rectangle(top_, whole(line.box), line.colour);
    for (const auto& text : drawing_.texts) this->text(text);
    std::ostringstream out;
    document_.save(out, "", pugi::format_raw);
    return out.str();
  }

 private:
  using Attributes = std::initializer_list<std::pair<const char*, std::string>>;

  static void add(pugi::xml_node node, Attributes attributes) {
    for (const auto& [name, value] : attributes) node.append_attribute(name) = value.c_str();
  }

  static void rectangle(pugi::xml_node parent, const Box& box, Colour colour) {
    add(parent.append_child("rect"), {{"x", number(box.x)},
                                      {"y", number(box.y)},
                                      {"width", number(box.width)},
                                      {"height", number(box.height)},
                                      {"fill", hexadecimal(colour)}});
  }

  pugi::xml_node crisp_group() {
    pugi::xml_node group = top_.append_child("g");
    add(group, {{"shape-rendering", "crispEdges"}});
    return group;
  }

  /// All cells of one colour are one path.
  void paths(const std::vector<CellRectangle>& rectangles) {
    std::map<Colour, std::string> by_colour;
    for (const auto& cell : rectangles) {
      by_colour[cell.colour] += "M" + std::to_string(cell.x) + " " + std::to_string(cell.y) + "h" +
                                std::to_string(cell.width) + "v" + std::to_string(cell.height) +
                                "h-" + std::to_string(cell.width) + "z";
    }
    pugi::xml_node group = crisp_group();
    for (const auto& [colour, path] : by_colour) {
      add(group.append_child("path"), {{"fill", hexadecimal(colour)}, {"d", path}});
    }
  }

  void image(const HeatmapItem& item) {
    const Box box = whole(item.box);
    add(top_.append_child("image"),
        {{"x", number(box.x)},
         {"y", number(box.y)},
         {"width", number(box.width)},
         {"height", number(box.height)},
         {"image-rendering", "optimizeSpeed"},  // no smoothing, in SVG 1.1
         {"style", "image-rendering:pixelated"},
         {"xlink:href",
          "data:image/png;base64," + base64_of(encode_png(heatmap_image(item), 72))}});
  }

  void colour_bar(const ColourBarItem& bar) {
    pugi::xml_node group = crisp_group();
    for (const Shape& shape : bar_shapes(bar)) {
      const Box& box = shape.box;
      if (!shape.tip) {
        rectangle(group, box, shape.colour);
        continue;
      }
      add(group.append_child("path"),
          {{"fill", hexadecimal(shape.colour)},
           {"shape-rendering", "auto"},
           {"d", "M" + number(box.x) + " " + number(box.y) + "h" + number(box.width) + "L" +
                     number(box.x + box.width / 2) + " " + number(*shape.tip) + "z"}});
    }
  }

  void text(const TextItem& item) {
    pugi::xml_node node = top_.append_child("text");
    std::string place = "translate(" + number(item.x) + " " + number(item.y) + ")";
    if (item.angle != 0) place += " rotate(" + std::to_string(-item.angle) + ")";
    add(node, {{"transform", place}, {"font-size", number(item.size)}});
    for (const LetterRun& run : letter_runs(item)) span(node, item, run);
  }

  /// A piece of one font and colour, where it begins and how long it is: another program's letters
  /// of another width are spread over the same place.
  void span(pugi::xml_node text, const TextItem& item, const LetterRun& run) {
    pugi::xml_node span = text.append_child("tspan");
    std::string letters;
    bool runs_left = false;
    for (const PlacedLetter& letter : run.letters) {
      letters += utf8(letter.code);
      runs_left = runs_left || is_right_to_left(letter.code);
    }
    add(span, {{"x", number(run.letters.front().x)},
               {"fill", hexadecimal(run.is_mark ? item.mark_colour : item.colour)}});
    if (run.letters.size() > 1) add(span, {{"textLength", number(run.width)}});
    if (run.font > 0) {
      add(span,
          {{"font-family", "'" + Fonts::of_this_thread().family(run.font) + "', sans-serif"}});
    }
    // The letters stand in the order in which they are seen.
    if (runs_left) add(span, {{"direction", "ltr"}, {"unicode-bidi", "bidi-override"}});
    span.append_child(pugi::node_pcdata).set_value(letters.c_str());
  }

  const Drawing& drawing_;
  pugi::xml_document document_;
  pugi::xml_node top_;
};

}  // namespace

std::string encode_svg(const Drawing& drawing, int dpi,
                       std::span<const std::pair<std::string, std::string>> texts) {
  return Svg(drawing, dpi, texts).bytes();
}

}  // namespace attnviz
