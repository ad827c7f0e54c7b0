#include "model/layout_match.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "attnviz/error.h"

namespace attnviz {
namespace {

constexpr std::string_view kLayer = "{l}";

std::string at_layer(std::string pattern, std::int64_t layer) {
  if (const auto at = pattern.find(kLayer); at != std::string::npos) {
    pattern.replace(at, kLayer.size(), std::to_string(layer));
  }
  return pattern;
}

/// The layer for which `pattern` stands for `name`.
std::optional<std::int64_t> layer_in(std::string_view pattern, std::string_view name) {
  const auto at = pattern.find(kLayer);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view before = pattern.substr(0, at), after = pattern.substr(at + kLayer.size());
  if (!name.starts_with(before) || !name.ends_with(after)) return std::nullopt;
  if (name.size() <= before.size() + after.size()) return std::nullopt;
  const std::string_view digits =
      name.substr(before.size(), name.size() - before.size() - after.size());
  std::int64_t layer = 0;
  const auto [end, error] = std::from_chars(digits.begin(), digits.end(), layer);
  if (error != std::errc{} || end != digits.end() || layer < 0) return std::nullopt;
  return layer;
}

using Names = std::map<std::string, at::Tensor>;

Names without_prefix(const std::vector<NamedTensor>& tensors, const std::string& prefix) {
  Names names;
  for (const NamedTensor& tensor : tensors) {
    const bool has_prefix = !prefix.empty() && tensor.name.starts_with(prefix);
    names[tensor.name.substr(has_prefix ? prefix.size() : 0)] = tensor.values;
  }
  return names;
}

/// A layer's number is never larger than the number of tensors, whatever the file claims.
std::int64_t count_blocks(const Layout& layout, const Names& names) {
  if (layout.shared_layers) return 1;
  std::int64_t n = 0;
  for (const auto& [name, values] : names) {
    for (const Rule& rule : layout.rules) {
      const auto layer = layer_in(rule.theirs, name);
      if (layer && *layer < std::int64_t(names.size())) n = std::max(n, *layer + 1);
    }
  }
  return n;
}

class Matcher {
 public:
  Matcher(const Layout& layout, const std::vector<NamedTensor>& tensors)
      : names_(without_prefix(tensors, layout.prefix)) {
    match_.layout = &layout;
    match_.n_blocks = count_blocks(layout, names_);
  }

  LayoutMatch run() {
    for_each_name([&](const Rule& rule, std::int64_t layer) {
      if (names_.contains(at_layer(rule.theirs, layer))) match_.groups.insert(rule.group);
    });
    match_.groups.insert(Group::required);
    for_each_name([&](const Rule& rule, std::int64_t layer) { place(rule, layer); });
    for (const auto& [name, values] : names_) {
      if (!used_.contains(name) && !is_ignored(name)) match_.surplus.push_back(name);
    }
    compare_head();
    compare_orientation();
    return std::move(match_);
  }

 private:
  template <typename Visit>
  void for_each_name(Visit visit) const {
    for (const Rule& rule : match_.layout->rules) {
      const bool is_of_layer = std::string_view(rule.theirs).find(kLayer) != std::string_view::npos;
      for (std::int64_t l = 0; l < (is_of_layer ? match_.n_blocks : 1); ++l) visit(rule, l);
    }
  }

  void place(const Rule& rule, std::int64_t layer) {
    if (!match_.groups.contains(rule.group)) return;
    const std::string theirs = at_layer(rule.theirs, layer);
    const auto found = names_.find(theirs);
    if (found == names_.end()) {
      // Query, key and value may lie in one tensor, which is missing once.
      if (rule.form != Form::key && rule.form != Form::value) match_.missing.push_back(theirs);
      return;
    }
    used_.insert(theirs);
    match_.sources[at_layer(rule.ours, layer)] = {theirs, found->second, rule.form};
  }

  [[nodiscard]] bool is_ignored(const std::string& name) const {
    const auto& ignored = match_.layout->ignored;
    return std::any_of(ignored.begin(), ignored.end(),
                       [&](const char* pattern) { return layer_in(pattern, name).has_value(); });
  }

