#include "attnviz/dump.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "attnviz/checkpoint.h"
#include "attnviz/error.h"
#include "attnviz/file.h"
#include "temporary_folder.h"

namespace attnviz {
namespace {

namespace fs = std::filesystem;
using Strings = std::vector<std::string>;

const fs::path kDumps = fs::path(ATTNVIZ_TEST_DATA) / "dumps";

const Strings kWords = {"The",  " man", " said", " that", " he", " would",
                        " not", " go",  " with", " us",   "."};
const TokenIds kIds = {464, 582, 531, 326, 339, 561, 407, 467, 351, 514, 13};

double difference(const AttentionPatterns& a, const AttentionPatterns& b) {
  double largest = 0;
  for (std::size_t l = 0; l < a.layers.size(); ++l) {
    largest = std::max(largest, (a.layers[l] - b.layers.at(l)).abs().max().item<double>());
  }
  return largest;
}

TEST(Dump, all_layouts_and_formats_of_one_text_hold_the_same) {
  const AttentionDump stacked = read_attention(kDumps / "gpt2_stacked.npy");
  ASSERT_EQ(stacked.patterns.n_layers(), 2);
  EXPECT_EQ(stacked.patterns.layers[0].sizes(), (std::vector<std::int64_t>{4, 11, 11}));
  EXPECT_TRUE(stacked.patterns.causal);
  EXPECT_TRUE(stacked.keys.pieces.empty());
  EXPECT_TRUE(stacked.keys.ids.empty());
  for (const auto* name : {"gpt2_layers.safetensors", "gpt2.npz"}) {
    EXPECT_EQ(difference(stacked.patterns, read_attention(kDumps / name).patterns), 0) << name;
  }
  EXPECT_LT(
      difference(stacked.patterns, read_attention(kDumps / "gpt2_float16.safetensors").patterns),
      5e-4);
  EXPECT_LT(
      difference(stacked.patterns, read_attention(kDumps / "gpt2_bfloat16.safetensors").patterns),
      4e-3);
}

TEST(Dump, tokens_come_with_it_by_name_or_by_id) {
  EXPECT_EQ(read_attention(kDumps / "gpt2_layers.safetensors").keys.ids, kIds);
  for (const auto* name : {"gpt2.npz", "gpt2_float16.safetensors"}) {
    const AttentionDump dump = read_attention(kDumps / name);
    EXPECT_EQ(dump.keys.pieces, kWords) << name;
    EXPECT_EQ(dump.queries.pieces, kWords) << name;
  }
}

TEST(Dump, a_model_that_looks_ahead_is_found_out_or_named) {
  const AttentionDump bert = read_attention(kDumps / "bert.safetensors");
  EXPECT_FALSE(bert.patterns.causal);
  EXPECT_EQ(bert.keys.pieces,
            (Strings{"[CLS]", " the", " un", "believ", "able", " cat", " sat", " [SEP]"}));
  EXPECT_FALSE(read_attention(kDumps / "gpt2.npz", {.bidirectional = true}).patterns.causal);
}

TEST(Dump, queries_of_a_cache_are_the_last_keys) {
  const AttentionDump cache = read_attention(kDumps / "cache.npz");
  EXPECT_EQ(cache.patterns.n_queries(), 3);
  EXPECT_EQ(cache.patterns.n_keys(), 11);
  EXPECT_TRUE(cache.patterns.causal);
  EXPECT_EQ(cache.queries.pieces, (Strings{" with", " us", "."}));
  const AttentionPatterns whole = read_attention(kDumps / "gpt2_stacked.npy").patterns;
  EXPECT_LT((cache.patterns.layers[1] - whole.layers[1].slice(1, 8)).abs().max().item<double>(),
            1e-6);
}

TEST(Dump, a_decoder_that_looks_at_an_encoder_has_tokens_on_each_side) {
  const AttentionDump cross = read_attention(kDumps / "cross.safetensors");
  EXPECT_FALSE(cross.patterns.causal);
  EXPECT_EQ(cross.queries.pieces, (Strings{"<pad>", " Die", " Katze", " sa", "ß"}));
  EXPECT_EQ(cross.keys.pieces.size(), 7U);
}

TEST(Dump, layers_are_ordered_by_their_numbers) {
  const AttentionDump hook = read_attention(kDumps / "hook.safetensors");
  ASSERT_EQ(hook.patterns.n_layers(), 11);
  for (const NamedTensor& tensor : read_safetensors(kDumps / "hook.safetensors").tensors) {
    if (tensor.name != "blocks.10.attention.attn_dropout") continue;
    EXPECT_TRUE(hook.patterns.layers[10].equal(tensor.values));
    return;
  }
  ADD_FAILURE() << "no such tensor";
}

/// A file of tensors made on the spot.
class Made : public testing::Test {
 protected:
  static at::Tensor even(const std::vector<std::int64_t>& sizes) {
    return at::full(sizes, 1.0 / double(sizes.back()));
  }

