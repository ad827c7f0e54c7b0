#include "figure/fonts.h"

#include <ft2build.h>
#include FT_FREETYPE_H
#include FT_ADVANCES_H

#include <filesystem>
#include <map>
#include <opencv2/freetype.hpp>
#include <opencv2/imgproc.hpp>
#include <unordered_map>
#include <vector>

#include "attnviz/error.h"
#include "figure/characters.h"

namespace attnviz {
namespace {

constexpr auto dejavu_sans = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf";

// All glyphs of the three figures of an ordinary text are 3 MB; a thread keeps no more than this.
constexpr std::size_t most_glyph_bytes = 32U << 20U;

struct Library {
  FT_Library handle = nullptr;
  Library() {
    if (FT_Init_FreeType(&handle) != 0) throw FigureError("FreeType does not start");
  }
  ~Library() { FT_Done_FreeType(handle); }
};

// OpenCV draws a font's characters; which ones it has and how wide they are, it does not tell, so
// the same file is also open here.
struct Font {
  FontFile file;
  cv::Ptr<cv::freetype::FreeType2> painter;
  FT_Face face = nullptr;

  Font(FT_Library library, FontFile found) : file(std::move(found)) {
    if (FT_New_Face(library, file.path.c_str(), file.index, &face) != 0) {
      throw FigureError(file.path +
                        " is no font of outlines that FreeType can read; remove it or "
                        "install the package fonts-dejavu-core");
    }
    try {
      painter = cv::freetype::createFreeType2();
      painter->loadFontData(file.path, file.index);
    } catch (const cv::Exception& error) {
      FT_Done_Face(face);
      throw FigureError("OpenCV cannot load the font " + file.path + ": " + error.err);
    }
  }
  Font(const Font&) = delete;
  ~Font() { FT_Done_Face(face); }

  double scaled(FT_Pos units, int size) const {
    return static_cast<double>(units) * size / face->units_per_EM;
  }
};

// Drawn alone in white on black: the ink is what is not black. One character at a time, for given
// several OpenCV 4.6 keeps no kerning and miscounts ligatures.
Glyph draw(Font& font, char32_t character, int size) {
  const auto index = FT_Get_Char_Index(font.face, character);
  if (FT_Load_Glyph(font.face, index, FT_LOAD_NO_SCALE) != 0) return {};
  const auto& box = font.face->glyph->metrics;
  const int room = 8;  // for what hinting adds
  const int left = static_cast<int>(font.scaled(box.horiBearingX, size)) - room;
  const int top = static_cast<int>(-font.scaled(box.horiBearingY, size)) - room;
  const int width = static_cast<int>(font.scaled(box.width, size)) + 2 * room;
  const int height = static_cast<int>(font.scaled(box.height, size)) + 2 * room;
  cv::Mat canvas(height, width, CV_8UC3, cv::Scalar::all(0));
  font.painter->putText(canvas, utf8(character), {-left, -top}, size, cv::Scalar::all(255),
                        cv::FILLED, cv::LINE_AA, true);
  cv::Mat1b cover;
  cv::extractChannel(canvas, cover, 0);
  const cv::Rect ink = cv::boundingRect(cover);
  return {cover(ink).clone(), left + ink.x, top + ink.y};
}

Glyph draw_or_fail(Font& font, char32_t character, int size) {
  try {
    return draw(font, character, size);
  } catch (const cv::Exception& error) {
    throw FigureError("OpenCV cannot draw " + code_point(character) + ": " + error.err);
  }
}

}  // namespace

struct Fonts::State {
  Library library;
  std::vector<std::unique_ptr<Font>> fonts;
  std::map<std::pair<std::string, int>, int> opened;  // file → number of the font
  std::unordered_map<char32_t, int> found;            // characters that the first font lacks
  std::map<std::tuple<int, char32_t, int>, Glyph> glyphs;
  std::size_t glyph_bytes = 0;

  int open(const FontFile& file) {
    const std::pair key{file.path, file.index};
    if (const auto known = opened.find(key); known != opened.end()) return known->second;
    fonts.push_back(std::make_unique<Font>(library.handle, file));
    return opened[key] = static_cast<int>(fonts.size()) - 1;
  }

  // One that cannot be read, or not what fontconfig says of it, is as good as none.
  int search(char32_t character) {
    const auto file = find_font(character);
    if (!file) return -1;
    try {
      const int font = open(*file);
      return FT_Get_Char_Index(fonts[font]->face, character) != 0 ? font : -1;
    } catch (const FigureError&) {
      return -1;
    }
  }
};

std::string default_font(const std::string& path) {
  if (std::filesystem::exists(path)) return path;
  const auto other = find_font(0);
  if (!other) {
    throw FigureError(
        "no font to label the figures with is installed; install the package "
        "fonts-dejavu-core");
  }
  return other->path;
}

Fonts::Fonts() : state_(std::make_unique<State>()) {
  state_->open({default_font(dejavu_sans), 0});
}
Fonts::~Fonts() = default;

Fonts& Fonts::of_this_thread() {
  thread_local Fonts fonts;
  return fonts;
}

int Fonts::font_of(char32_t character) {
  if (FT_Get_Char_Index(state_->fonts[0]->face, character) != 0) return 0;
  const auto [place, is_new] = state_->found.try_emplace(character, -1);
  if (is_new) place->second = state_->search(character);
  return place->second;
}

double Fonts::advance(int font, char32_t character, int size) {
  const auto& face = *state_->fonts[font];
  FT_Fixed units = 0;
  FT_Get_Advance(face.face, FT_Get_Char_Index(face.face, character), FT_LOAD_NO_SCALE, &units);
  return face.scaled(units, size);
}

double Fonts::kerning(int font, char32_t left, char32_t right, int size) {
  const auto& face = *state_->fonts[font];
  FT_Vector units{};
  FT_Get_Kerning(face.face, FT_Get_Char_Index(face.face, left), FT_Get_Char_Index(face.face, right),
                 FT_KERNING_UNSCALED, &units);
  return face.scaled(units.x, size);
}

const FontFile& Fonts::file(int font) const {
  return state_->fonts[font]->file;
}

std::string Fonts::family(int font) const {
  const char* name = state_->fonts[font]->face->family_name;
  std::string family = name == nullptr ? "sans-serif" : name;
  std::erase(family, '\'');  // it will stand in quotes
  return family;
}

unsigned long Fonts::index(int font, char32_t character) const {
  return FT_Get_Char_Index(state_->fonts[font]->face, character);
}

const Glyph& Fonts::glyph(int font, char32_t character, int size) {
  const std::tuple key{font, character, size};
  if (const auto known = state_->glyphs.find(key); known != state_->glyphs.end()) {
    return known->second;
  }
  if (state_->glyph_bytes > most_glyph_bytes) {
    state_->glyphs.clear();
    state_->glyph_bytes = 0;
  }
  const auto& glyph = state_->glyphs[key] = draw_or_fail(*state_->fonts[font], character, size);
  state_->glyph_bytes += glyph.cover.total();
  return glyph;
}

}  // namespace attnviz
