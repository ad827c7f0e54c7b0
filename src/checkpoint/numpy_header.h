#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace attnviz::checkpoint {

/// What a .npy says of its numbers before they come.
struct NumpyHeader {
  std::string dtype;                ///< as numpy spells it, such as `<f4`
  bool is_fortran = false;          ///< the first index runs fastest, not the last
  std::vector<std::int64_t> shape;  ///< none negative; no sizes where there is a single number
  std::size_t length = 0;           ///< in bytes: where the numbers begin
};

/// Reads the beginning of a .npy. Throws ModelError that lacks its subject: `has a header that is
/// cut off`.
NumpyHeader read_numpy_header(std::string_view bytes);

}  // namespace attnviz::checkpoint
