#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace attnviz {

/// How the numbers of a tensor of a foreign checkpoint lie.
enum class Form {
  plain,   ///< as in build_gpt
  linear,  ///< a matrix [out, in], or [in, out] where the layout says so
  query,   ///< the first third of the outputs of such a matrix, or of its bias
  key,     ///< the second third
  value,   ///< the last third
};

/// Which tensors a model has all of or none of.
enum class Group { required, qkv_bias, output_bias, feed_forward_bias, norm_bias, lm_head };

/// One parameter of build_gpt and where a layout keeps it. `{l}` stands for a layer's number.
struct Rule {
  const char* ours;
  const char* theirs;
  Form form = Form::plain;
  Group group = Group::required;
};

enum class Head { tied, untied, either };  ///< whether lm_head may differ from the token embedding

/// How some program names and keeps the weights of its GPT, and what it computes besides.
struct Layout {
  const char* name;
  const char* prefix;  ///< that may stand before names
  std::vector<Rule> rules;
  std::vector<const char*> ignored;  ///< names that hold no weights
  bool in_out;                       ///< matrices are [in, out]
  Head head;
  bool shared_layers;
  bool fixed_positions;
  bool scaled_embedding;      ///< by sqrt(d_model)
  bool exact_gelu;            ///< where the checkpoint does not say
  std::int64_t d_head = 0;    ///< 0: the checkpoint has to tell
  std::int64_t n_layers = 0;  ///< where layers share their weights and the checkpoint does not say
};

[[nodiscard]] const std::vector<Layout>& layouts();

}  // namespace attnviz
