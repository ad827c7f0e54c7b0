// Stages alone, with Google Benchmark: `micro MODEL.pt BOOK.txt [--benchmark_filter=...]`.
#include <benchmark/benchmark.h>

#include <random>

#include "attnviz/file.h"
#include "attnviz/head_statistics.h"
#include "attnviz/model.h"
#include "attnviz/run.h"

namespace {

using namespace attnviz;

std::filesystem::path model_path, book_path;

Model& model() {
  static Model loaded(model_path);
  return loaded;
}

const Tokenizer& tokenizer() {
  static const Tokenizer loaded(built_in_vocabulary());
  return loaded;
}

TokenIds some_ids(std::int64_t n) {
  std::mt19937_64 random(0);
  const auto n_ids = static_cast<std::uint64_t>(model().vocabulary_size().value_or(1000));
  TokenIds ids(std::size_t(n), 0);
  for (TokenId& id : ids) id = static_cast<TokenId>(random() % n_ids);
  return ids;
}

AttentionPatterns some_patterns(std::int64_t n) {
  return check_patterns(model().capture(some_ids(n)));
}

void tokenize(benchmark::State& state) {
  const std::string book = read_file(book_path);
  for (auto _ : state) benchmark::DoNotOptimize(tokenizer().encode(book));
  state.SetBytesProcessed(state.iterations() * std::int64_t(book.size()));
}

void full_forward(benchmark::State& state) {
  const TokenIds ids = some_ids(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(model().logits(ids));
}

void capture(benchmark::State& state) {
  const TokenIds ids = some_ids(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(model().capture(ids));
}

void head_scores(benchmark::State& state) {
  const TokenIds ids = some_ids(state.range(0));
  const AttentionPatterns patterns = some_patterns(state.range(0));
  for (auto _ : state) {
    HeadStatistics statistics;
    statistics.add_text(patterns, ids);
  }
}

/// The grid: items are cells.
void lay_out_and_paint(benchmark::State& state) {
  const TokenIds ids = some_ids(state.range(0));
  const AttentionPatterns patterns = some_patterns(state.range(0));
  const std::vector<Label> labels = token_labels(tokenizer(), ids);
  for (auto _ : state)
    benchmark::DoNotOptimize(paint(layout_grid(view_of(patterns, labels, "a text"))));
  std::int64_t n_cells = 0;
  for (const at::Tensor& layer : patterns.layers) n_cells += layer.numel();
  state.SetItemsProcessed(state.iterations() * n_cells);
}

/// Of pixels as they are painted, 3 bytes each.
void encode(benchmark::State& state) {
  const TokenIds ids = some_ids(state.range(0));
  const AttentionPatterns patterns = some_patterns(state.range(0));
  const Image image =
      paint(layout_grid(view_of(patterns, token_labels(tokenizer(), ids), "a text")));
  for (auto _ : state) benchmark::DoNotOptimize(encode_png(image, 150));
  state.SetBytesProcessed(state.iterations() * std::int64_t(image.rgb.size()));
}

BENCHMARK(tokenize)->Unit(benchmark::kMillisecond);
#define FOR_EACH_LENGTH(stage)        \
  BENCHMARK(stage)                    \
      ->Arg(16)                       \
      ->Arg(64)                       \
      ->Arg(128)                      \
      ->Arg(256)                      \
      ->Arg(1024)                     \
      ->Unit(benchmark::kMillisecond) \
      ->UseRealTime()
FOR_EACH_LENGTH(full_forward);
FOR_EACH_LENGTH(capture);
FOR_EACH_LENGTH(head_scores);
FOR_EACH_LENGTH(lay_out_and_paint);
FOR_EACH_LENGTH(encode);

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (argc != 3) {
    std::fprintf(stderr, "Usage: micro MODEL.pt BOOK.txt [--benchmark_filter=...]\n");
    return 2;
  }
  model_path = argv[1];
  book_path = argv[2];
  benchmark::RunSpecifiedBenchmarks();
}
