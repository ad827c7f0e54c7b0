#include "figure/font_search.h"

#include <fontconfig/fontconfig.h>

#include <memory>

namespace attnviz {
namespace {

template <auto destroy>
struct Destroy {
  void operator()(auto* object) const { destroy(object); }
};
using Pattern = std::unique_ptr<FcPattern, Destroy<FcPatternDestroy>>;
using FontSet = std::unique_ptr<FcFontSet, Destroy<FcFontSetDestroy>>;

bool is_outline(FcPattern* font) {
  FcBool outline = FcFalse, colour = FcFalse, variable = FcFalse;
  FcPatternGetBool(font, FC_OUTLINE, 0, &outline);
  FcPatternGetBool(font, FC_COLOR, 0, &colour);
  FcPatternGetBool(font, FC_VARIABLE, 0, &variable);
  return outline && !colour && !variable;
}

bool has(FcPattern* font, char32_t character) {
  FcCharSet* characters = nullptr;
  return character == 0 ||
         (FcPatternGetCharSet(font, FC_CHARSET, 0, &characters) == FcResultMatch &&
          FcCharSetHasChar(characters, character));
}

std::optional<FontFile> file_of(FcPattern* font) {
  FcChar8* path = nullptr;
  FontFile file;
  if (FcPatternGetString(font, FC_FILE, 0, &path) != FcResultMatch) return std::nullopt;
  FcPatternGetInteger(font, FC_INDEX, 0, &file.index);
  file.path = reinterpret_cast<const char*>(path);
  return file;
}

}  // namespace

std::optional<FontFile> find_font(char32_t character) {
  const Pattern wanted(FcPatternCreate());
  FcPatternAddString(wanted.get(), FC_FAMILY, reinterpret_cast<const FcChar8*>("sans-serif"));
  FcPatternAddBool(wanted.get(), FC_OUTLINE, FcTrue);
  FcConfigSubstitute(nullptr, wanted.get(), FcMatchPattern);
  FcDefaultSubstitute(wanted.get());
  FcResult result = FcResultMatch;
  const FontSet fonts(FcFontSort(nullptr, wanted.get(), FcFalse, nullptr, &result));
  for (int i = 0; fonts && i < fonts->nfont; ++i) {
    auto* font = fonts->fonts[i];
    if (!is_outline(font) || !has(font, character)) continue;
    if (auto file = file_of(font)) return file;
  }
  return std::nullopt;
}

}  // namespace attnviz
