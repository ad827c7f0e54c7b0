#include "figure/head_values.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "attnviz/error.h"

namespace attnviz {
namespace {

// Throws unless the second may follow the first.
void require_order(const std::optional<HeadId>& before, HeadId id) {
  if (id.layer >= 0 && id.head >= 0 && (!before || *before < id)) return;
  throw FigureError("the report's heads are not in order at " + to_string(id) +
                    (before ? ", after " + to_string(*before) : "") +
                    "; give them layer by layer, each once");
}

}  // namespace

HeadShape shape_of(const HeadReport& report) {
  if (report.heads.empty()) throw FigureError("the report has no heads to draw");
  HeadShape shape;
  shape.heads.resize(static_cast<std::size_t>(std::max<std::int64_t>(report.n_layers, 0)));
  std::optional<HeadId> before;
  for (const auto& head : report.heads) {
    require_order(before, head.id);
    before = head.id;
    const auto layer = static_cast<std::size_t>(head.id.layer);
    if (layer >= shape.heads.size()) shape.heads.resize(layer + 1);
    shape.heads[layer].push_back(head.id.head);
    shape.columns = std::max(shape.columns, head.id.head + 1);
  }
  int first = 0;
  for (const auto& layer : shape.heads) {
    shape.first.push_back(first);
    first += static_cast<int>(layer.size());
  }
  return shape;
}

std::string to_string(const HeadShape& shape) {
  const auto counted = [](int n, const std::string& noun) {
    return std::to_string(n) + " " + noun + (n == 1 ? "" : "s");
  };
  const std::string layers = counted(shape.rows(), "layer") + " of ";
  std::string counts;
  bool are_equal = true;
  for (int i = 0; i < shape.rows(); ++i) {
    are_equal = are_equal && shape.n_heads(i) == shape.n_heads(0);
    counts += (i == 0                  ? ""
               : i + 1 == shape.rows() ? " and "
                                       : ", ") +
              std::to_string(shape.n_heads(i));
  }
  return layers + (are_equal ? counted(shape.n_heads(0), "head") : counts + " heads");
}

HeadNumbers numbers_of(const HeadReport& report, Score score) {
  HeadNumbers numbers;
  for (const auto& head : report.heads) {
    const auto& found = head[score];
    numbers.push_back(found && std::isfinite(found->mean) ? std::optional(found->mean)
                                                          : std::nullopt);
  }
  return numbers;
}

HeadNumbers measured(const HeadNumbers& importance, const HeadShape& shape,
                     const std::string& whose) {
  if (importance.empty() || importance.size() == static_cast<std::size_t>(shape.count())) {
    HeadNumbers numbers;
    for (const auto& n : importance) numbers.push_back(n && std::isfinite(*n) ? n : std::nullopt);
    return numbers;
  }
  throw FigureError("there are " + std::to_string(importance.size()) + " importances for the " +
                    std::to_string(shape.count()) + " heads" +
                    (whose.empty() ? "" : " of " + whose) + "; give one a head, or none at all");
}

bool has_any(const HeadNumbers& numbers) {
  return std::any_of(numbers.begin(), numbers.end(), [](const auto& n) { return n.has_value(); });
}

ValueScale unit_scale(const std::string& title) {
  ValueScale scale{title, ColourMap::blues, {0, 1}, {}, 2};
  scale.ticks = {{0, "0"}, {0.5, "0.5"}, {1, "1"}};
  return scale;
}

int decimals_for(double largest) {
  if (largest >= 1e6 || largest < 1e-4) return in_powers;
  return std::clamp(static_cast<int>(1 - std::floor(std::log10(largest))), 2, 6);
}

namespace {

constexpr double few_ticks = 4.5;  // for the bars of small maps

ValueScale round_scale(const std::string& title, ColourMap colours, const ValueRange& range,
                       double ticks) {
  const auto [low, high, is_log] = range;
  ValueScale scale{title, colours, range, {}, decimals_for(std::max(-low, high))};
  const double step = round_step((high - low) / ticks);
  const int needed = static_cast<int>(std::ceil(-std::log10(step) - 1e-9));
  const int decimals = scale.decimals == in_powers ? in_powers : std::clamp(needed, 0, 9);
  for (double i = std::ceil(low / step - 1e-6); i * step <= high + 1e-6 * step; ++i) {
    scale.ticks.push_back({place_of(i * step, range), signed_decimal(i * step, decimals)});
  }
  return scale;
}

}  // namespace

ValueScale signed_scale(const std::string& title, double largest, double ticks) {
  if (largest > 0) return round_scale(title, ColourMap::blue_red, {-largest, largest}, ticks);
  return {title, ColourMap::blue_red, {-1, 1}, {{0.5, "0"}}, 2};
}

ValueScale measured_scale(const std::string& title, const HeadNumbers& numbers) {
  double low = 0, high = 0;
  for (const auto& number : numbers) {
    if (!number) continue;
    low = std::min(low, *number);
    high = std::max(high, *number);
  }
  if (high == low) high = 1;
  if (low < 0) return signed_scale(title, std::max(-low, high), few_ticks);
  return round_scale(title, ColourMap::yl_or_rd, {low, high}, few_ticks);
}

std::string signed_decimal(double value, int decimals) {
  if (decimals == in_powers) {
    if (value == 0) return "0";
    char text[32];
    const auto end =
        std::to_chars(text, text + sizeof text, value, std::chars_format::scientific, 1);
    return {text, end.ptr};
  }
  const bool is_zero = std::abs(value) < 0.5 * std::pow(10, -decimals);
  return decimal(is_zero ? 0 : value, decimals);
}

}  // namespace attnviz
