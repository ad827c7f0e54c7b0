#include "attnviz/verify.h"

#include <algorithm>
#include <cstdlib>

#include "attnviz/error.h"
#include "attnviz/file.h"
#include "run/one_text.h"
#include "run/output.h"
#include "run/picture_record.h"
#include "text/utf8.h"

namespace attnviz {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kDigits = 12;  ///< of a hash, for a person

std::string recorded(const PictureRecord& record, const char* what) {
  const auto found = record.sha256.find(what);
  return found == record.sha256.end() ? "" : found->second;
}

/// The file that was named, or the one that comes with attnviz where it is that.
fs::path file_of(const fs::path& named, const PictureRecord& record) {
  if (!named.empty()) return named;
  const bool is_dump = !record.options.attention.empty();
  const std::string hash = recorded(record, is_dump ? "attention" : "model");
  if (!is_dump && sha256_of_file(built_in_model()) == hash) return built_in_model();
  const fs::path name = is_dump ? record.options.attention : record.options.model;
  throw UsageError("it was drawn of " + name.string() + " (SHA-256 " + hash.substr(0, kDigits) +
                   "...); name that file with " + (is_dump ? "--attention" : "--model"));
}

/// A picture, made again.
struct Redrawn {
  Drawing drawing;
  Texts texts;
};

Attended attended_again(const PictureRecord& record, const VerifyOptions& options,
                        const Source& source, const fs::path& vocabulary) {
  const HeadChoice& choice = record.options.figure.choice;
  if (source.is_dump) {
    DumpOptions dump = record.options.dump;
    dump.tokens = options.tokens;
    Attended attended = read_attended(source.file, dump, tokenizer_of(vocabulary), choice);
    // Where the file says nothing of its text, its name stands for it: the one that it had.
    const bool is_named_by_file = attended.shown.text == printable(source.file.filename().string());
    if (source.sha256 == recorded(record, "attention") && is_named_by_file) {
      attended.shown.text = record.options.attention.string();
    }
    return attended;
  }
  const std::optional<Tokenizer> tokenizer = tokenizer_of(vocabulary);
  ModelOptions capture = options.capture;
  if (capture.capture == CaptureMode::automatic) capture.capture = record.options.capture.capture;
  Model model(source.file, capture);
  Shown shown;
  shown.ids = record.ids;
  shown.text = whole_text(pointer_to(tokenizer), record.ids);
  shown.n_prompt = record.n_prompt;
  return attend(std::move(shown), model, pointer_to(tokenizer), choice);
}

Redrawn redraw(const PictureRecord& record, const VerifyOptions& options) {
  const bool is_dump = !record.options.attention.empty();
  if (!is_dump && !options.attention.empty()) {
    throw UsageError("it was drawn of a model, not of a file of attention; leave out --attention");
  }
  const fs::path file = file_of(is_dump ? options.attention : options.model, record);
  fs::path vocabulary = options.vocabulary;
  if (vocabulary.empty() && !recorded(record, "vocabulary").empty()) {
    vocabulary = built_in_vocabulary();
  }
  const SameFiles same(file, vocabulary);
  Source source = is_dump ? source_of_dump(file, vocabulary) : source_of_model(file, vocabulary);
  const Attended attended = attended_again(record, options, source, vocabulary);
  same.require();
  // The same file under another name is the same.
  if (source.sha256 == recorded(record, is_dump ? "attention" : "model")) {
    source.file = is_dump ? record.options.attention : record.options.model;
  }
  const View view = view_of(attended, record.options.merge_words);
  return {layout(record.kind, view, record.options.figure),
          record_of(record.kind, attended, view, record.options, source)};
}

/// With a comma after each three digits: `6,750,000`.
std::string spaced(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::ptrdiff_t i = std::ptrdiff_t(text.size()) - 3; i > 0; i -= 3) {
    text.insert(std::size_t(i), ",");
  }
  return text;
}

bool is_within(const Box& box, int x, int y) {
  return x >= box.x && x < box.x + box.width && y >= box.y && y < box.y + box.height;
}

