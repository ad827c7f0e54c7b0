#include <ATen/ATen.h>
#include <caffe2/serialize/inline_container.h>

#include <algorithm>
#include <map>
#include <optional>

#include "attnviz/error.h"
#include "checkpoint/archive.h"
#include "checkpoint/formats.h"
#include "checkpoint/pickle.h"

namespace attnviz::checkpoint {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kTooMany = ~std::uint64_t{0};  ///< bytes for any file
/// How many times the file's bytes all tensors together may have: those of a storage that several
/// look at, such as layers that share their weights, are copied for each of them.
constexpr std::uint64_t kMostCopies = 64;

c10::ScalarType type_of(const std::string& storage) {
  static const std::map<std::string, c10::ScalarType> kTypes = {
      {"torch.FloatStorage", at::kFloat},       {"torch.HalfStorage", at::kHalf},
      {"torch.BFloat16Storage", at::kBFloat16}, {"torch.DoubleStorage", at::kDouble},
      {"torch.LongStorage", at::kLong},         {"torch.IntStorage", at::kInt},
      {"torch.ShortStorage", at::kShort},       {"torch.CharStorage", at::kChar},
      {"torch.ByteStorage", at::kByte},         {"torch.BoolStorage", at::kBool}};
  const auto found = kTypes.find(storage);
  if (found == kTypes.end())
    throw ModelError("it holds tensors of " + storage + ", which are not read");
  return found->second;
}

/// The tensors of one archive; each storage is read once, however many tensors look at it.
class Storages {
 public:
  explicit Storages(const fs::path& path)
      : records_(record_sizes(path)), reader_(path.string()), size_(fs::file_size(path)) {}

  caffe2::serialize::PyTorchStreamReader& reader() { return reader_; }

  at::Tensor tensor(const PickleStorage& storage, std::int64_t offset,
                    const std::vector<std::int64_t>& sizes,
                    const std::vector<std::int64_t>& strides) {
    const at::Tensor& all = numbers(storage);
    require_within(all.numel(), offset, sizes, strides);
    const auto bytes = byte_count(sizes, all.element_size());
    if (!bytes || __builtin_add_overflow(copied_, *bytes, &copied_) ||
        copied_ / kMostCopies > size_) {
      throw ModelError("its tensors claim more than the file holds");
    }
    // A copy, so that no tensor keeps a larger storage alive or changes with another.
    return all.as_strided(sizes, strides, offset).clone(at::MemoryFormat::Contiguous);
  }

 private:
  const at::Tensor& numbers(const PickleStorage& storage) {
    const c10::ScalarType type = type_of(storage.type);
    if (byte_count({storage.numel}, c10::elementSize(type)).value_or(kTooMany) > size_) {
      throw ModelError("a tensor of it claims more than the file holds");
    }
    at::Tensor& kept = kept_[storage.key];
    if (!kept.defined()) kept = read(storage, type);
    if (kept.scalar_type() != type || kept.numel() != storage.numel) {
      throw ModelError("two tensors of it disagree on the storage " + storage.key);
    }
    return kept;
  }

  at::Tensor read(const PickleStorage& storage, c10::ScalarType type) {
    const std::string name = "data/" + storage.key;
    const auto record = records_.find(folded(name));
    if (record == records_.end() ||
        record->second < std::uint64_t(storage.numel) * c10::elementSize(type)) {
      throw ModelError("a tensor of it claims more than the file holds");
    }
    const auto bytes = std::get<0>(reader_.getRecord(name));
    const auto options = at::TensorOptions(at::kCPU).dtype(type);
    return at::from_blob(bytes.get(), {storage.numel}, options).clone();
  }

