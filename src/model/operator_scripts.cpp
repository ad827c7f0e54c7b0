#include "model/operator_scripts.h"

#include <torch/csrc/jit/api/compilation_unit.h>
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/passes/inliner.h>
#include <torch/csrc/jit/runtime/interpreter.h>
#include <torch/jit.h>

#include <map>
#include <mutex>

namespace attnviz {
namespace {

// Each takes the arguments of LibTorch's operator, by the names of its schema; what an older or
// newer LibTorch has besides them is not needed here. Without dropout: models are run in evaluation
// mode.
constexpr char kScripts[] = R"(
def attention_pattern(query, key, attn_mask: Optional[Tensor] = None, is_causal: bool = False,
                      scale: Optional[float] = None, enable_gqa: bool = False):
    if enable_gqa:
        key = key.repeat_interleave(query.size(-3) // key.size(-3), -3)
    factor = float(query.size(-1)) ** -0.5 if scale is None else float(scale)
    scores = torch.matmul(query, key.transpose(-2, -1)) * factor
    if is_causal:
        q = torch.arange(query.size(-2), device=query.device).unsqueeze(1)
        k = torch.arange(key.size(-2), device=query.device).unsqueeze(0)
        scores = scores.masked_fill(k > q, -float('inf'))
    if attn_mask is not None:
        if torch.is_floating_point(attn_mask):
            scores = scores + attn_mask
        else:
            scores = scores.masked_fill(torch.logical_not(attn_mask), -float('inf'))
    return torch.softmax(scores, -1)

def attention(query, key, value, attn_mask: Optional[Tensor] = None, is_causal: bool = False,
              scale: Optional[float] = None, enable_gqa: bool = False):
    pattern = attention_pattern(query, key, attn_mask, is_causal, scale, enable_gqa)
    if enable_gqa:
        value = value.repeat_interleave(query.size(-3) // value.size(-3), -3)
    return torch.matmul(pattern, value)

def scaled_dot_product_attention(query, key, value, attn_mask: Optional[Tensor] = None,
                                 dropout_p: float = 0.0, is_causal: bool = False,
                                 scale: Optional[float] = None, enable_gqa: bool = False):
    return attention(query, key, value, attn_mask, is_causal, scale, enable_gqa)

def _scaled_dot_product_attention(query, key, value, attn_mask: Optional[Tensor] = None,
                                  dropout_p: float = 0.0, need_attn_weights: bool = False,
                                  is_causal: bool = False):
    pattern = attention_pattern(query, key, attn_mask, is_causal)
    return torch.matmul(pattern, value), pattern

def heads_of(x, num_head: int):
    return x.view([x.size(0), x.size(1), num_head, -1]).transpose(1, 2)

def padded(x):
    # Padding masks make nn.TransformerEncoder run on nested tensors, whose rows are as long as texts.
    if x.is_nested:
        x = x.to_padded_tensor(0.0)
    return x

def multi_head_pattern(query, key, embed_dim: int, num_head: int, qkv_weight, qkv_bias,
                       mask: Optional[Tensor] = None, mask_type: Optional[int] = None):
    w_q, w_k, w_v = torch.chunk(qkv_weight, 3, 0)
    b_q, b_k, b_v = torch.chunk(qkv_bias, 3, 0)
    q = heads_of(torch.linear(padded(query), w_q, b_q), num_head)
    k = heads_of(torch.linear(padded(key), w_k, b_k), num_head)
    scores = torch.matmul(q / float(q.size(-1)) ** 0.5, k.transpose(-2, -1))
    if mask is not None:
        # Padding [B, T], or [T, T], or [B, heads, T, T]; whatever is not 0 is masked, as the operator has it.
        is_masked = mask != 0
        if is_masked.dim() == 2 and mask_type is not None and mask_type == 1:
            is_masked = is_masked.view([is_masked.size(0), 1, 1, is_masked.size(1)])
        scores = scores.masked_fill(is_masked, -float('inf'))
    return torch.softmax(scores, -1)

def multi_head(query, key, value, embed_dim: int, num_head: int, qkv_weight, qkv_bias, proj_weight,
               proj_bias, mask: Optional[Tensor] = None, need_weights: bool = True,
               average_attn_weights: bool = True, mask_type: Optional[int] = None):
    pattern = multi_head_pattern(query, key, embed_dim, num_head, qkv_weight, qkv_bias, mask, mask_type)
    w_v, b_v = torch.chunk(qkv_weight, 3, 0)[2], torch.chunk(qkv_bias, 3, 0)[2]
    z = torch.matmul(pattern, heads_of(torch.linear(value, w_v, b_v), num_head))
    out = torch.linear(z.transpose(1, 2).flatten(2), proj_weight, proj_bias)
    weights = pattern.mean(1) if average_attn_weights else pattern
    return out, weights

def encoder_layer_pattern(src, embed_dim: int, num_heads: int, qkv_weight, qkv_bias, norm_first: bool,
                          eps: float, norm_weight_1, norm_bias_1, mask: Optional[Tensor] = None,
                          mask_type: Optional[int] = None):
    x = padded(src)
    if norm_first:
        x = torch.layer_norm(x, [embed_dim], norm_weight_1, norm_bias_1, eps)
    return multi_head_pattern(x, x, embed_dim, num_heads, qkv_weight, qkv_bias, mask, mask_type)

def feed_forward(x, use_gelu: bool, ffn_weight_1, ffn_bias_1, ffn_weight_2, ffn_bias_2):
    hidden = torch.linear(x, ffn_weight_1, ffn_bias_1)
    hidden = torch.gelu(hidden) if use_gelu else torch.relu(hidden)
    return torch.linear(hidden, ffn_weight_2, ffn_bias_2)

def encoder_layer(src, embed_dim: int, num_heads: int, qkv_weight, qkv_bias, proj_weight, proj_bias,
                  use_gelu: bool, norm_first: bool, eps: float, norm_weight_1, norm_bias_1,
                  norm_weight_2, norm_bias_2, ffn_weight_1, ffn_bias_1, ffn_weight_2, ffn_bias_2,
                  mask: Optional[Tensor] = None, mask_type: Optional[int] = None):
    x = src
    if norm_first:
        y = torch.layer_norm(x, [embed_dim], norm_weight_1, norm_bias_1, eps)
        y = multi_head(y, y, y, embed_dim, num_heads, qkv_weight, qkv_bias, proj_weight, proj_bias, mask,
                       False, False, mask_type)[0]
        x = x + y
        y = torch.layer_norm(x, [embed_dim], norm_weight_2, norm_bias_2, eps)
        x = x + feed_forward(y, use_gelu, ffn_weight_1, ffn_bias_1, ffn_weight_2, ffn_bias_2)
    else:
        y = multi_head(x, x, x, embed_dim, num_heads, qkv_weight, qkv_bias, proj_weight, proj_bias, mask,
                       False, False, mask_type)[0]
        x = torch.layer_norm(x + y, [embed_dim], norm_weight_1, norm_bias_1, eps)
        y = feed_forward(x, use_gelu, ffn_weight_1, ffn_bias_1, ffn_weight_2, ffn_bias_2)
        x = torch.layer_norm(x + y, [embed_dim], norm_weight_2, norm_bias_2, eps)
    return x

def rms_norm(input, normalized_shape: List[int], weight: Optional[Tensor] = None,
             eps: Optional[float] = None):
    # Without eps it is the type's own. Types are written as numbers here: 5 to 7 are float16 to
    # float64, 15 is bfloat16.
    x = input
    least = 1.1920928955078125e-07
    if input.dtype == 7:
        least = 2.220446049250313e-16
    else:
        x = input.to(6)
    if input.dtype == 5:
        least = 0.0009765625
    if input.dtype == 15:
        least = 0.0078125
    dims = [-1 - i for i in range(len(normalized_shape))]
    added = least if eps is None else float(eps)
    normed = x * torch.rsqrt(x.pow(2).mean(dims, True) + added)
    normed = normed.to(input.dtype)
    if weight is not None:
        normed = normed * weight
    return normed

def _grouped_mm(self, mat2, offs: Optional[Tensor] = None, bias: Optional[Tensor] = None,
                out_dtype: Optional[int] = None):
    # self [n, k] in groups of rows that end at offs, each times its own matrix of mat2 [groups, k, m].
    if self.dim() == 3 and mat2.dim() == 3 and offs is None:
        out = torch.bmm(self, mat2)
    else:
        assert self.dim() == 2 and mat2.dim() == 3 and offs is not None, "only rows are grouped here"
        out = torch.zeros([self.size(0), mat2.size(2)], dtype=self.dtype, device=self.device)
        start = 0
        for group in range(mat2.size(0)):
            end = int(offs[group])
            out[start:end] = torch.matmul(self[start:end], mat2[group])
            start = end
    if bias is not None:
        out = out + bias
    if out_dtype is not None:
        out = out.to(out_dtype)
    return out
)";

const torch::jit::CompilationUnit& unit() {
  static const std::shared_ptr<torch::jit::CompilationUnit> compiled =
      torch::jit::compile(kScripts);
  return *compiled;
}

/// Compiled once each; code may be run by many threads at once.
const torch::jit::Code& code_of(const std::string& name) {
  static std::mutex making;
  static std::map<std::string, torch::jit::Code> codes;
  const std::scoped_lock lock(making);
  const auto found = codes.find(name);
  if (found != codes.end()) return found->second;
  return codes.emplace(name, torch::jit::Code(script_graph(name), name)).first->second;
}

}  // namespace

std::shared_ptr<torch::jit::Graph> script_graph(const std::string& name) {
  auto graph = torch::jit::toGraphFunction(unit().get_function(name)).graph()->copy();
  torch::jit::Inline(*graph);
  return graph;
}

void run_script(const std::string& name, torch::jit::Stack& stack) {
  torch::jit::InterpreterState(code_of(name)).run(stack);
}

const c10::FunctionSchema& script_schema(const std::string& name) {
  return unit().get_function(name).getSchema();
}

}  // namespace attnviz