/// The panels that a difference lies in, by their names; what lies in none is written.
std::string places_of(const std::vector<std::pair<int, int>>& pixels, const Drawing& drawing) {
  constexpr std::size_t kMost = 6;
  std::vector<std::string> names;
  for (const std::pair<int, int>& pixel : pixels) {
    const auto found = std::find_if(
        drawing.heatmaps.begin(), drawing.heatmaps.end(),
        [&](const HeatmapItem& item) { return is_within(item.box, pixel.first, pixel.second); });
    const std::string name = found == drawing.heatmaps.end() ? "what is written" : found->name;
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < kMost; ++i) text += (i ? ", " : "") + names[i];
  return names.size() > kMost ? text + " and others" : text;
}

void compare_pixels(const Image& was, const Drawing& drawing,
                    std::vector<std::string>& differences) {
  const Image now = paint(drawing);
  if (was.width != now.width || was.height != now.height) {
    differences.push_back("size: " + std::to_string(was.width) + " x " +
                          std::to_string(was.height) + " pixels; drawn again " +
                          std::to_string(now.width) + " x " + std::to_string(now.height));
    return;
  }
  std::vector<std::pair<int, int>> pixels;
  int largest = 0;
  for (std::size_t i = 0; i < was.rgb.size(); i += 3) {
    int step = 0;
    for (std::size_t c = i; c < i + 3; ++c)
      step = std::max(step, std::abs(was.rgb[c] - now.rgb[c]));
    if (step == 0) continue;
    largest = std::max(largest, step);
    const auto pixel = static_cast<int>(i / 3);
    pixels.emplace_back(pixel % was.width, pixel / was.width);
  }
  if (pixels.empty()) return;
  differences.push_back("pixels: " + spaced(pixels.size()) + " of " + spaced(was.rgb.size() / 3) +
                        " are others, by up to " + std::to_string(largest) + " of 255, in " +
                        places_of(pixels, drawing));
}

/// What it was made of, first of all: whatever else differs may come from there.
void compare_hashes(const PictureRecord& was, const PictureRecord& now,
                    std::vector<std::string>& differences) {
  for (const auto& [what, hash] : was.sha256) {
    const std::string other = recorded(now, what.c_str());
    if (other == hash) continue;
    differences.push_back("SHA-256 of the " + what + ": " + hash.substr(0, kDigits) + "..., now " +
                          (other.empty() ? "none" : other.substr(0, kDigits) + "..."));
  }
}

void compare_texts(const PictureRecord& was, const PictureRecord& now,
                   std::vector<std::string>& differences) {
  constexpr std::size_t kMost = 60;
  const auto shortened = [](const std::string& text) {
    std::string start = text.substr(0, kMost);
    start.resize(text::valid_prefix(start));
    return start.size() < text.size() ? start + "..." : start;
  };
  for (const auto& [key, text] : was.texts) {
    if (key == "attnviz:sha256") continue;
    const auto found = now.texts.find(key);
    if (found != now.texts.end() && found->second == text) continue;
    differences.push_back(key + ": " + shortened(text) + "; now " +
                          (found == now.texts.end() ? "nothing" : shortened(found->second)));
  }
  for (const auto& [key, text] : now.texts) {
    if (!was.texts.contains(key)) differences.push_back(key + ": nothing; now " + shortened(text));
  }
}

}  // namespace

Verified verify_picture(const fs::path& picture, const VerifyOptions& options) {
  const std::string bytes = read_file(picture);
  try {
    const DecodedPng was = decode_png(bytes);
    const PictureRecord record = read_picture_record(was.texts);
    const Redrawn again = redraw(record, options);
    Verified verified;
    verified.is_same = encode_png(again.drawing, record.options.figure.dpi, again.texts) == bytes;
    if (verified.is_same) return verified;
    const PictureRecord now = read_picture_record(again.texts);
    compare_hashes(record, now, verified.differences);
    compare_texts(record, now, verified.differences);
    compare_pixels(was.image, again.drawing, verified.differences);
    if (verified.differences.empty()) {
      verified.differences.emplace_back("bytes: the same pixels and texts, stored in another way");
    }
    return verified;
  } catch (const UsageError& error) {
    throw UsageError("cannot verify " + picture.string() + ": " + error.what());
  } catch (const Error& error) {
    throw FigureError("cannot verify " + picture.string() + ": " + error.what());
  }
}

}  // namespace attnviz
