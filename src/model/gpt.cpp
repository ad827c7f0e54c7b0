#include "attnviz/gpt.h"

#include <torch/script.h>

#include <cmath>
#include <sstream>
#include <string>

#include "attnviz/error.h"
#include "attnviz/file.h"

namespace attnviz {
namespace {

using torch::jit::Module;

// B = batch, T = tokens, H = heads, D = d_head, d = d_model.
constexpr char kBlock[] = R"(
def forward_with_attention(self, x):
    # type: (Tensor) -> Tuple[Tensor, Tensor]
    h = torch.layer_norm(x, [x.size(2)], self.norm1_weight, self.norm1_bias)
    shape = [x.size(0), x.size(1), self.n_heads, self.d_head]
    q = torch.linear(h, self.w_q).view(shape).transpose(1, 2)                     # [B, H, T, D]
    k = torch.linear(h, self.w_k).view(shape).transpose(1, 2)
    v = torch.linear(h, self.w_v).view(shape).transpose(1, 2)
    scores = torch.matmul(q, k.transpose(2, 3)) / float(self.d_head) ** 0.5       # [B, H, T, T]
    position = torch.arange(x.size(1), device=x.device)
    future = position.unsqueeze(0) > position.unsqueeze(1)
    pattern = torch.softmax(scores.masked_fill(future, -float('inf')), 3)
    mixed = torch.matmul(torch.dropout(pattern, self.dropout, self.training), v)
    mixed = mixed.transpose(1, 2).reshape([x.size(0), x.size(1), -1])             # [B, T, d]
    x = x + torch.dropout(torch.linear(mixed, self.w_o, self.b_o), self.dropout, self.training)
    h = torch.layer_norm(x, [x.size(2)], self.norm2_weight, self.norm2_bias)
    h = torch.linear(torch.gelu(torch.linear(h, self.w_up, self.b_up)), self.w_down, self.b_down)
    return x + torch.dropout(h, self.dropout, self.training), pattern
)";

std::string top_source(std::int64_t n_layers) {
  std::string source = R"(
def run_blocks(self, input_ids):
    # type: (Tensor) -> Tuple[Tensor, List[Tensor]]
    patterns : List[Tensor] = []
    x = torch.embedding(self.token_embedding, input_ids) * self.embedding_scale
    x = torch.dropout(x + self.position_encoding[:input_ids.size(1)], self.dropout, self.training)
)";
  for (std::int64_t layer = 0; layer < n_layers; ++layer) {
    source += "    x, pattern = self.block_" + std::to_string(layer) +
              ".forward_with_attention(x)\n    patterns.append(pattern)\n";
  }
  return source + R"(
    return torch.layer_norm(x, [x.size(2)], self.norm_weight, self.norm_bias), patterns

def hidden(self, input_ids):
    # type: (Tensor) -> Tensor
    return self.run_blocks(input_ids)[0]

def forward_with_attention(self, input_ids):
    # type: (Tensor) -> Tuple[Tensor, List[Tensor]]
    x, patterns = self.run_blocks(input_ids)
    return torch.linear(x, self.token_embedding), patterns

def forward(self, input_ids):
    # type: (Tensor) -> Tensor
    return torch.linear(self.hidden(input_ids), self.token_embedding)
)";
}

/// The sinusoids of Vaswani et al. 2017, section 3.5: even columns sine, odd ones cosine.
at::Tensor sinusoids(std::int64_t n_positions, std::int64_t d_model) {
  const at::Tensor position = torch::arange(n_positions, torch::kFloat).unsqueeze(1);
  const at::Tensor rate =
      torch::exp(torch::arange(0, d_model, 2, torch::kFloat) * (-std::log(10000.0) / d_model));
  return torch::stack({torch::sin(position * rate), torch::cos(position * rate)}, 2)
      .reshape({n_positions, d_model});
}

class Weights {
 public:
  explicit Weights(std::uint64_t seed) : generator_(at::detail::createCPUGenerator(seed)) {}

  at::Tensor normal(std::int64_t rows, std::int64_t columns, double deviation) {
    return torch::normal(0.0, deviation, {rows, columns}, generator_);
  }

 private:
  at::Generator generator_;
};

void add(Module& module, const std::string& name, const at::Tensor& weight) {
  module.register_parameter(name, weight, /*is_buffer=*/false);
}

