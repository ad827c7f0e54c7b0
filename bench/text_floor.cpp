// What the texts of a batch cost at least: the part of the forward pass that attention needs, and
// the same pixels compressed by libspng at zlib's level 1. Nothing is laid out, painted, or
// written. Usage: text_floor MODEL.pt BATCH_FOLDER, a folder that `attnviz batch` has filled with
// all three figures of each text. Prints milliseconds a text, on as many threads as there are
// cores.
#include <ATen/Parallel.h>
#include <spng.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "attnviz/batch.h"
#include "attnviz/file.h"

namespace {

using namespace attnviz;
namespace fs = std::filesystem;

struct Picture {
  spng_ihdr header{};
  spng_plte palette{};
  std::vector<unsigned char> pixels;
};

Picture decode(const std::string& file) {
  Picture picture;
  spng_ctx* png = spng_ctx_new(0);
  spng_set_png_buffer(png, file.data(), file.size());
  spng_get_ihdr(png, &picture.header);
  spng_get_plte(png, &picture.palette);
  std::size_t size = 0;
  spng_decoded_image_size(png, SPNG_FMT_PNG, &size);
  picture.pixels.resize(size);
  spng_decode_image(png, picture.pixels.data(), size, SPNG_FMT_PNG, 0);
  spng_ctx_free(png);
  return picture;
}

/// Without filters, the fastest way.
void encode(Picture& picture) {
  spng_ctx* png = spng_ctx_new(SPNG_CTX_ENCODER);
  spng_set_option(png, SPNG_ENCODE_TO_BUFFER, 1);
  spng_set_option(png, SPNG_IMG_COMPRESSION_LEVEL, 1);
  spng_set_option(png, SPNG_FILTER_CHOICE, SPNG_FILTER_CHOICE_NONE);
  spng_set_ihdr(png, &picture.header);
  if (picture.palette.n_entries > 0) spng_set_plte(png, &picture.palette);
  spng_encode_image(png, picture.pixels.data(), picture.pixels.size(), SPNG_FMT_PNG,
                    SPNG_ENCODE_FINALIZE);
  std::size_t size = 0;
  int error = 0;
  std::free(spng_get_png_buffer(png, &size, &error));
  spng_ctx_free(png);
}

struct Text {
  TokenIds ids;
  std::vector<Picture> pictures;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const fs::path folder = argv[2];
  at::set_num_threads(1);
  Model model(argv[1]);
  const Tokenizer tokenizer(built_in_vocabulary());
  std::vector<Text> texts;
  std::ifstream index(folder / "index.jsonl");
  for (std::string line; std::getline(index, line);) {
    const auto entry = nlohmann::json::parse(line);
    Text text;
    text.ids = tokenizer.encode(without_last_newline(read_file(entry.at("input"))));
    text.ids.resize(entry.at("tokens"));
    for (const auto& file : entry.at("files")) {
      text.pictures.push_back(decode(read_file(folder / file.get<std::string>())));
    }
    texts.push_back(std::move(text));
  }
  (void)model.capture(texts.at(0).ids);
  std::atomic<std::size_t> next = 0;
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::thread> threads;
  for (std::int64_t i = 0; i < usable_cores(); ++i) {
    threads.emplace_back([&] {
      at::set_num_threads(1);
      for (std::size_t t = 0; (t = next++) < texts.size();) {
        (void)model.capture(texts[t].ids);
        for (Picture& picture : texts[t].pictures) encode(picture);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
  std::printf("%.2f\n", time.count() / double(texts.size()));
}
