#include "attnviz/surgery.h"

#include <torch/script.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "attnviz/error.h"
#include "model/head_weights.h"

namespace attnviz {
namespace {

/// A GPT of that configuration; `source` may give weights of the old one themselves.
Gpt rebuilt(const Gpt& gpt, const GptConfig& config, const WeightSource& source) {
  torch::NoGradGuard no_grad;
  Gpt result{nullptr, gpt.record, gpt.precision};
  result.record.config = config;
  result.module = std::make_shared<torch::jit::Module>(
      build_gpt(config, [&](const std::string& name, const std::vector<std::int64_t>& shape) {
        return source(name, shape).detach().clone(at::MemoryFormat::Contiguous);
      }));
  return result;
}

/// The model's weights, those that are divided among heads as `change` makes them of a copy.
/// change(values, name in its block, indices of the heads)
template <typename Change>
WeightSource changed(const Gpt& gpt, const std::vector<HeadId>& heads, Change change) {
  return [&gpt, &heads, change](const std::string& name, const std::vector<std::int64_t>&) {
    const at::Tensor values = weight(*gpt.module, name);
    const auto part = block_weight(name);
    if (!part || !head_axis(part->name)) return values;
    return change(values.detach().clone(), *part,
                  indices_in(gpt.record.config, heads, part->block));
  };
}

/// The record's lists: a head is in the last one that it came to.
void note(GptRecord& record, const std::vector<HeadId>& heads, std::vector<HeadId> GptRecord::*as) {
  for (const auto list : {&GptRecord::pruned, &GptRecord::masked, &GptRecord::reset}) {
    std::set<HeadId> all((record.*list).begin(), (record.*list).end());
    for (const HeadId head : heads) all.erase(head);
    if (list == as) all.insert(heads.begin(), heads.end());
    (record.*list).assign(all.begin(), all.end());
  }
}

GptConfig without(GptConfig config, const std::vector<HeadId>& heads) {
  KeptHeads kept(config.n_heads.size());
  for (const HeadId head : all_heads(config.n_heads, config.kept)) {
    const bool goes = std::find(heads.begin(), heads.end(), head) != heads.end();
    if (!goes) kept[std::size_t(head.layer)].push_back(head.head);
  }
  for (std::size_t layer = 0; layer < kept.size(); ++layer) {
    config.n_heads[layer] = std::int64_t(kept[layer].size());
  }
  config.kept = std::move(kept);
  return config;
}

at::Tensor drawn(HeadInit init, at::IntArrayRef whole, std::int64_t rows, at::Generator& random) {
  const at::Tensor values = torch::empty({rows, whole[1]});
  if (init == HeadInit::normal) return values.normal_(0, 0.02, random);
  const double bound = std::sqrt(6.0 / double(whole[0] + whole[1]));
  return values.uniform_(-bound, bound, random);
}

}  // namespace

std::vector<HeadId> with_twins(const GptConfig& config, const std::vector<HeadId>& heads) {
  std::set<HeadId> all;
  for (const HeadId head : heads) {
    all.insert(head);
    for (int layer = 0; config.shared_layers && layer < config.n_layers(); ++layer) {
      all.insert({layer, head.head});
    }
  }
  return {all.begin(), all.end()};
}

Gpt prune_heads(const Gpt& gpt, const std::vector<HeadId>& heads) {
  const GptConfig& config = gpt.record.config;
  require_whole(config, heads);
  const auto cut = [&](const at::Tensor& values, const BlockWeight& part,
                       const std::vector<std::int64_t>& gone) {
    at::Tensor stays = torch::ones({config.n_heads[part.block], config.d_head}, torch::kBool);
    for (const std::int64_t head : gone) stays[head].fill_(false);
    return values.index_select(*head_axis(part.name), stays.flatten().nonzero().squeeze(1));
  };
  Gpt pruned = rebuilt(gpt, without(config, heads), changed(gpt, heads, cut));
  note(pruned.record, heads, &GptRecord::pruned);
  return pruned;
}

Gpt mask_heads(const Gpt& gpt, const std::vector<HeadId>& heads) {
  const GptConfig& config = gpt.record.config;
  require_whole(config, heads);
  const auto silence = [&](const at::Tensor& values, const BlockWeight& part,
                           const std::vector<std::int64_t>& silent) {
    for (const std::int64_t head : silent) {
      if (part.name == "w_o") of_head(values, part.name, head, config.d_head).zero_();
    }
    return values;
  };
  Gpt masked = rebuilt(gpt, config, changed(gpt, heads, silence));
  note(masked.record, heads, &GptRecord::masked);
  return masked;
}

Gpt fold_means(const Gpt& gpt, const std::vector<HeadId>& heads,
               const std::vector<at::Tensor>& means) {
  const GptConfig& config = gpt.record.config;
  require_whole(config, heads);
  if (config.shared_layers) {
    throw UsageError(
        "layers that share their weights share one output bias, too, which cannot hold a mean for "
        "each of them; untie the layers first");
  }
  GptConfig with_bias = config;
  with_bias.output_bias = true;
  const auto source = [&](const std::string& name, const std::vector<std::int64_t>& shape) {
    const auto part = block_weight(name);
    if (!part || part->name != "b_o") return weight(*gpt.module, name);
    at::Tensor bias = config.output_bias ? weight(*gpt.module, name) : torch::zeros(shape);
    const at::Tensor w_o = weight(*gpt.module, "block_" + std::to_string(part->block) + ".w_o");
    for (const std::int64_t head : indices_in(config, heads, part->block)) {
      const at::Tensor written = of_head(w_o, "w_o", head, config.d_head);
      bias = bias + written.matmul(means.at(part->block)[head]);
    }
    return bias;
  };
  return rebuilt(gpt, with_bias, source);
}

Gpt reset_heads(const Gpt& gpt, const std::vector<HeadId>& heads, HeadInit init,
                std::uint64_t seed) {
  const GptConfig& config = gpt.record.config;
  require_whole(config, heads);
  at::Generator random = at::detail::createCPUGenerator(seed);
  const auto renew = [&](const at::Tensor& values, const BlockWeight& part,
                         const std::vector<std::int64_t>& renewed) {
    for (const std::int64_t head : renewed) {
      const at::Tensor own = of_head(values, part.name, head, config.d_head);
      own.zero_();
      const bool is_drawn = part.name != "w_o" && own.dim() == 2;
      if (is_drawn) own.copy_(drawn(init, values.sizes(), own.size(0), random));
    }
    return values;
  };
  Gpt renewed = rebuilt(gpt, config, changed(gpt, heads, renew));
  note(renewed.record, heads, &GptRecord::reset);
  return renewed;
}

Gpt untie_layers(const Gpt& gpt) {
  if (!gpt.record.config.shared_layers) return gpt;
  GptConfig config = gpt.record.config;
  config.shared_layers = false;
  return rebuilt(gpt, config, [&](const std::string& name, const std::vector<std::int64_t>&) {
    const auto part = block_weight(name);
    return weight(*gpt.module, part ? "block_0." + part->name : name);
  });
}

}  // namespace attnviz