  fs::path write(const std::vector<NamedTensor>& tensors,
                 const std::vector<std::pair<std::string, std::string>>& metadata = {}) {
    const fs::path path = folder_.path() / ("made" + std::to_string(n_files_++) + ".safetensors");
    std::vector<NamedTensor> contiguous;
    for (const NamedTensor& tensor : tensors) {
      contiguous.push_back({tensor.name, tensor.values.contiguous()});
    }
    write_safetensors(path, contiguous, metadata);
    return path;
  }

  fs::path write_text(const std::string& name, const std::string& text) {
    write_file_atomically(folder_.path() / name, text);
    return folder_.path() / name;
  }

  void refuse(const fs::path& path, const std::string& words, const DumpOptions& options = {}) {
    ++n_refused_;
    try {
      (void)read_attention(path, options);
      ADD_FAILURE() << "not refused: " << words;
    } catch (const Error& error) {
      const std::string line = error.what();
      EXPECT_NE(line.find(words), std::string::npos) << line;
      EXPECT_NE(line.find(folder_.path().string()), std::string::npos) << line;
      EXPECT_EQ(line.find('\n'), std::string::npos) << line;
    }
  }

  TemporaryFolder folder_;
  int n_files_ = 0, n_refused_ = 0;
};

TEST_F(Made, what_attnviz_writes_it_reads_back_exactly) {
  AttentionPatterns patterns;
  patterns.causal = false;
  patterns.layers = {at::softmax(at::randn({2, 3, 3}), -1), even({0, 3, 3}), even({1, 3, 3})};
  patterns.kept = {{1, 4}, {}, {0}};
  const SideTokens tokens{{"a\xFF", " Ġ", "\n"}, {1, 2, 3}};
  const fs::path path = folder_.path() / "saved.safetensors";
  write_attention(path, patterns, tokens, tokens, {{"attnviz:text", "a text"}});
  const AttentionDump dump = read_attention(path);
  for (std::size_t l = 0; l < 3; ++l) {
    EXPECT_TRUE(dump.patterns.layers.at(l).equal(patterns.layers[l]));
  }
  EXPECT_EQ(dump.patterns.kept, patterns.kept);
  EXPECT_FALSE(dump.patterns.causal);
  EXPECT_EQ(dump.keys.pieces, tokens.pieces);
  EXPECT_EQ(dump.queries.ids, tokens.ids);
  EXPECT_EQ(dump.text, "a text");
}

TEST_F(Made, both_sides_tokens_are_kept_apart) {
  AttentionPatterns patterns;
  patterns.causal = false;
  patterns.layers = {even({1, 2, 3})};
  const SideTokens queries{{"x", "y"}, {}}, keys{{"a", "b", "c"}, {7, 8, 9}};
  const fs::path path = folder_.path() / "saved.safetensors";
  write_attention(path, patterns, queries, keys, {});
  const AttentionDump dump = read_attention(path);
  EXPECT_EQ(dump.queries.pieces, queries.pieces);
  EXPECT_TRUE(dump.queries.ids.empty());
  EXPECT_EQ(dump.keys.pieces, keys.pieces);
  EXPECT_EQ(dump.keys.ids, keys.ids);
  EXPECT_THROW(write_attention(path, patterns, keys, keys, {}), ShapeError);
}

TEST_F(Made, one_text_of_a_batch_is_chosen) {
  const at::Tensor batch = at::softmax(at::randn({2, 3, 1, 4, 4}), -1);
  const fs::path path = write({{"attention", batch}});
  refuse(path, "holds a batch of 3 texts; choose one with --batch-item");
  refuse(path, "there is no text 3 in the batch", {.batch_item = 3});
  EXPECT_TRUE(read_attention(path, {.batch_item = 2}).patterns.layers[1].equal(batch[1][2]));
}

TEST_F(Made, a_glob_chooses_among_several_kinds) {
  const fs::path path = write({{"cross.0", even({2, 2, 5})},
                               {"self.0", even({2, 2, 2})},
                               {"cross.1", even({2, 2, 5})},
                               {"self.1", even({2, 2, 2})}});
  refuse(path, "more than one kind of tensor: cross.0 and self.0");
  EXPECT_EQ(read_attention(path, {.tensors = "cross*"}).patterns.n_keys(), 5);
  refuse(path, "no tensor whose name fits x*", {.tensors = "x*"});
}

TEST_F(Made, layers_that_a_file_lacks_have_no_heads_and_it_is_told) {
  const AttentionDump some =
      read_attention(write({{"l0", even({2, 3, 3})}, {"l3", even({2, 3, 3})}}));
  ASSERT_EQ(some.patterns.n_layers(), 4);
  EXPECT_EQ(some.patterns.n_heads(1), 0);
  EXPECT_EQ(some.remarks.at(0), "2 of its 4 layers are not among its tensors");
  const AttentionDump from_one =
      read_attention(write({{"l2", even({2, 3, 3})}, {"l1", even({1, 3, 3})}}));
  EXPECT_EQ(from_one.patterns.n_heads(0), 1);
  EXPECT_EQ(from_one.remarks.at(0), "its layers count from 1; here l1 is layer 0");
}

TEST_F(Made, of_chosen_tensors_it_is_told_which_is_layer_0) {
  const fs::path path =
      write({{"b.1.a", even({2, 3, 3})}, {"b.2.a", even({1, 3, 3})}, {"b.0.a", even({2, 3, 3})}});
  const AttentionDump last = read_attention(path, {.tensors = "b.2.a"});
  EXPECT_EQ(last.remarks.at(0), "b.2.a is layer 0 here");
  EXPECT_EQ(read_attention(path, {.tensors = "b.[12].a"}).remarks.at(0), "b.1.a is layer 0 here");
  EXPECT_EQ(read_attention(path, {.tensors = "b.0.a"}).remarks.at(0),
            "queries attend to later keys: drawn as bidirectional");
}

TEST_F(Made, rows_are_held_to_the_precision_that_they_were_rounded_to) {
  at::manual_seed(3);
  const at::Tensor exact = at::softmax(at::randn({1, 2, 60, 60}), -1);
  for (const c10::ScalarType type : {at::kBFloat16, at::kHalf}) {
    const at::Tensor rounded = exact.to(type);
    const double off = (rounded.to(at::kDouble).sum(-1) - 1).abs().max().item<double>();
    EXPECT_GT(off, 1e-4) << type;  // or nothing is tried here
    for (const c10::ScalarType stored : {type, at::kFloat, at::kDouble}) {
      EXPECT_EQ(read_attention(write({{"a", rounded.to(stored)}})).patterns.n_heads(0), 2);
    }
  }
  refuse(write({{"a", exact * 1.001}}), "sum to 1.001");
}

TEST_F(Made, a_few_queries_are_spelt_as_the_keys_are) {
  const fs::path path = write({{"a", even({1, 1, 1, 3})}},
                              {{"queries", R"(["Ã©"])"}, {"keys", R"(["a", "Ġb", "Ã©"])"}});
  const AttentionDump dump = read_attention(path);
  EXPECT_EQ(dump.keys.pieces, (Strings{"a", " b", "é"}));
  EXPECT_EQ(dump.queries.pieces, (Strings{"é"}));
}

TEST_F(Made, what_is_nested_beyond_reason_is_no_JSON) {
  const std::string deep = std::string(200'000, '[') + std::string(200'000, ']');
  const std::vector<NamedTensor> fine = {{"a", even({1, 1, 3, 3})}};
  refuse(write(fine, {{"tokens", "[" + deep + "]"}}), "is no JSON");
  refuse(write(fine), "is no JSON", {.tokens = write_text("deep.json", deep)});
  const std::string header = R"({"a": {"dtype": "F32", "shape": )" + deep + "}}";
  std::string size(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) size[i] = char(header.size() >> (8 * i));
  refuse(write_text("deep.safetensors", size + header), "no valid safetensors header");
}

TEST_F(Made, numbers_of_a_header_are_whole) {
  for (const char* shape : {"[1.5, 1]", "[1e300, 1]", "[18446744073709551615, 1]", "\"1\""}) {
    const std::string header =
        R"({"a": {"dtype": "F32", "data_offsets": [0, 4], "shape": )" + std::string(shape) + "}}";
    std::string size(8, '\0');
    size[0] = char(header.size());
    refuse(write_text("shape.safetensors", size + header + "abcd"), "no valid safetensors header");
  }
}

TEST_F(Made, a_single_layer_keeps_its_number_and_its_batch) {
  const AttentionDump one = read_attention(write({{"layer_2", even({1, 2, 3, 3})}}));
  ASSERT_EQ(one.patterns.n_layers(), 3);
  EXPECT_EQ(one.patterns.n_heads(2), 2);
  const at::Tensor batch = at::softmax(at::randn({2, 2, 3, 3}), -1);
  const fs::path path = write({{"layer_0", batch}, {"ids", at::arange(6).view({2, 3})}});
  const AttentionDump second = read_attention(path, {.batch_item = 1});
  EXPECT_TRUE(second.patterns.layers[0].equal(batch[1]));
  EXPECT_EQ(second.keys.ids, (TokenIds{3, 4, 5}));
}

TEST_F(Made, the_border_of_a_continuation_is_kept) {
  const std::vector<NamedTensor> fine = {{"a", even({1, 1, 3, 3})}};
  EXPECT_EQ(read_attention(write(fine, {{"attnviz:prompt", "2"}})).n_prompt, 2);
  EXPECT_FALSE(read_attention(write(fine)).n_prompt);
  refuse(write(fine, {{"attnviz:prompt", "4"}}), "its prompt is no number of its keys");
  refuse(write(fine, {{"attnviz:prompt", "2abc"}}), "its prompt is no number of its keys");
}

TEST_F(Made, tokens_may_lie_in_a_file_of_their_own) {
  const fs::path two = write({{"a", even({1, 1, 2, 2})}});
  EXPECT_EQ(read_attention(two, {.tokens = write_text("t.json", R"(["Hi", "Ġyou"])")}).keys.pieces,
            (Strings{"Hi", " you"}));
  EXPECT_EQ(read_attention(two, {.tokens = write_text("i.json", "[5, 6]")}).queries.ids,
            (TokenIds{5, 6}));
  const fs::path cross = write({{"a", even({1, 1, 2, 3})}});
  const AttentionDump both = read_attention(
      cross,
      {.tokens = write_text("b.json", R"({"queries": ["x", "y"], "keys": ["a", "b", "c"]})")});
  EXPECT_EQ(both.keys.pieces, (Strings{"a", " b", " c"}));
}

TEST_F(Made, every_malformed_dump_ends_in_one_clear_line) {
  const auto one = [](const at::Tensor& values) { return std::vector<NamedTensor>{{"a", values}}; };
  const auto with = [&](double weight) {
    at::Tensor values = even({1, 2, 3, 3});
    values[0][1][2][0] = weight;
    return one(values);
  };
  refuse(folder_.path() / "none.npz", "cannot read");
  refuse(folder_.path(), "cannot read");
  refuse(write_text("empty.npz", ""), "neither a safetensors file nor NumPy's");
  refuse(write_text("text.npz", "To be or not to be"), "neither a safetensors file nor NumPy's");
  refuse(write_text("cut.npy", "\x93NUMPY\x01"), "cut off");
  refuse(write_text("zip.npz", "PK\x03\x04 and no more"), "damaged");
  refuse(write_text("header.safetensors", std::string("\x04\0\0\0\0\0\0\0{{{{", 12)), "header");
  const std::string whole = read_file(write(one(even({1, 2, 3, 3}))));
  refuse(write_text("half.safetensors", whole.substr(0, whole.size() - 20)), "cut off");
  refuse(write({{"ids", at::arange(5)}}), "it holds no attention");
  refuse(write({}), "it holds no attention");
  refuse(write(one(at::ones({4}))), "it holds no attention");
  refuse(write(one(at::ones({2, 2}, at::kLong))), "[2, 2] of Long");
  refuse(write(one(even({1, 1, 1, 1, 3, 3}))), "has the shape [1, 1, 1, 1, 3, 3]");
  refuse(write(one(even({2, 3, 3, 0}))), "is empty");
  refuse(write(one(even({1, 0, 3, 3}))), "it holds no heads");
  refuse(write(with(-0.25)), "is -0.25: are these scores, before softmax?");
  refuse(write(with(0.9)), "head 1, query 2 of [0] of a, sum to 1.566667, not 1");
  refuse(write(with(std::nan(""))), "is not finite");
  refuse(write(with(INFINITY)), "is not finite");
  refuse(write(one(even({1, 2, 3, 3}) * 0.999)), "sum to 0.999");
  refuse(write(one(at::zeros({1, 2, 3, 3}))), "sum to 0, not 1");
  refuse(write(one((even({1, 2, 3, 3}) * 0.98).to(at::kBFloat16))), "sum to 0.97");
  refuse(write({{"l0", even({1, 3, 3})}, {"l1", even({1, 4, 4})}}),
         "l1 has 4 queries and 4 keys, the layer before it 3 and 3");
  refuse(write({{"l0", even({1, 3, 3})}, {"l00", even({1, 3, 3})}}), "the layer 0 twice");
  refuse(write({{"a1b1", even({1, 3, 3})}, {"a2b2", even({1, 3, 3})}}),
         "differ in more than one number");
  refuse(write({{"l0", even({1, 3, 3})}, {"m1", even({1, 3, 3})}}), "more than one kind");
  refuse(write({{"l0", even({1, 3, 3})}, {"l20000", even({1, 3, 3})}}), "no layer below 10000");
  refuse(write({{"l0", even({1, 3, 3})}, {"l1", even({1, 1, 1, 3, 3})}}), "has the shape");
  refuse(write({{"l0", even({2, 1, 3, 3})}, {"l1", even({2, 1, 3, 3})}}), "a batch of 2 texts");
  refuse(write(one(even({1, 2, 3, 3}))), "holds no batch", {.batch_item = 0});
  const std::vector<NamedTensor> fine = one(even({1, 2, 3, 3}));
  refuse(write(fine, {{"tokens", R"(["a", "b"])"}}), "there are 2 tokens for 3 keys");
  refuse(write(fine, {{"tokens", "a b c"}}), "is no JSON");
  refuse(write(fine, {{"tokens", R"({"a": 1})"}}), "no JSON list of tokens");
  refuse(write(fine, {{"tokens", R"(["a", 2, "c"])"}}), "both tokens and ids");
  refuse(write(fine, {{"tokens", R"(["a", null, "c"])"}}), "neither a token nor an id");
  refuse(write(fine, {{"attnviz:key_pieces", "[1]"}}), "its list of tokens is damaged");
  refuse(write(fine, {{"attnviz:head_numbers", "[[5]]"}}), "head numbers");
  refuse(write({{"a", even({1, 2, 3, 3})}, {"ids", at::arange(4)}}), "there are 4 ids for 3 keys");
  refuse(write({{"a", even({1, 2, 3, 3})}, {"ids", at::ones({1})}}), "ids is no list of token ids");
  refuse(write({{"a", even({1, 2, 2, 3})}, {"ids", at::arange(3)}}), "name both");
  refuse(write(fine), "cannot read", {.tokens = folder_.path() / "no.json"});
  refuse(write(fine), "is no JSON", {.tokens = write_text("bad.json", "[")});
  refuse(write(fine), "holds no tokens", {.tokens = write_text("empty.json", "[]")});
  refuse(write(fine), "neither a token nor an id",
         {.tokens = write_text("large.json", "[1, 2, 18446744073709551615]")});
  refuse(write(fine), "it may hold tokens, or queries and keys",
         {.tokens = write_text("odd.json", R"({"words": []})")});
  EXPECT_GE(n_refused_, 40);
}

}  // namespace
}  // namespace attnviz
