#include "attnviz/figure.h"
#include "fuzz/input.h"
#include "fuzz/targets.h"
#include "run/picture_record.h"

namespace attnviz::fuzz {
namespace {

/// A name and a text, line by line.
Texts texts_in(std::string_view lines) {
  Texts texts;
  std::string last;
  for (bool is_name = true; !lines.empty(); is_name = !is_name) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    const std::string line(lines.substr(0, end));
    if (is_name) last = line;
    if (!is_name) texts.emplace_back(last, line);
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  return texts;
}

}  // namespace

void picture(std::string_view bytes) {
  if (!bytes.starts_with("\x89PNG")) {
    return allowed_to_fail([&] { (void)read_picture_record(texts_in(bytes)); });
  }
  allowed_to_fail([&] {
    const DecodedPng decoded = decode_png(bytes);
    const Image& image = decoded.image;
    if (image.rgb.size() != std::size_t(image.width) * std::size_t(image.height) * 3) {
      finding("a picture with other pixels than its size says");
    }
    (void)read_picture_record(decoded.texts);
  });
}

}  // namespace attnviz::fuzz
