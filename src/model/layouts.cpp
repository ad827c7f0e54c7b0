#include "model/layouts.h"

// A new layout is one more table here.

namespace attnviz {
namespace {

// A decoder of pre-norm blocks with one set of weights for all layers; separate query, key and
// value matrices without bias, positions from a buffer.
const std::vector<Rule> kGptTransformer = {
    {"token_embedding", "token_embedding.weight"},
    {"position_encoding", "position_encoding"},
    {"block_0.norm1_weight", "layer_normalize1.weight"},
    {"block_0.norm1_bias", "layer_normalize1.bias", Form::plain, Group::norm_bias},
    {"block_0.w_q", "w_q.weight", Form::linear},
    {"block_0.w_k", "w_k.weight", Form::linear},
    {"block_0.w_v", "w_v.weight", Form::linear},
    {"block_0.w_o", "w_output_project_layer.weight", Form::linear},
    {"block_0.b_o", "w_output_project_layer.bias", Form::plain, Group::output_bias},
    {"block_0.norm2_weight", "layer_normalize2.weight"},
    {"block_0.norm2_bias", "layer_normalize2.bias", Form::plain, Group::norm_bias},
    {"block_0.w_up", "feed_forward_linear1.weight", Form::linear},
    {"block_0.b_up", "feed_forward_linear1.bias", Form::plain, Group::feed_forward_bias},
    {"block_0.w_down", "feed_forward_linear2.weight", Form::linear},
    {"block_0.b_down", "feed_forward_linear2.bias", Form::plain, Group::feed_forward_bias},
    {"norm_weight", "final_normal_layer.weight"},
    {"norm_bias", "final_normal_layer.bias", Form::plain, Group::norm_bias},
    {"lm_head", "lm_head.weight", Form::plain, Group::lm_head},
};

// GPT-2's own names, which its descendants kept. c_attn is query, key and value in one.
const std::vector<Rule> kGpt2 = {
    {"token_embedding", "wte.weight"},
    {"position_encoding", "wpe.weight"},
    {"block_{l}.norm1_weight", "h.{l}.ln_1.weight"},
    {"block_{l}.norm1_bias", "h.{l}.ln_1.bias", Form::plain, Group::norm_bias},
    {"block_{l}.w_q", "h.{l}.attn.c_attn.weight", Form::query},
    {"block_{l}.w_k", "h.{l}.attn.c_attn.weight", Form::key},
    {"block_{l}.w_v", "h.{l}.attn.c_attn.weight", Form::value},
    {"block_{l}.b_q", "h.{l}.attn.c_attn.bias", Form::query, Group::qkv_bias},
    {"block_{l}.b_k", "h.{l}.attn.c_attn.bias", Form::key, Group::qkv_bias},
    {"block_{l}.b_v", "h.{l}.attn.c_attn.bias", Form::value, Group::qkv_bias},
    {"block_{l}.w_o", "h.{l}.attn.c_proj.weight", Form::linear},
    {"block_{l}.b_o", "h.{l}.attn.c_proj.bias", Form::plain, Group::output_bias},
    {"block_{l}.norm2_weight", "h.{l}.ln_2.weight"},
    {"block_{l}.norm2_bias", "h.{l}.ln_2.bias", Form::plain, Group::norm_bias},
    {"block_{l}.w_up", "h.{l}.mlp.c_fc.weight", Form::linear},
    {"block_{l}.b_up", "h.{l}.mlp.c_fc.bias", Form::plain, Group::feed_forward_bias},
    {"block_{l}.w_down", "h.{l}.mlp.c_proj.weight", Form::linear},
    {"block_{l}.b_down", "h.{l}.mlp.c_proj.bias", Form::plain, Group::feed_forward_bias},
    {"norm_weight", "ln_f.weight"},
    {"norm_bias", "ln_f.bias", Form::plain, Group::norm_bias},
    {"lm_head", "lm_head.weight", Form::plain, Group::lm_head},
};

// Causal masks, kept as buffers.
const std::vector<const char*> kMasks = {"h.{l}.attn.bias", "h.{l}.attn.masked_bias"};

}  // namespace

const std::vector<Layout>& layouts() {
  static const std::vector<Layout> all = {
      {.name = "GPTTransformer",
       .prefix = "",
       .rules = kGptTransformer,
       .ignored = {},
       .in_out = false,
       .head = Head::either,
       .shared_layers = true,
       .fixed_positions = true,
       .scaled_embedding = true,
       .exact_gelu = true,
       .d_head = 64,
       .n_layers = 6},
      {.name = "nanoGPT",
       .prefix = "transformer.",
       .rules = kGpt2,
       .ignored = kMasks,
       .in_out = false,
       .head = Head::tied,
       .shared_layers = false,
       .fixed_positions = false,
       .scaled_embedding = false,
       .exact_gelu = true},
      {.name = "minGPT",
       .prefix = "transformer.",
       .rules = kGpt2,
       .ignored = kMasks,
       .in_out = false,
       .head = Head::untied,
       .shared_layers = false,
       .fixed_positions = false,
       .scaled_embedding = false,
       .exact_gelu = false},
      {.name = "Hugging Face GPT-2",
       .prefix = "transformer.",
       .rules = kGpt2,
       .ignored = kMasks,
       .in_out = true,
       .head = Head::either,
       .shared_layers = false,
       .fixed_positions = false,
       .scaled_embedding = false,
       .exact_gelu = false},
  };
  return all;
}

}  // namespace attnviz
