#include "stored_tensors.h"

#include <algorithm>

#include "attnviz/error.h"

namespace attnviz {
namespace {

std::string name_of(at::ScalarType dtype) {
  return dtype == at::kLong ? "int64" : dtype == at::kDouble ? "float64" : c10::toString(dtype);
}

std::string name_of(const std::vector<std::int64_t>& shape) {
  std::string name;
  for (const std::int64_t size : shape) {
    name += (name.empty() ? "" : ", ") + (size < 0 ? "any" : std::to_string(size));
  }
  return "[" + name + "]";
}

bool fits(const at::Tensor& tensor, const std::vector<std::int64_t>& shape) {
  return std::equal(
      shape.begin(), shape.end(), tensor.sizes().begin(), tensor.sizes().end(),
      [](std::int64_t wanted, std::int64_t size) { return wanted < 0 || wanted == size; });
}

}  // namespace

void put_samples(std::vector<NamedTensor>& tensors, const std::string& name,
                 const std::vector<std::span<const Samples>>& rows) {
  std::vector<double> values;
  for (const auto& row : rows) {
    for (const Samples& samples : row) {
      const std::vector<double> kept = samples.values();
      values.insert(values.end(), kept.begin(), kept.end());
    }
  }
  const std::vector<std::int64_t> shape = {static_cast<std::int64_t>(rows.size()),
                                           static_cast<std::int64_t>(rows.at(0).size())};
  tensors.push_back({name + ".sums", tensor_of_sums(rows, shape)});
  tensors.push_back({name + ".values", at::tensor(values)});
}

void require(bool is_sound, const std::string& name, const std::string& what) {
  if (!is_sound) throw ModelError("its tensor " + name + " " + what);
}

at::Tensor StoredTensors::get(const std::string& name, at::ScalarType dtype,
                              const std::vector<std::int64_t>& shape) const {
  const auto found = std::find_if(tensors_.begin(), tensors_.end(),
                                  [&](const NamedTensor& tensor) { return tensor.name == name; });
  require(found != tensors_.end() && found->values.defined(), name, "is missing");
  const at::Tensor& values = found->values;
  require(values.scalar_type() == dtype, name,
          "is " + name_of(values.scalar_type()) + ", not " + name_of(dtype));
  require(fits(values, shape), name,
          "is " + name_of(values.sizes().vec()) + ", not " + name_of(shape));
  return values.contiguous();
}

void StoredTensors::fill_in_samples(const std::vector<std::span<Samples>>& rows,
                                    const std::string& name, std::int64_t n_most) const {
  const at::Tensor sums = sums_of_samples(name, static_cast<std::int64_t>(rows.size()),
                                          static_cast<std::int64_t>(rows.at(0).size()));
  const at::Tensor values = get(name + ".values", at::kDouble, {-1});
  std::span<const double> left(values.data_ptr<double>(), values.numel());
  fill_in(rows, sums);
  for (const auto& row : rows) {
    for (Samples& samples : row) {
      require(samples.is_sound(n_most), name + ".sums", "holds sums that no texts can have");
      const auto n = static_cast<std::size_t>(samples.count());
      if (n > Samples::kMostKept) continue;
      require(n <= left.size(), name + ".values", "holds fewer values than are counted");
      require(samples.keep(left.first(n)), name + ".values", "holds values of other sums");
      left = left.subspan(n);
    }
  }
  require(left.empty(), name + ".values", "holds more values than are counted");
}

}  // namespace attnviz
