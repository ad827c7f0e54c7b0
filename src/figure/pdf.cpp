#include <cairo-ft.h>
#include <cairo-pdf.h>
#include <fontconfig/fontconfig.h>

#include <cmath>
#include <map>
#include <memory>
#include <vector>

#include "attnviz/error.h"
#include "attnviz/figure.h"
#include "figure/characters.h"
#include "figure/colours.h"
#include "figure/fonts.h"
#include "figure/lettering.h"
#include "figure/vector.h"

namespace attnviz {
namespace {

template <auto destroy>
struct Destroy {
  template <typename Object>
  void operator()(Object* object) const {
    destroy(object);
  }
};
using Surface = std::unique_ptr<cairo_surface_t, Destroy<cairo_surface_destroy>>;
using Context = std::unique_ptr<cairo_t, Destroy<cairo_destroy>>;
using FontFace = std::unique_ptr<cairo_font_face_t, Destroy<cairo_font_face_destroy>>;
using FontPattern = std::unique_ptr<FcPattern, Destroy<FcPatternDestroy>>;

void require(cairo_status_t status) {
  if (status == CAIRO_STATUS_SUCCESS) return;
  throw FigureError(std::string("Cairo cannot write the figure: ") +
                    cairo_status_to_string(status));
}

cairo_status_t append(void* bytes, const unsigned char* data, unsigned size) {
  static_cast<std::string*>(bytes)->append(reinterpret_cast<const char*>(data), size);
  return CAIRO_STATUS_SUCCESS;
}

/// The same file that its letters were measured in.
FontFace open_font(int font) {
  const FontFile& file = Fonts::of_this_thread().file(font);
  const FontPattern pattern(FcPatternCreate());
  FcPatternAddString(pattern.get(), FC_FILE, reinterpret_cast<const FcChar8*>(file.path.c_str()));
  FcPatternAddInteger(pattern.get(), FC_INDEX, file.index);
  FcPatternAddBool(pattern.get(), FC_HINTING, FcFalse);
  return FontFace(cairo_ft_font_face_create_for_pattern(pattern.get()));
}

class Pdf {
 public:
  Pdf(const Drawing& drawing, int dpi, std::span<const std::pair<std::string, std::string>> texts)
      : drawing_(drawing),
        surface_(cairo_pdf_surface_create_for_stream(append, &bytes_, drawing.width * 72.0 / dpi,
                                                     drawing.height * 72.0 / dpi)),
        cairo_(cairo_create(surface_.get())) {
    std::string keywords;
    for (const auto& [keyword, value] : texts) {
      if (keyword == "Software") describe(CAIRO_PDF_METADATA_CREATOR, value);
      if (keyword == "attnviz:text") describe(CAIRO_PDF_METADATA_TITLE, value);
      if (keyword != "Software")
        keywords += (keywords.empty() ? "" : "\n") + keyword + ": " + value;
    }
    describe(CAIRO_PDF_METADATA_SUBJECT, keywords);
    describe(CAIRO_PDF_METADATA_CREATE_DATE, "");  // the same input gives the same bytes
    cairo_scale(cairo_.get(), 72.0 / dpi, 72.0 / dpi);
  }

  std::string bytes() {
    const auto cells = cells_of(drawing_);
    for (std::size_t i = 0; i < drawing_.heatmaps.size(); ++i) {
      if (cells) {
        rectangles((*cells)[i]);
      } else {
        image(drawing_.heatmaps[i]);
      }
    }
    for (const auto& bar : drawing_.colour_bars) colour_bar(bar);
    for (const auto& line : drawing_.lines) fill(whole(line.box), line.colour);
    for (const auto& text : drawing_.texts) this->text(text);
    cairo_show_page(cairo_.get());
    require(cairo_status(cairo_.get()));
    cairo_surface_finish(surface_.get());
    require(cairo_surface_status(surface_.get()));
    return std::move(bytes_);
  }

 private:
  /// Cairo refuses Unicode's noncharacters.
  void describe(cairo_pdf_metadata_t what, const std::string& text) {
    std::string allowed;
    for (const Character& character : characters_of(text)) {
      const char32_t code = character.code;
      const bool is_none =
          character.is_stray || (code >= 0xFDD0 && code <= 0xFDEF) || (code & 0xFFFEU) == 0xFFFE;
      allowed += is_none ? "\uFFFD" : std::string(character.bytes);
    }
    cairo_pdf_surface_set_metadata(surface_.get(), what, allowed.c_str());
  }

  void set_colour(Colour colour) {
    cairo_set_source_rgb(cairo_.get(), colour[0] / 255.0, colour[1] / 255.0, colour[2] / 255.0);
  }

