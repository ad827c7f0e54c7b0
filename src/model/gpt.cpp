#include "attnviz/gpt.h"

#include <torch/script.h>

#include <cmath>
#include <string>

#include "attnviz/error.h"

namespace attnviz {
namespace {

using torch::jit::Module;

// B = batch, T = tokens, H = heads, D = d_head, d = d_model. Names in @ stand for a parameter, or
// for None where the model has no such bias.
constexpr char kBlock[] = R"(
def forward_with_attention(self, x):
    # type: (Tensor) -> Tuple[Tensor, Tensor]
    h = torch.layer_norm(x, [x.size(2)], self.norm1_weight, @norm1_bias@, self.norm_epsilon)
    shape = [x.size(0), x.size(1), self.n_heads, self.d_head]
    q = torch.linear(h, self.w_q, @b_q@).view(shape).transpose(1, 2)              # [B, H, T, D]
    k = torch.linear(h, self.w_k, @b_k@).view(shape).transpose(1, 2)
    v = torch.linear(h, self.w_v, @b_v@).view(shape).transpose(1, 2)
    scores = torch.matmul(q, k.transpose(2, 3)) / float(self.d_head) ** 0.5       # [B, H, T, T]
    position = torch.arange(x.size(1), device=x.device)
    future = position.unsqueeze(0) > position.unsqueeze(1)
    pattern = torch.softmax(scores.masked_fill(future, -float('inf')), 3)
    mixed = torch.matmul(torch.dropout(pattern, self.dropout, self.training), v)
    mixed = mixed.transpose(1, 2).reshape([x.size(0), x.size(1), self.n_heads * self.d_head])
    h = torch.linear(mixed, self.w_o, @b_o@)                                      # [B, T, d]
    x = x + torch.dropout(h, self.dropout, self.training)
    h = torch.layer_norm(x, [x.size(2)], self.norm2_weight, @norm2_bias@, self.norm_epsilon)
    h = torch.gelu(torch.linear(h, self.w_up, @b_up@), approximate='@gelu@')
    h = torch.linear(h, self.w_down, @b_down@)
    return x + torch.dropout(h, self.dropout, self.training), pattern
)";

constexpr char kTop[] = R"(
def run_blocks(self, input_ids):
    # type: (Tensor) -> Tuple[Tensor, List[Tensor]]
    patterns : List[Tensor] = []
    x = torch.embedding(self.token_embedding, input_ids) * self.embedding_scale
    x = torch.dropout(x + self.position_encoding[:input_ids.size(1)], self.dropout, self.training)
@blocks@
    x = torch.layer_norm(x, [x.size(2)], self.norm_weight, @norm_bias@, self.norm_epsilon)
    return x, patterns

def hidden(self, input_ids):
    # type: (Tensor) -> Tensor
    return self.run_blocks(input_ids)[0]

def forward_with_attention(self, input_ids):
    # type: (Tensor) -> Tuple[Tensor, List[Tensor]]
    x, patterns = self.run_blocks(input_ids)
    return torch.linear(x, @lm_head@), patterns

def forward(self, input_ids):
    # type: (Tensor) -> Tensor
    return torch.linear(self.hidden(input_ids), @lm_head@)
)";

void replace(std::string& source, const std::string& mark, const std::string& text) {
  const std::string marked = "@" + mark + "@";
  for (std::size_t at; (at = source.find(marked)) != std::string::npos;) {
    source.replace(at, marked.size(), text);
  }
}

void replace_bias(std::string& source, const std::string& name, bool is_there) {
  replace(source, name, is_there ? "self." + name : "None");
}

std::string block_source(const GptConfig& config) {
  std::string source = kBlock;
  for (const char* name : {"norm1_bias", "norm2_bias"}) {
    replace_bias(source, name, config.norm_bias);
  }
  for (const char* name : {"b_q", "b_k", "b_v"}) replace_bias(source, name, config.qkv_bias);
  replace_bias(source, "b_o", config.output_bias);
  for (const char* name : {"b_up", "b_down"}) {
    replace_bias(source, name, config.feed_forward_bias);
  }
  replace(source, "gelu", config.exact_gelu ? "none" : "tanh");
  return source;
}

std::string top_source(const GptConfig& config) {
  std::string blocks;
  for (std::int64_t layer = 0; layer < config.n_layers(); ++layer) {
    const std::string block = std::to_string(config.shared_layers ? 0 : layer);
    blocks += "    x, pattern = self.block_" + block +
              ".forward_with_attention(x)\n    patterns.append(pattern)\n";
  }
  std::string source = kTop;
  replace(source, "blocks", blocks);
  replace_bias(source, "norm_bias", config.norm_bias);
  replace(source, "lm_head", config.tied_lm_head ? "self.token_embedding" : "self.lm_head");
  return source;
}

