#include <png.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <unordered_map>

#include "attnviz/error.h"
#include "attnviz/figure.h"

namespace attnviz {
namespace {

constexpr int most_colours = 256;

/// A picture as numbers of colours.
struct Indexed {
  std::vector<png_color> colours;     // in the order in which they appear
  std::vector<std::uint8_t> indices;  // width * height
  std::int64_t n_changes = 0;         // pixels of another colour than their left neighbour's
};

// Open addressing: a colour is looked up wherever it differs from its left neighbour's.
class ColourTable {
 public:
  ColourTable() { keys_.fill(empty); }

  /// The colour's number; -1 when it is one too many.
  int number_of(std::uint32_t rgb, std::vector<png_color>& colours) {
    auto slot = (rgb * 2654435761U) >> 21U;
    while (keys_[slot] != empty && keys_[slot] != rgb) slot = (slot + 1) % keys_.size();
    if (keys_[slot] == empty) {
      if (colours.size() == most_colours) return -1;
      keys_[slot] = rgb;
      numbers_[slot] = static_cast<int>(colours.size());
      colours.push_back({static_cast<png_byte>(rgb >> 16U), static_cast<png_byte>(rgb >> 8U),
                         static_cast<png_byte>(rgb)});
    }
    return numbers_[slot];
  }

 private:
  static constexpr std::uint32_t empty = 0xFFFFFFFF;
  std::array<std::uint32_t, 2048> keys_;
  std::array<int, 2048> numbers_{};
};

// Nothing where the colours are too many.
std::optional<Indexed> index_colours(const Image& image) {
  Indexed indexed;
  ColourTable table;
  const auto row_bytes = static_cast<std::size_t>(image.width) * 3;
  indexed.indices.resize(static_cast<std::size_t>(image.width) * image.height);
  std::int64_t n_changes = 0;  // of the row
  for (int y = 0; y < image.height; ++y) {
    const auto* rgb = image.rgb.data() + y * row_bytes;
    auto* index = indexed.indices.data() + static_cast<std::size_t>(y) * image.width;
    if (y > 0 && std::memcmp(rgb, rgb - row_bytes, row_bytes) == 0) {
      std::copy_n(index - image.width, image.width, index);
      indexed.n_changes += n_changes;
      continue;
    }
    n_changes = 0;
    std::uint32_t last = 0xFFFFFFFF;
    int number = 0;
    for (int x = 0; x < image.width; ++x, rgb += 3) {
      const std::uint32_t colour = rgb[0] << 16U | rgb[1] << 8U | rgb[2];
      if (colour != last) {
        number = table.number_of(colour, indexed.colours);
        if (number < 0) return std::nullopt;
        last = colour;
        ++n_changes;
      }
      index[x] = static_cast<std::uint8_t>(number);
    }
    indexed.n_changes += n_changes;
  }
  return indexed;
}

struct Writer {
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::string bytes, error;

