#include <png.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>

#include "attnviz/error.h"
#include "attnviz/figure.h"
#include "figure/compression.h"
#include "figure/painter.h"

namespace attnviz {
namespace {

constexpr int most_colours = 256;

/// Rows as PNG has them before they are compressed: a byte that names the row's filter, then its
/// pixels.
class Rows {
 public:
  Rows(std::size_t row_bytes, int height)
      : height_(height),
        row_size_(row_bytes + 1),
        bytes_(std::make_unique_for_overwrite<std::uint8_t[]>(row_size_ * std::size_t(height))) {
    for (int y = 0; y < height; ++y) (*this)[y][-1] = PNG_FILTER_VALUE_NONE;
  }

  /// The first of the row's pixels.
  std::uint8_t* operator[](int y) { return bytes_.get() + std::size_t(y) * row_size_ + 1; }

  /// Each pixel as its difference to the one above it.
  void filter_up() {
    for (int y = height_ - 1; y > 0; --y) {
      auto *row = (*this)[y], *above = (*this)[y - 1];
      row[-1] = PNG_FILTER_VALUE_UP;
      for (std::size_t x = 0; x + 1 < row_size_; ++x) row[x] -= above[x];
    }
  }

  [[nodiscard]] std::span<const std::uint8_t> bytes() const {
    return {bytes_.get(), row_size_ * std::size_t(height_)};
  }

