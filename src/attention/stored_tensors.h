#pragma once

#include <ATen/ATen.h>

#include <span>
#include <string>
#include <vector>

#include "attnviz/checkpoint.h"
#include "samples.h"

// Sums and samples as named tensors, and back from tensors that nobody has vouched for.
namespace attnviz {

/// Collects what visit_fields shows it. 128 bits are two numbers, the high half first.
struct NumberWriter {
  std::vector<std::int64_t> numbers;
  template <typename How, typename Number>
  void operator()(const How&, Number number) {
    if constexpr (sizeof number > sizeof(std::int64_t)) {
      numbers.push_back(static_cast<std::int64_t>(number >> 64));
    }
    numbers.push_back(static_cast<std::int64_t>(static_cast<std::uint64_t>(number)));
  }
};

/// Fills in what visit_fields shows it, which are as many as it has.
struct NumberReader {
  const std::int64_t* next;
  template <typename How, typename Number>
  void operator()(const How&, Number& number) {
    if constexpr (sizeof number > sizeof(std::int64_t)) {
      const Wide high = *next++;
      number = high * (Wide{1} << 64) + static_cast<std::uint64_t>(*next++);
    } else {
      number = static_cast<Number>(*next++);
    }
  }
};

/// How many numbers the fields of a Sums are.
template <typename Sums>
std::int64_t width_of() {
  NumberWriter fields;
  Sums sums;
  Sums::visit_fields(fields, sums);
  return static_cast<std::int64_t>(fields.numbers.size());
}

/// A part of each head, as spans of equal length.
template <typename Heads, typename Part>
auto rows_of(Heads& heads, const Part& part) {
  std::vector<decltype(part(heads[0]))> rows;
  for (auto& head : heads) rows.push_back(part(head));
  return rows;
}

/// int64 of that shape and, for each, its fields.
template <typename Sums>
at::Tensor tensor_of_sums(const std::vector<std::span<const Sums>>& rows,
                          std::vector<std::int64_t> shape) {
  NumberWriter fields;
  for (const auto& row : rows) {
    for (const Sums& sums : row) Sums::visit_fields(fields, sums);
  }
  shape.push_back(width_of<Sums>());
  return at::tensor(fields.numbers).view(shape);
}

/// sums: of the shape that tensor_of_sums gave for such rows.
template <typename Sums>
void fill_in(const std::vector<std::span<Sums>>& rows, const at::Tensor& sums) {
  NumberReader fields{sums.data_ptr<std::int64_t>()};
  for (const auto& row : rows) {
    for (Sums& one : row) Sums::visit_fields(fields, one);
  }
}

/// NAME.sums [row, column, field] int64 and NAME.values [value] float64: all that are kept, sorted
/// within each. rows: at least one.
void put_samples(std::vector<NamedTensor>& tensors, const std::string& name,
                 const std::vector<std::span<const Samples>>& rows);

/// Throws ModelError(`its tensor NAME WHAT`) unless it is sound.
void require(bool is_sound, const std::string& name, const std::string& what);

class StoredTensors {
 public:
  explicit StoredTensors(std::span<const NamedTensor> tensors) : tensors_(tensors) {}

  /// The tensor, contiguous. shape: -1 for any size. Throws ModelError where it is missing or of
  /// another dtype or shape.
  [[nodiscard]] at::Tensor get(const std::string& name, at::ScalarType dtype,
                               const std::vector<std::int64_t>& shape) const;
  /// That of put_samples, not yet looked into: whether so many are there has to be known before
  /// room is made for them.
  [[nodiscard]] at::Tensor sums_of_samples(const std::string& name, std::int64_t n_rows,
                                           std::int64_t n_columns) const {
    return get(name + ".sums", at::kLong, {n_rows, n_columns, width_of<Samples>()});
  }
  /// Fills in what put_samples stored, of up to n_most texts. Throws ModelError where no texts have
  /// such samples.
  void fill_in_samples(const std::vector<std::span<Samples>>& rows, const std::string& name,
                       std::int64_t n_most) const;

 private:
  std::span<const NamedTensor> tensors_;
};

}  // namespace attnviz