  ~Writer() { png_destroy_write_struct(&png, &info); }
};

void append(png_structp png, png_bytep data, std::size_t size) {
  static_cast<Writer*>(png_get_io_ptr(png))->bytes.append(reinterpret_cast<char*>(data), size);
}

void flush(png_structp) {}

[[noreturn]] void fail(png_structp png, png_const_charp message) {
  static_cast<Writer*>(png_get_error_ptr(png))->error = message;
  png_longjmp(png, 1);
}

void ignore_warning(png_structp, png_const_charp) {}

struct Plan {
  const Image& image;
  const Indexed* indexed;  // null: three bytes a pixel
  bool has_large_cells;
  png_uint_32 pixels_per_metre;
  std::vector<png_text> texts;
  std::vector<png_bytep> rows;
};

// libpng leaves by longjmp: nothing here may own memory.
bool write(Writer& writer, Plan& plan) {
  if (setjmp(png_jmpbuf(writer.png))) return false;
  auto* png = writer.png;
  auto* info = writer.info;
  png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  png_set_IHDR(png, info, plan.image.width, plan.image.height, 8,
               plan.indexed ? PNG_COLOR_TYPE_PALETTE : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (plan.indexed) {
    png_set_PLTE(png, info, plan.indexed->colours.data(),
                 static_cast<int>(plan.indexed->colours.size()));
  }
  png_set_pHYs(png, info, plan.pixels_per_metre, plan.pixels_per_metre, PNG_RESOLUTION_METER);
  if (!plan.texts.empty())
    png_set_text(png, info, plan.texts.data(), static_cast<int>(plan.texts.size()));
  // Measured on our figures. Large cells repeat the row above, so UP is mostly zeros, and level 4
  // takes half of level 6's time for a tenth more bytes. With cells of few pixels no filter and
  // level 3 take a fifth less of both, as they do for soft letters over colours.
  png_set_filter(png, PNG_FILTER_TYPE_BASE, plan.has_large_cells ? PNG_FILTER_UP : PNG_FILTER_NONE);
  png_set_compression_level(png, plan.has_large_cells ? 4 : 3);
  png_set_compression_buffer_size(png, std::size_t{1} << 16U);
  png_write_info(png, info);
  png_write_image(png, plan.rows.data());
  png_write_end(png, info);
  return true;
}

png_text text_chunk(const std::pair<std::string, std::string>& text) {
  const auto& [keyword, value] = text;
  const auto is_printable = [](char c) { return c >= ' ' && c <= '~'; };
  if (keyword.empty() || keyword.size() > 79 ||
      !std::all_of(keyword.begin(), keyword.end(), is_printable)) {
    throw FigureError("a PNG text cannot be named \"" + keyword +
                      "\"; use 1 to 79 printable ASCII characters");
  }
  png_text chunk{};
  chunk.compression = PNG_ITXT_COMPRESSION_NONE;
  chunk.key = const_cast<char*>(keyword.c_str());
  chunk.text = const_cast<char*>(value.c_str());
  chunk.itxt_length = value.size();
  chunk.lang = const_cast<char*>("");
  chunk.lang_key = const_cast<char*>("");
  return chunk;
}

Plan plan_of(const Image& image, const Indexed* indexed, int dpi,
             std::span<const std::pair<std::string, std::string>> texts) {
  constexpr std::int64_t kLargeCell =
      12;  // pixels between changes of colour, the paper's among them
  const bool has_large_cells =
      indexed && indexed->n_changes * kLargeCell < std::int64_t{image.width} * image.height;
  Plan plan{image, indexed, has_large_cells, static_cast<png_uint_32>(std::lround(dpi / 0.0254)),
            {},    {}};
  for (const auto& text : texts) plan.texts.push_back(text_chunk(text));
  const std::uint8_t* bytes = indexed ? indexed->indices.data() : image.rgb.data();
  const auto row_bytes = static_cast<std::size_t>(image.width) * (indexed ? 1 : 3);
  for (int y = 0; y < image.height; ++y)
    plan.rows.push_back(const_cast<png_bytep>(bytes + y * row_bytes));
  return plan;
}

}  // namespace

std::string encode_png(const Image& image, int dpi,
                       std::span<const std::pair<std::string, std::string>> texts) {
  const bool has_pixels = image.width > 0 && image.height > 0;
  if (!has_pixels || image.rgb.size() != static_cast<std::size_t>(3) * image.width * image.height) {
    throw FigureError("an image needs 3 bytes for each of its pixels, and at least one pixel");
  }
  const auto indexed = index_colours(image);
  auto plan = plan_of(image, indexed ? &*indexed : nullptr, dpi, texts);
  Writer writer;
  writer.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &writer, fail, ignore_warning);
  if (writer.png) writer.info = png_create_info_struct(writer.png);
  if (!writer.info) throw FigureError("libpng does not start");
  png_set_write_fn(writer.png, &writer, append, flush);
  if (!write(writer, plan)) throw FigureError("libpng cannot write the figure: " + writer.error);
  return std::move(writer.bytes);
}

}  // namespace attnviz