/// The sinusoids of Vaswani et al. 2017, section 3.5: even columns sine, odd ones cosine.
at::Tensor sinusoids(std::int64_t n_positions, std::int64_t d_model) {
  const at::Tensor position = torch::arange(n_positions, torch::kFloat).unsqueeze(1);
  const at::Tensor rate =
      torch::exp(torch::arange(0, d_model, 2, torch::kFloat) * (-std::log(10000.0) / d_model));
  return torch::stack({torch::sin(position * rate), torch::cos(position * rate)}, 2)
      .reshape({n_positions, -1})
      .narrow(1, 0, d_model);
}

/// Normal weights from a seed, of a size that keeps what flows through them at about one.
class RandomWeights {
 public:
  RandomWeights(const GptConfig& config, std::uint64_t seed)
      : config_(config), generator_(at::detail::createCPUGenerator(seed)) {}

  /// Of a block, the weights come in the order w_q, w_k.
  at::Tensor operator()(const std::string& name, const std::vector<std::int64_t>& shape) {
    const std::string own = name.substr(name.find('.') + 1);
    if (shape.size() == 1) {
      const bool is_norm = own.find("weight") != std::string::npos;
      return is_norm ? torch::ones(shape) : torch::zeros(shape);
    }
    if (own == "token_embedding") return embedding(shape);
    if (own == "position_encoding" && !config_.learned_positions) {
      return sinusoids(shape[0], shape[1]);
    }
    double deviation = 1.0 / std::sqrt(static_cast<double>(shape[1]));
    // The 2 * n_layers outputs that are added up in the residual stream start small (GPT-2).
    if (own == "w_o" || own == "w_down") deviation /= std::sqrt(2.0 * double(config_.n_layers()));
    const at::Tensor weight = normal(shape, deviation);
    if (own == "w_q") w_q_ = weight;
    if (own == "w_k") look_at_itself(weight);
    return weight;
  }

 private:
  /// The first head of a layer starts with equal queries and keys, so that a token attends most to
  /// itself (after Trockman & Kolter 2023, "Mimetic initialization", where all heads do). By chance
  /// hardly any head comes to that.
  void look_at_itself(const at::Tensor& w_k) const {
    if (w_k.size(0) <= config_.d_head) return;  // one head alone has to learn everything
    torch::NoGradGuard no_grad;
    w_q_.narrow(0, 0, config_.d_head).mul_(kSharpness);
    w_k.narrow(0, 0, config_.d_head).copy_(w_q_.narrow(0, 0, config_.d_head));
  }

  /// Times random weights; then a token's own score is about 4 * 1.5^2 against -2 to 2 of others.
  static constexpr double kSharpness = 1.5;

  at::Tensor normal(const std::vector<std::int64_t>& shape, double deviation) {
    return torch::normal(0.0, deviation, shape, generator_);
  }

  /// Times sqrt(d_model) the embeddings have the size of the sinusoids they are added to. The first
  /// half of the columns, where the sinusoids are fast enough to tell near positions apart, starts
  /// empty: attention to the previous token has to read positions there, and tokens would be noise.
  at::Tensor embedding(const std::vector<std::int64_t>& shape) {
    at::Tensor all = normal(shape, 1.0 / std::sqrt(static_cast<double>(shape[1])));
    if (!config_.learned_positions) all.narrow(1, 0, shape[1] / 2).zero_();
    return all;
  }

  const GptConfig& config_;
  at::Generator generator_;
  at::Tensor w_q_;  ///< of the block that is being made
};

/// Registers parameters of `module`, whose names begin with `prefix` for the weights' source.
class Adder {
 public:
  Adder(Module& module, std::string prefix, const WeightSource& weights)
      : module_(module), prefix_(std::move(prefix)), weights_(weights) {}

  void add(const std::string& name, const std::vector<std::int64_t>& shape,
           bool is_buffer = false) {
    const at::Tensor values = weights_(prefix_ + name, shape);
    module_.register_parameter(name, values, is_buffer);
    if (!is_buffer) values.set_requires_grad(true);
  }
  void add_if(bool is_there, const std::string& name, const std::vector<std::int64_t>& shape) {
    if (is_there) add(name, shape);
  }

 private:
  Module& module_;
  std::string prefix_;
  const WeightSource& weights_;
};

