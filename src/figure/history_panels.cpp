#include "figure/history_panels.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>

#include "attnviz/error.h"

namespace attnviz {
namespace {

HistoryPanel panel_of(std::span<const HeadsOfModel> models, Score score, const std::string& title) {
  HistoryPanel panel{{}, unit_scale(title)};
  for (const auto& model : models) panel.models.push_back(numbers_of(*model.report, score));
  return panel;
}

bool all_have(const HistoryPanel& panel) {
  return std::all_of(panel.models.begin(), panel.models.end(), has_any);
}

std::string told(const HeadsOfModel& model, const HeadShape& shape) {
  return model.name + " has " + to_string(shape);
}

// The first head that only one of them has, where both have as many in each layer.
std::string first_difference(const HeadShape& one, const HeadShape& other) {
  for (int layer = 0; layer < one.rows(); ++layer) {
    const auto& a = one.heads[layer];
    const auto& b = other.heads[layer];
    const auto [in_one, in_other] = std::mismatch(a.begin(), a.end(), b.begin());
    if (in_one == a.end()) continue;
    return to_string(HeadId{layer, static_cast<int>(std::min(*in_one, *in_other))});
  }
  return "";
}

}  // namespace

HeadShape common_shape(std::span<const HeadsOfModel> models) {
  if (models.size() < 2) {
    throw FigureError("a history of heads needs two models or more; there " +
                      std::string(models.empty() ? "is none" : "is one"));
  }
  for (const auto& model : models) {
    if (!model.report) throw FigureError("there is no report on the heads of " + model.name);
  }
  const auto shape = shape_of(*models[0].report);
  for (const auto& model : models) {
    const auto other = shape_of(*model.report);
    if (other == shape) continue;
    const bool are_as_many = to_string(other) == to_string(shape);
    throw FigureError("a history needs models of the same layers and heads: " +
                      told(models[0], shape) + ", " + told(model, other) +
                      (are_as_many ? ", but only one has " + first_difference(shape, other) : ""));
  }
  return shape;
}

std::vector<HistoryPanel> history_panels(std::span<const HeadsOfModel> models,
                                         const HeadShape& shape,
                                         const std::string& importance_title) {
  std::vector<HistoryPanel> panels{panel_of(models, Score::previous_token, "Previous token"),
                                   panel_of(models, Score::current_token, "Current token"),
                                   panel_of(models, Score::first_token, "First token"),
                                   panel_of(models, Score::induction, "Induction")};
  panels.back().is_probed = all_have(panels.back());
  if (!panels.back().is_probed) {
    panels.back() = panel_of(models, Score::induction_on_text, "Induction, on texts");
  }
  panels.push_back(panel_of(models, Score::normalised_entropy, "Normalised entropy"));
  HistoryPanel importance{{}, {}, false};
  HeadNumbers all;
  for (const auto& model : models) {
    importance.models.push_back(measured(model.importance, shape, model.name));
    all.insert(all.end(), importance.models.back().begin(), importance.models.back().end());
  }
  if (!all_have(importance)) return panels;
  importance.scale = measured_scale(importance_title, all);
  panels.push_back(std::move(importance));
  return panels;
}

at::Tensor tensor_of(const HistoryPanel& panel, int n_heads) {
  const auto n_models = static_cast<std::int64_t>(panel.models.size());
  auto values = at::empty({n_heads, n_models});
  auto* cell = values.data_ptr<float>();
  for (int head = 0; head < n_heads; ++head) {
    for (const auto& model : panel.models) {
      const auto& number = model[static_cast<std::size_t>(head)];
      *cell++ = number ? static_cast<float>(*number) : std::numeric_limits<float>::quiet_NaN();
    }
  }
  return values;
}

}  // namespace attnviz