  void fill(const Box& box, Colour colour) {
    set_colour(colour);
    cairo_rectangle(cairo_.get(), box.x, box.y, box.width, box.height);
    cairo_fill(cairo_.get());
  }

  /// From the top left to the bottom right. Where two cells meet a viewer that smooths edges would
  /// let the paper shine through: a cell goes on under those that come after it.
  void rectangles(const std::vector<CellRectangle>& cells) {
    constexpr double kUnder = 0.5;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const CellRectangle& cell = cells[i];
      const bool goes_on =
          i + 1 < cells.size() && cells[i + 1].y == cell.y && cells[i + 1].x == cell.x + cell.width;
      const bool is_last_row = cell.y == cells.back().y;
      fill({double(cell.x), double(cell.y), cell.width + (goes_on ? kUnder : 0),
            cell.height + (is_last_row ? 0 : kUnder)},
           cell.colour);
    }
  }

  void image(const HeatmapItem& item) {
    const Image pixels = heatmap_image(item);
    Surface picture(cairo_image_surface_create(CAIRO_FORMAT_RGB24, pixels.width, pixels.height));
    require(cairo_surface_status(picture.get()));
    unsigned char* row = cairo_image_surface_get_data(picture.get());
    const std::uint8_t* rgb = pixels.rgb.data();
    for (int y = 0; y < pixels.height; ++y) {
      auto* pixel = reinterpret_cast<std::uint32_t*>(row);
      for (int x = 0; x < pixels.width; ++x, rgb += 3) {
        pixel[x] = std::uint32_t{rgb[0]} << 16U | std::uint32_t{rgb[1]} << 8U | rgb[2];
      }
      row += cairo_image_surface_get_stride(picture.get());
    }
    cairo_surface_mark_dirty(picture.get());
    const Box box = whole(item.box);
    cairo_set_source_surface(cairo_.get(), picture.get(), box.x, box.y);
    cairo_pattern_set_filter(cairo_get_source(cairo_.get()), CAIRO_FILTER_NEAREST);
    cairo_rectangle(cairo_.get(), box.x, box.y, box.width, box.height);
    cairo_fill(cairo_.get());
  }

  void colour_bar(const ColourBarItem& bar) {
    for (const auto& [box, tip, colour] : bar_shapes(bar)) {
      if (!tip) {
        fill(box, colour);
        continue;
      }
      set_colour(colour);
      cairo_move_to(cairo_.get(), box.x, box.y);
      cairo_line_to(cairo_.get(), box.x + box.width, box.y);
      cairo_line_to(cairo_.get(), box.x + box.width / 2, *tip);
      cairo_fill(cairo_.get());
    }
  }

  void text(const TextItem& item) {
    cairo_save(cairo_.get());
    cairo_translate(cairo_.get(), item.x, item.y);
    cairo_rotate(cairo_.get(), -item.angle * M_PI / 180);
    cairo_set_font_size(cairo_.get(), item.size);
    for (const LetterRun& run : letter_runs(item)) letters(item, run);
    cairo_restore(cairo_.get());
  }

  /// As glyphs in their places, each with the character that it is: it can be searched and copied.
  void letters(const TextItem& item, const LetterRun& run) {
    FontFace& face = faces_[run.font];
    if (!face) face = open_font(run.font);
    cairo_set_font_face(cairo_.get(), face.get());
    set_colour(run.is_mark ? item.mark_colour : item.colour);
    std::string characters;
    std::vector<cairo_glyph_t> glyphs;
    std::vector<cairo_text_cluster_t> clusters;
    for (const PlacedLetter& letter : run.letters) {
      const std::string character = utf8(letter.code);
      characters += character;
      glyphs.push_back({Fonts::of_this_thread().index(run.font, letter.code), letter.x, 0});
      clusters.push_back({static_cast<int>(character.size()), 1});
    }
    cairo_show_text_glyphs(cairo_.get(), characters.data(), static_cast<int>(characters.size()),
                           glyphs.data(), static_cast<int>(glyphs.size()), clusters.data(),
                           static_cast<int>(clusters.size()), cairo_text_cluster_flags_t{});
  }

  const Drawing& drawing_;
  std::string bytes_;
  Surface surface_;
  Context cairo_;
  std::map<int, FontFace> faces_;
};

}  // namespace

std::string encode_pdf(const Drawing& drawing, int dpi,
                       std::span<const std::pair<std::string, std::string>> texts) {
  return Pdf(drawing, dpi, texts).bytes();
}

}  // namespace attnviz