  /// An lm_head that equals the token embedding is tied to it: state dicts hold both.
  void compare_head() {
    const auto head = match_.sources.find("lm_head");
    const auto embedding = match_.sources.find("token_embedding");
    const bool is_untied = head != match_.sources.end() && embedding != match_.sources.end() &&
                           !at::equal(head->second.values, embedding->second.values);
    if (!is_untied) match_.groups.erase(Group::lm_head);
    if (is_untied && match_.layout->head == Head::tied) {
      match_.contradictions.push_back("its lm_head differs from its token embedding");
    }
    if (!is_untied && match_.layout->head == Head::untied) {
      match_.contradictions.push_back("its lm_head is its token embedding");
    }
  }

  void compare_orientation() {
    const auto embedding = match_.sources.find("token_embedding");
    const auto query = match_.sources.find("block_0.w_q");
    if (embedding == match_.sources.end() || query == match_.sources.end()) return;
    const at::Tensor &table = embedding->second.values, &matrix = query->second.values;
    if (query->second.form != Form::query || table.dim() != 2 || matrix.dim() != 2) return;
    if (matrix.size(match_.layout->in_out ? 0 : 1) != table.size(1)) {
      match_.contradictions.push_back(query->second.theirs + " is [" +
                                      std::to_string(matrix.size(0)) + ", " +
                                      std::to_string(matrix.size(1)) + "], turned over");
    }
  }

  Names names_;
  LayoutMatch match_;
  std::set<std::string> used_;
};

std::string in_words(const LayoutMatch& match) {
  std::string text;
  const auto say = [&](const char* what, const std::vector<std::string>& names) {
    if (!names.empty()) text += (text.empty() ? "" : "; ") + std::string(what) + listed(names);
  };
  say("missing ", match.missing);
  say("surplus ", match.surplus);
  say("", match.contradictions);
  return text;
}

std::string all_layouts() {
  std::string text;
  for (const Layout& layout : layouts())
    text += (text.empty() ? "" : ", ") + std::string(layout.name);
  return text;
}

}  // namespace

std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t kMost = 6;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kMost); ++i) {
    text += (i == 0 ? "" : ", ") + names[i];
  }
  return names.size() > kMost ? text + " and " + std::to_string(names.size() - kMost) + " more"
                              : text;
}

std::int64_t LayoutMatch::size(const std::string& ours, std::int64_t axis) const {
  const Source& source = sources.at(ours);
  const at::Tensor& values = source.values;
  // A table of positions may have a leading axis of one.
  const std::int64_t extra = source.form == Form::plain && values.dim() == 3 ? 1 : 0;
  if (values.dim() != 2 + extra) {
    throw ModelError(source.theirs + " has the shape " + c10::str(values.sizes()) +
                     ", not that of a matrix");
  }
  if (source.form == Form::plain) return values.size(axis + extra);
  const std::int64_t n = values.size(layout->in_out ? 1 - axis : axis);
  return source.form == Form::linear || axis == 1 ? n : n / 3;
}

at::Tensor LayoutMatch::weight(const std::string& ours) const {
  const Source& source = sources.at(ours);
  at::Tensor values = source.values;
  if (!values.is_floating_point()) throw ModelError(source.theirs + " holds whole numbers");
  if (source.form == Form::plain && values.dim() == 3 && values.size(0) == 1) {
    values = values.squeeze(0);
  }
  if (source.form != Form::plain && layout->in_out && values.dim() == 2) values = values.t();
  if (source.form == Form::query || source.form == Form::key || source.form == Form::value) {
    const std::int64_t third = values.size(0) / 3;
    const int place = source.form == Form::query ? 0 : source.form == Form::key ? 1 : 2;
    values = values.narrow(0, place * third, third);
  }
  return values.to(at::kFloat, /*non_blocking=*/false, /*copy=*/true).contiguous();
}

LayoutMatch find_layout(const std::vector<NamedTensor>& tensors) {
  std::optional<LayoutMatch> nearest;
  for (const Layout& layout : layouts()) {
    LayoutMatch match = Matcher(layout, tensors).run();
    if (!nearest || match.n_problems() < nearest->n_problems()) nearest = std::move(match);
  }
  if (nearest->n_problems() == 0) return std::move(*nearest);
  if (nearest->sources.empty()) {
    std::vector<std::string> names;
    for (const NamedTensor& tensor : tensors) names.push_back(tensor.name);
    throw ModelError("fits no known layout (" + all_layouts() + "): it holds " + listed(names));
  }
  throw ModelError("fits no known layout; the nearest, " + std::string(nearest->layout->name) +
                   ", disagrees: " + in_words(*nearest));
}

}  // namespace attnviz
