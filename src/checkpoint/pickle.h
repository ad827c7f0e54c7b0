#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace attnviz::checkpoint {

struct PickleValue;
using PickleItems = std::vector<const PickleValue*>;

/// `module.name`, as a pickle refers to a class or function. Never called.
struct PickleClass {
  std::string name;
};
/// Where a tensor's numbers are: a record of the archive.
struct PickleStorage {
  std::string type;  ///< the class's name, such as FloatStorage
  std::string key;
  std::int64_t numel = 0;
};
struct PickleList {
  PickleItems items;
};
struct PickleTuple {
  PickleItems items;
};
struct PickleDict {
  std::vector<std::pair<const PickleValue*, const PickleValue*>> items;  ///< in order
};

struct PickleValue {
  std::variant<std::monostate, bool, std::int64_t, double, std::string, at::Tensor, PickleList,
               PickleTuple, PickleDict, PickleClass, PickleStorage>
      is;

  template <typename Kind>
  [[nodiscard]] const Kind* as() const {
    return std::get_if<Kind>(&is);
  }
};

/// A pickle's values. They are owned by one list, since they may refer to each other in circles.
struct Pickle {
  std::deque<PickleValue> values;
  const PickleValue* top = nullptr;
};

/// A tensor over a storage: offset, sizes and strides in elements, unchecked.
using TensorBuilder = std::function<at::Tensor(const PickleStorage&, std::int64_t offset,
                                               const std::vector<std::int64_t>& sizes,
                                               const std::vector<std::int64_t>& strides)>;

/// Reads what torch.save makes of tensors and plain containers (protocols 2 to 4), and runs
/// nothing. Throws ModelError: another class or function, by name; an opcode that such files do not
/// use; bytes that end too early.
Pickle read_pickle(std::string_view bytes, const TensorBuilder& build_tensor);

/// What a pickle names.
struct PickleNames {
  std::vector<PickleStorage> storages;
  std::vector<std::string> classes;  ///< and functions
};

/// Reads any pickle that torch.jit.save makes. No class needs to be known: nothing is built.
/// Throws ModelError: an opcode that such files do not use; bytes that end too early.
PickleNames read_pickle_names(std::string_view bytes);

}  // namespace attnviz::checkpoint