  void require_within(std::int64_t numel, std::int64_t offset,
                      const std::vector<std::int64_t>& sizes,
                      const std::vector<std::int64_t>& strides) const {
    const auto is_negative = [](std::int64_t n) { return n < 0; };
    if (sizes.size() != strides.size() || offset < 0 ||
        std::any_of(sizes.begin(), sizes.end(), is_negative) ||
        std::any_of(strides.begin(), strides.end(), is_negative)) {
      throw ModelError("a tensor of it has a shape that cannot be");
    }
    if (std::find(sizes.begin(), sizes.end(), 0) != sizes.end()) return;
    std::int64_t last = offset, extent = 0;
    bool overflows = byte_count(sizes, 1).value_or(kTooMany) > size_;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      overflows = overflows || __builtin_mul_overflow(sizes[i] - 1, strides[i], &extent) ||
                  __builtin_add_overflow(last, extent, &last);
    }
    if (overflows || last >= numel) {
      throw ModelError("a tensor of it claims more than the file holds");
    }
  }

  std::map<std::string, std::uint64_t> records_;  ///< their sizes, looked at before they are read
  caffe2::serialize::PyTorchStreamReader reader_;
  std::uint64_t size_, copied_ = 0;  ///< bytes, of the file and of all tensors
  std::map<std::string, at::Tensor> kept_;
};

const PickleValue* find(const PickleDict& dict, const std::string& key) {
  const PickleValue* found = nullptr;
  for (const auto& [name, value] : dict.items) {
    if (const auto* text = name->as<std::string>(); text && *text == key) found = value;
  }
  return found;
}

bool holds_tensors(const PickleDict& dict) {
  return std::any_of(dict.items.begin(), dict.items.end(),
                     [](const auto& item) { return item.second->template as<at::Tensor>(); });
}

/// The dictionary itself, or what is wrapped under one of the usual names.
const PickleDict& state_dict_in(const PickleDict& top) {
  for (const char* key : {"model", "state_dict", "model_state_dict"}) {
    const PickleValue* value = find(top, key);
    const auto* dict = value ? value->as<PickleDict>() : nullptr;
    if (dict && holds_tensors(*dict)) return *dict;
  }
  if (!holds_tensors(top)) {
    throw ModelError(
        "it holds no state dict: no tensors, neither at its top nor under model, state_dict or "
        "model_state_dict");
  }
  return top;
}

void add_settings(const PickleDict& top, const char* key, Checkpoint& checkpoint) {
  const PickleValue* value = find(top, key);
  const auto* dict = value ? value->as<PickleDict>() : nullptr;
  if (!dict) return;
  for (const auto& [name, setting] : dict->items) {
    const auto* text = name->as<std::string>();
    if (!text) continue;
    auto& kept = checkpoint.settings;
    if (const auto* flag = setting->as<bool>()) kept[*text] = *flag;
    if (const auto* integer = setting->as<std::int64_t>()) kept[*text] = *integer;
    if (const auto* real = setting->as<double>()) kept[*text] = *real;
    if (const auto* word = setting->as<std::string>()) kept[*text] = *word;
  }
}

}  // namespace

std::optional<std::uint64_t> byte_count(const std::vector<std::int64_t>& sizes,
                                        std::uint64_t bytes_each) {
  std::uint64_t total = bytes_each;
  for (const std::int64_t size : sizes) {
    if (size < 0 || __builtin_mul_overflow(total, std::uint64_t(size), &total)) return std::nullopt;
  }
  return total;
}

Checkpoint read_torch_file(const fs::path& path) {
  Storages storages(path);
  const auto [bytes, size] = storages.reader().getRecord("data.pkl");
  const Pickle pickle =
      read_pickle({static_cast<const char*>(bytes.get()), size},
                  [&](const auto&... arguments) { return storages.tensor(arguments...); });
  const auto* top = pickle.top->as<PickleDict>();
  if (!top) throw ModelError("it holds no state dict, but something else");
  Checkpoint checkpoint{.format = "PyTorch", .files = {path}, .tensors = {}, .settings = {}};
  for (const auto& [name, value] : state_dict_in(*top).items) {
    const auto* text = name->as<std::string>();
    const auto* tensor = value->as<at::Tensor>();
    if (text && tensor) checkpoint.tensors.push_back({*text, *tensor});
  }
  add_settings(*top, "config", checkpoint);
  add_settings(*top, "model_args", checkpoint);
  return checkpoint;
}

}  // namespace attnviz::checkpoint
