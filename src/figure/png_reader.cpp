#include <png.h>

#include <cstring>

#include "attnviz/error.h"
#include "attnviz/figure.h"

namespace attnviz {
namespace {

constexpr png_uint_32 most_pixels_a_side = 1'000'000;
constexpr std::uint64_t most_pixels = 400'000'000;  // as many as a figure may have
constexpr std::uint64_t most_inflated = 1032;       // bytes that deflate makes of one
constexpr int most_texts = 16;                      // and their bytes, each:
constexpr png_alloc_size_t most_of_text = 16'000'000;

struct Reader {
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::string_view bytes;
  std::size_t place = 0;
  std::string error;
  std::uint64_t stored_row = 0;  ///< bytes of a row, as the file holds it
  std::vector<png_bytep> rows;

  ~Reader() { png_destroy_read_struct(&png, &info, nullptr); }
};

void read(png_structp png, png_bytep data, std::size_t size) {
  auto& reader = *static_cast<Reader*>(png_get_io_ptr(png));
  if (size > reader.bytes.size() - reader.place) png_error(png, "it is cut off");
  std::memcpy(data, reader.bytes.data() + reader.place, size);
  reader.place += size;
}

[[noreturn]] void fail(png_structp png, png_const_charp message) {
  static_cast<Reader*>(png_get_error_ptr(png))->error = message;
  png_longjmp(png, 1);
}

void ignore_warning(png_structp, png_const_charp) {}

// libpng leaves by longjmp: nothing in these may own memory.
bool read_start(Reader& reader) {
  if (setjmp(png_jmpbuf(reader.png))) return false;
  png_set_user_limits(reader.png, most_pixels_a_side, most_pixels_a_side);
  png_set_chunk_cache_max(reader.png, most_texts);
  png_set_chunk_malloc_max(reader.png, most_of_text);
  png_set_benign_errors(reader.png, 0);  // else these limits only make it warn
  // A text that was changed by hand is damage, too, not a text to be passed over.
  png_set_crc_action(reader.png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
  png_read_info(reader.png, reader.info);
  reader.stored_row = png_get_rowbytes(reader.png, reader.info);
  png_set_expand(reader.png);
  png_set_strip_16(reader.png);
  png_set_strip_alpha(reader.png);
  png_set_gray_to_rgb(reader.png);
  png_read_update_info(reader.png, reader.info);
  return true;
}

bool read_rest(Reader& reader) {
  if (setjmp(png_jmpbuf(reader.png))) return false;
  png_read_image(reader.png, reader.rows.data());
  png_read_end(reader.png, reader.info);
  return true;
}

FigureError unreadable(const Reader& reader) {
  return FigureError("it is a damaged PNG: " + reader.error);
}

}  // namespace

DecodedPng decode_png(std::string_view bytes) {
  constexpr std::size_t kSignature = 8;
  if (bytes.size() < kSignature ||
      png_sig_cmp(reinterpret_cast<png_const_bytep>(bytes.data()), 0, kSignature) != 0) {
    throw FigureError("it is no PNG");
  }
  Reader reader;
  reader.bytes = bytes;
  reader.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader, fail, ignore_warning);
  if (reader.png != nullptr) reader.info = png_create_info_struct(reader.png);
  if (reader.info == nullptr) throw FigureError("libpng cannot begin to read");
  png_set_read_fn(reader.png, &reader, read);
  if (!read_start(reader)) throw unreadable(reader);
  DecodedPng decoded;
  const std::uint64_t width = png_get_image_width(reader.png, reader.info);
  const std::uint64_t height = png_get_image_height(reader.png, reader.info);
  if (width * height > most_pixels || png_get_rowbytes(reader.png, reader.info) != width * 3) {
    throw FigureError("it is no picture that attnviz draws");
  }
  if (reader.stored_row * height > bytes.size() * most_inflated) {
    throw FigureError("it is a damaged PNG: it claims more pixels than it can hold");
  }
  decoded.image.width = static_cast<int>(width);
  decoded.image.height = static_cast<int>(height);
  decoded.image.rgb.resize(width * height * 3);
  for (std::uint64_t y = 0; y < height; ++y) {
    reader.rows.push_back(decoded.image.rgb.data() + y * width * 3);
  }
  if (!read_rest(reader)) throw unreadable(reader);
  png_textp texts = nullptr;
  const int n = png_get_text(reader.png, reader.info, &texts, nullptr);
  for (int i = 0; i < n; ++i) decoded.texts.emplace_back(texts[i].key, texts[i].text);
  return decoded;
}

}  // namespace attnviz