void add_norm(Module& module, const std::string& name, std::int64_t d_model) {
  add(module, name + "_weight", torch::ones({d_model}));
  add(module, name + "_bias", torch::zeros({d_model}));
}

/// Times sqrt(d_model) the embeddings have the size of the sinusoids they are added to. The first
/// half of the columns, where the sinusoids are fast enough to tell near positions apart, starts
/// empty: attention to the previous token has to read positions there, and tokens would be noise.
at::Tensor first_embedding(const GptConfig& config, Weights& weights) {
  const double deviation = 1.0 / std::sqrt(static_cast<double>(config.d_model));
  at::Tensor embedding = weights.normal(config.vocabulary_size, config.d_model, deviation);
  embedding.narrow(1, 0, config.d_model / 2).zero_();
  return embedding;
}

Module build_block(const GptConfig& config, Weights& weights) {
  const std::int64_t d = config.d_model;
  const std::int64_t d_ff = config.d_feed_forward();
  const double in = 1.0 / std::sqrt(static_cast<double>(d));
  // The 2 * n_layers outputs that are added up in the residual stream start small (GPT-2).
  const double out = 1.0 / std::sqrt(2.0 * static_cast<double>(config.n_layers));
  Module block("attnviz.Block");
  block.register_attribute("training", c10::BoolType::get(), true);
  block.register_attribute("n_heads", c10::IntType::get(), config.n_heads);
  block.register_attribute("d_head", c10::IntType::get(), config.d_head());
  block.register_attribute("dropout", c10::FloatType::get(), config.dropout);
  add_norm(block, "norm1", d);
  for (const char* name : {"w_q", "w_k", "w_v"}) add(block, name, weights.normal(d, d, in));
  add(block, "w_o", weights.normal(d, d, in * out));
  add(block, "b_o", torch::zeros({d}));
  add_norm(block, "norm2", d);
  add(block, "w_up", weights.normal(d_ff, d, in));
  add(block, "b_up", torch::zeros({d_ff}));
  add(block, "w_down", weights.normal(d, d_ff, out / std::sqrt(static_cast<double>(d_ff))));
  add(block, "b_down", torch::zeros({d}));
  block.define(kBlock);
  return block;
}

void check(const GptConfig& config) {
  if (config.n_layers < 1 || config.n_heads < 1 || config.d_model < 2 ||
      config.vocabulary_size < 1 || config.n_positions < 1) {
    throw UsageError("a GPT needs at least one layer, head, position and token");
  }
  if (config.d_model % config.n_heads != 0 || config.d_model % 2 != 0) {
    throw UsageError("d_model " + std::to_string(config.d_model) +
                     " must be even and a multiple of the " + std::to_string(config.n_heads) +
                     " heads");
  }
}

}  // namespace

Module build_gpt(const GptConfig& config, std::uint64_t seed) {
  check(config);
  Weights weights(seed);
  const double scale = std::sqrt(static_cast<double>(config.d_model));
  Module gpt("attnviz.GPT");
  gpt.register_attribute("training", c10::BoolType::get(), true);
  gpt.register_attribute("embedding_scale", c10::FloatType::get(), scale);
  gpt.register_attribute("dropout", c10::FloatType::get(), config.dropout);
  add(gpt, "token_embedding", first_embedding(config, weights));
  gpt.register_buffer("position_encoding", sinusoids(config.n_positions, config.d_model));
  add_norm(gpt, "norm", config.d_model);
  for (std::int64_t layer = 0; layer < config.n_layers; ++layer) {
    gpt.register_module("block_" + std::to_string(layer), build_block(config, weights));
  }
  gpt.define(top_source(config.n_layers));
  for (const at::Tensor& parameter : gpt.parameters()) parameter.set_requires_grad(true);
  return gpt;
}

void save_half(const Module& module, const std::filesystem::path& path) {
  torch::NoGradGuard no_grad;
  Module copy = module.deepcopy();
  copy.eval();
  const auto halve = [](at::Tensor tensor) {
    if (tensor.is_floating_point()) tensor.set_data(tensor.detach().to(torch::kHalf));
  };
  for (const at::Tensor& parameter : copy.parameters()) halve(parameter);
  for (const at::Tensor& buffer : copy.buffers()) halve(buffer);
  // Through memory: LibTorch's own file writer ends the program when the disk is full.
  std::ostringstream archive;
  copy.save(archive);
  write_file_atomically(path, archive.str());
}

}  // namespace attnviz