/// What both the whole and its blocks have.
void add_attributes(Module& module, const GptConfig& config) {
  module.register_attribute("training", c10::BoolType::get(), true);
  module.register_attribute("dropout", c10::FloatType::get(), config.dropout);
  module.register_attribute("norm_epsilon", c10::FloatType::get(), config.norm_epsilon);
}

Module build_block(const GptConfig& config, std::int64_t layer, const WeightSource& weights) {
  const std::int64_t d = config.d_model, f = config.d_feed_forward;
  const std::int64_t n_heads = config.n_heads[std::size_t(layer)], a = n_heads * config.d_head;
  Module block("attnviz.Block");
  add_attributes(block, config);
  block.register_attribute("n_heads", c10::IntType::get(), n_heads);
  block.register_attribute("d_head", c10::IntType::get(), config.d_head);
  Adder to(block, "block_" + std::to_string(layer) + ".", weights);
  to.add("norm1_weight", {d});
  to.add_if(config.norm_bias, "norm1_bias", {d});
  for (const char* name : {"w_q", "w_k", "w_v"}) to.add(name, {a, d});
  for (const char* name : {"b_q", "b_k", "b_v"}) to.add_if(config.qkv_bias, name, {a});
  to.add("w_o", {d, a});
  to.add_if(config.output_bias, "b_o", {d});
  to.add("norm2_weight", {d});
  to.add_if(config.norm_bias, "norm2_bias", {d});
  to.add("w_up", {f, d});
  to.add_if(config.feed_forward_bias, "b_up", {f});
  to.add("w_down", {d, f});
  to.add_if(config.feed_forward_bias, "b_down", {d});
  block.define(block_source(config));
  return block;
}

void check(const GptConfig& config) {
  const auto require = [](bool holds, const char* what) {
    if (!holds) throw UsageError(what);
  };
  require(config.n_layers() >= 1 && config.d_model >= 1 && config.d_head >= 1 &&
              config.d_feed_forward >= 1 && config.vocabulary_size >= 1 && config.n_positions >= 1,
          "a GPT needs at least one layer, position and token, and widths of at least 1");
  for (const std::int64_t n : config.n_heads) {
    require(n >= 0, "a layer cannot have fewer than no heads");
    require(!config.shared_layers || n == config.n_heads[0],
            "layers that share their weights have the same heads");
  }
  require(fits(config.kept, config.n_heads), "the numbers of its heads do not fit its layers");
  for (const auto& kept : config.kept) {
    require(!config.shared_layers || kept == config.kept[0],
            "layers that share their weights have the same heads");
  }
}

}  // namespace

GptConfig trainable_gpt(std::int64_t n_layers, std::int64_t n_heads, std::int64_t d_model) {
  if (n_layers < 1 || n_heads < 1 || d_model < 2) {
    throw UsageError("a GPT needs at least one layer, one head and a d_model of 2");
  }
  if (d_model % n_heads != 0 || d_model % 2 != 0) {
    throw UsageError("d_model " + std::to_string(d_model) + " must be even and a multiple of the " +
                     std::to_string(n_heads) + " heads");
  }
  GptConfig config;
  config.n_heads.assign(std::size_t(n_layers), n_heads);
  config.d_model = d_model;
  config.d_head = d_model / n_heads;
  config.d_feed_forward = 4 * d_model;
  config.embedding_scale = std::sqrt(static_cast<double>(d_model));
  return config;
}

Module build_gpt(const GptConfig& config, const WeightSource& weights) {
  check(config);
  Module gpt("attnviz.GPT");
  add_attributes(gpt, config);
  gpt.register_attribute("embedding_scale", c10::FloatType::get(), config.embedding_scale);
  Adder to(gpt, "", weights);
  to.add("token_embedding", {config.vocabulary_size, config.d_model});
  to.add("position_encoding", {config.n_positions, config.d_model}, !config.learned_positions);
  to.add("norm_weight", {config.d_model});
  to.add_if(config.norm_bias, "norm_bias", {config.d_model});
  to.add_if(!config.tied_lm_head, "lm_head", {config.vocabulary_size, config.d_model});
  for (std::int64_t block = 0; block < config.n_blocks(); ++block) {
    gpt.register_module("block_" + std::to_string(block), build_block(config, block, weights));
  }
  gpt.define(top_source(config));
  return gpt;
}

Module build_gpt(const GptConfig& config, std::uint64_t seed) {
  return build_gpt(config, RandomWeights(config, seed));
}

std::vector<at::Tensor> patterns_of(Module& gpt, const at::Tensor& input_ids) {
  return gpt.get_method("forward_with_attention")({input_ids})
      .toTuple()
      ->elements()[1]
      .toTensorVector();
}

}  // namespace attnviz
