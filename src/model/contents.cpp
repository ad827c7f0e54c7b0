#include "attnviz/contents.h"

#include <c10/core/ScalarType.h>
#include <caffe2/serialize/inline_container.h>
#include <torch/csrc/jit/frontend/lexer.h>

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

#include "attnviz/error.h"
#include "checkpoint/archive.h"
#include "checkpoint/formats.h"
#include "checkpoint/pickle.h"
#include "model/model_file.h"

// An archive of TorchScript holds code (code/*.py, in the language that LibTorch reads), and
// pickles (data.pkl, constants.pkl) whose tensors lie in records of their own (data/0 ...). Loading
// it already runs code, that of __setstate__ methods; so what it may do is read off its words.

namespace attnviz {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

struct Effect {
  std::string_view name;  ///< of the operator, with its namespace
  const char* effect;
};
/// Of the operators of LibTorch 1.13 and 2.15 under aten and prim, those that have one.
constexpr Effect kEffects[] = {
    {"aten::save", "writes files"},
    {"aten::from_file", "opens files, and may write to them"},
    {"prim::rpc_sync", "talks to other machines"},
    {"prim::rpc_async", "talks to other machines"},
    {"prim::rpc_remote", "talks to other machines"},
    {"aten::get_gradients", "talks to other machines"},
    {"prim::AddStatValue", "keeps statistics of the process"},
};

/// Namespaces, of operators and of C++ classes, that do nothing but compute.
constexpr const char* kComputing[] = {
    "aten",   "prim",   "quantized",        "_quantized", "quantization", "prepacked",
    "sparse", "mkldnn", "mkldnn_prepacked", "xnnpack",    "rnn"};

bool computes(const std::string& name_space) {
  return std::any_of(std::begin(kComputing), std::end(kComputing),
                     [&](const char* known) { return name_space == known; });
}

/// The code's words: names, signs and texts in quotes. Throws what LibTorch throws of code that it
/// could not read either, and ModelError for what is nested too deeply to be read by anyone.
Words words_of(const std::string& name, const std::string& code) {
  constexpr int kDeepest = 500;
  namespace jit = torch::jit;
  jit::Lexer lexer(std::make_shared<jit::Source>(code, name));
  Words words;
  int depth = 0;
  for (; lexer.cur().kind != jit::TK_EOF; lexer.next()) {
    words.push_back(lexer.cur().text());
    const std::string& word = words.back();
    if (word == "(" || word == "[" || word == "{") ++depth;
    if (word == ")" || word == "]" || word == "}") --depth;
    if (depth > kDeepest) throw ModelError("its code is nested too deeply");
  }
  return words;
}

std::string unquoted(const std::string& word) {
  if (word.size() < 2 || (word.front() != '"' && word.front() != '\'')) return word;
  return word.substr(1, word.size() - 2);
}

class Contents {
 public:
  explicit Contents(const fs::path& path)
      : sizes_(checkpoint::record_sizes(path)), reader_(path.string()) {
    contents_.file_size = fs::file_size(path);
  }

  ModelContents read() {
    for (const auto& [name, size] : sizes_) {
      if (name.starts_with("code/") && name.ends_with(".py")) add_code(name);
      if (name.starts_with("data/") || name.starts_with("constants/")) {
        contents_.tensor_bytes += size;
      }
    }
    add_pickle("data");
    add_pickle("constants");
    contents_.operators.assign(operators_.begin(), operators_.end());
    for (const auto& [what, effect] : effects_) contents_.effects.push_back({what, effect});
    return contents_;
  }

 private:
  std::string record(const std::string& name) {
    const auto [bytes, size] = reader_.getRecord(name);
    return {static_cast<const char*>(bytes.get()), size};
  }

  void add_code(const std::string& name) {
    const Words words = words_of(name, record(name));
    const auto follows = [&](std::size_t i, std::initializer_list<const char*> expected) {
      return i + expected.size() <= words.size() &&
             std::equal(expected.begin(), expected.end(), words.begin() + std::ptrdiff_t(i));
    };
    for (std::size_t i = 0; i < words.size(); ++i) {
      for (const Effect& known : kEffects) {
        const std::string_view behind = known.name.substr(known.name.find("::") + 2);
        if (unquoted(words[i]) == behind) effects_[std::string(known.name)] = known.effect;
      }
      if (follows(i, {"print", "("})) operators_.insert("prim::Print");
      if (i > 0 && words[i - 1] == ".") continue;  // not the beginning of a name
      if (follows(i, {"ops", "."}) && i + 4 < words.size() && words[i + 3] == ".") {
        add_operator(words[i + 2], words[i + 4]);
      } else if (follows(i, {"torch", "."}) && i + 2 < words.size()) {
        add_operator("aten", words[i + 2]);
      }
    }
  }

  void add_operator(const std::string& name_space, const std::string& name) {
    operators_.insert(name_space + "::" + name);
    if (!computes(name_space)) {
      effects_[name_space + "::" + name] =
          "is no operator of LibTorch that is known to compute only";
    }
  }

  /// The objects that a pickle makes, and the tensors that it looks at through their records.
  void add_pickle(const std::string& name) {
    const checkpoint::PickleNames names = checkpoint::read_pickle_names(record(name + ".pkl"));
    static const std::string kForeign = "torch.classes.";
    for (const std::string& made : names.classes) {
      const auto found = made.find(kForeign);
      if (found == std::string::npos) continue;
      const auto start = found + kForeign.size();
      if (computes(made.substr(start, made.find('.', start) - start))) continue;
      effects_[made.substr(found)] = "is a C++ class, whose own code runs when the file is loaded";
    }
    for (const checkpoint::PickleStorage& storage : names.storages) require_room(name, storage);
  }

  void require_room(const std::string& folder, const checkpoint::PickleStorage& storage) const {
    const auto record = sizes_.find(folder + "/" + storage.key);
    if (record == sizes_.end()) throw ModelError("a tensor of it has no record");
    const auto bytes = checkpoint::byte_count({storage.numel}, element_size(storage.type));
    if (!bytes || *bytes > record->second) {
      throw ModelError("a tensor of it claims more than its record " + record->first + " holds");
    }
  }

  /// Of `torch.FloatStorage` ...
  static std::uint64_t element_size(const std::string& storage) {
    for (int i = 0; i < int(c10::ScalarType::NumOptions); ++i) {
      const auto type = static_cast<c10::ScalarType>(i);
      if (type == c10::ScalarType::Undefined) continue;
      if (storage == std::string("torch.") + c10::toString(type) + "Storage") {
        return c10::elementSize(type);
      }
    }
    throw ModelError("it holds tensors of " + storage + ", which are not read");
  }

  std::map<std::string, std::uint64_t> sizes_;
  caffe2::serialize::PyTorchStreamReader reader_;
  ModelContents contents_;
  std::set<std::string> operators_;
  std::map<std::string, std::string> effects_;
};

}  // namespace

ModelContents read_model_contents(const fs::path& path) {
  require_torchscript(path);
  try {
    return Contents(path).read();
  } catch (const ModelError& error) {
    throw ModelError("cannot read " + path.string() + ": " + error.what());
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw ModelError("cannot read " + path.string() + ": " + first_line(error));
  }
}

}  // namespace attnviz