 private:
  int height_;
  std::size_t row_size_;
  std::unique_ptr<std::uint8_t[]> bytes_;
};

/// A picture as numbers of colours, a byte each.
struct Indexed {
  std::vector<png_color> colours;  // in the order in which they appear
  Rows rows;
  std::int64_t n_changes = 0;  // pixels of another colour than their left neighbour's
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

/// Rows of a picture, 3 bytes a pixel: row y, valid until another is asked for.
using RowSource = std::function<const std::uint8_t*(int y)>;

struct Size {
  int width, height;
};

/// Fills the row, false where its colours are too many; n_changes is the row's alone.
bool index_row(const std::uint8_t* rgb, int width, ColourTable& table, Indexed& indexed,
               std::uint8_t* index, std::int64_t& n_changes) {
  n_changes = 0;
  std::uint32_t last = 0xFFFFFFFF;
  int number = 0;
  for (int x = 0; x < width; ++x, rgb += 3) {
    const std::uint32_t colour = rgb[0] << 16U | rgb[1] << 8U | rgb[2];
    if (colour != last) {
      number = table.number_of(colour, indexed.colours);
      if (number < 0) return false;
      last = colour;
      ++n_changes;
    }
    index[x] = static_cast<std::uint8_t>(number);
  }
  return true;
}

/// How many rows could be indexed: all, or those above the first whose colours are too many.
int index_colours(Size size, const RowSource& source, Indexed& indexed) {
  ColourTable table;
  const auto row_bytes = static_cast<std::size_t>(size.width) * 3;
  const std::uint8_t* above = nullptr;
  std::int64_t n_changes = 0;
  for (int y = 0; y < size.height; ++y) {
    const std::uint8_t* rgb = source(y);
    // Only where the one above still lies before it, it is still there to be compared with.
    const bool is_same =
        above != nullptr && rgb == above + row_bytes && std::memcmp(rgb, above, row_bytes) == 0;
    if (is_same) {
      std::copy_n(indexed.rows[y - 1], size.width, indexed.rows[y]);
    } else if (!index_row(rgb, size.width, table, indexed, indexed.rows[y], n_changes)) {
      return y;
    }
    indexed.n_changes += n_changes;
    above = rgb;
  }
  return size.height;
}

/// The rows that were indexed, and those from there on.
Rows in_full_colour(Size size, const RowSource& source, Indexed& indexed, int n_indexed) {
  const auto row_bytes = static_cast<std::size_t>(size.width) * 3;
  Rows rows(row_bytes, size.height);
  for (int y = 0; y < n_indexed; ++y) {
    auto* rgb = rows[y];
    for (int x = 0; x < size.width; ++x) {
      const png_color& colour = indexed.colours[indexed.rows[y][x]];
      *rgb++ = colour.red;
      *rgb++ = colour.green;
      *rgb++ = colour.blue;
    }
  }
  for (int y = n_indexed; y < size.height; ++y) std::copy_n(source(y), row_bytes, rows[y]);
  return rows;
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

/// What a file is made of.
struct Plan {
  Size size;
  const std::vector<png_color>* colours;  // null: three bytes a pixel
  png_uint_32 pixels_per_metre;
  std::vector<png_text> texts;
  const std::vector<std::uint8_t>& pixels;  // compressed
};

void write_pixels(png_structp png, const std::vector<std::uint8_t>& pixels) {
  constexpr std::size_t kMost = PNG_UINT_31_MAX;  // of a chunk
  for (std::size_t start = 0; start < pixels.size(); start += kMost) {
    png_write_chunk(png, reinterpret_cast<png_const_bytep>("IDAT"), pixels.data() + start,
                    std::min(kMost, pixels.size() - start));
  }
}

// libpng leaves by longjmp: nothing here may own memory.
bool write(Writer& writer, Plan& plan) {
  if (setjmp(png_jmpbuf(writer.png))) return false;
  auto* png = writer.png;
  auto* info = writer.info;
  png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  png_set_IHDR(png, info, plan.size.width, plan.size.height, 8,
               plan.colours ? PNG_COLOR_TYPE_PALETTE : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (plan.colours) {
    png_set_PLTE(png, info, plan.colours->data(), static_cast<int>(plan.colours->size()));
  }
  png_set_pHYs(png, info, plan.pixels_per_metre, plan.pixels_per_metre, PNG_RESOLUTION_METER);
  if (!plan.texts.empty())
    png_set_text(png, info, plan.texts.data(), static_cast<int>(plan.texts.size()));
  png_write_info(png, info);
  write_pixels(png, plan.pixels);
  png_write_chunk(png, reinterpret_cast<png_const_bytep>("IEND"), nullptr, 0);
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

/// Large cells repeat the row above, so differences to it are mostly zeros; with cells of few
/// pixels plain pixels are smaller, as they are for soft letters over colours. Levels by
/// bench/README.md.
std::vector<std::uint8_t> pixels_of(Rows& rows, bool has_large_cells) {
  if (has_large_cells) rows.filter_up();
  return compressed(rows.bytes(), has_large_cells ? 5 : 4);
}

bool has_large_cells(Size size, const Indexed& indexed) {
  // Pixels between changes of colour; the paper's are among them.
  constexpr std::int64_t kLargeCell = 12;
  return indexed.n_changes * kLargeCell < std::int64_t{size.width} * size.height;
}

std::string encode(Size size, const RowSource& source, int dpi,
                   std::span<const std::pair<std::string, std::string>> texts) {
  Indexed indexed{{}, Rows(std::size_t(size.width), size.height)};
  const int n_indexed = index_colours(size, source, indexed);
  const bool is_indexed = n_indexed == size.height;
  const auto pixels = [&] {
    if (is_indexed) return pixels_of(indexed.rows, has_large_cells(size, indexed));
    Rows full = in_full_colour(size, source, indexed, n_indexed);
    return pixels_of(full, false);
  }();
  Plan plan{size,
            is_indexed ? &indexed.colours : nullptr,
            static_cast<png_uint_32>(std::lround(dpi / 0.0254)),
            {},
            pixels};
  for (const auto& text : texts) plan.texts.push_back(text_chunk(text));
  Writer writer;
  writer.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &writer, fail, ignore_warning);
  if (writer.png) writer.info = png_create_info_struct(writer.png);
  if (!writer.info) throw FigureError("libpng does not start");
  png_set_write_fn(writer.png, &writer, append, flush);
  if (!write(writer, plan)) throw FigureError("libpng cannot write the figure: " + writer.error);
  return std::move(writer.bytes);
}

}  // namespace

std::string encode_png(const Image& image, int dpi,
                       std::span<const std::pair<std::string, std::string>> texts) {
  const bool has_pixels = image.width > 0 && image.height > 0;
  if (!has_pixels || image.rgb.size() != static_cast<std::size_t>(3) * image.width * image.height) {
    throw FigureError("an image needs 3 bytes for each of its pixels, and at least one pixel");
  }
  const auto row = [&](int y) { return image.rgb.data() + std::size_t(3) * image.width * y; };
  return encode({image.width, image.height}, row, dpi, texts);
}

std::string encode_png(const Drawing& drawing, int dpi,
                       std::span<const std::pair<std::string, std::string>> texts) {
  Painter painter(drawing);
  const auto row = [&](int y) { return painter.row(y); };
  return encode({drawing.width, drawing.height}, row, dpi, texts);
}

}  // namespace attnviz
