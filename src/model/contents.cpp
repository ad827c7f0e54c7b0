#include "attnviz/contents.h"

#include <c10/core/ScalarType.h>
#include <caffe2/serialize/inline_container.h>
#include <torch/csrc/jit/frontend/lexer.h>
#include <torch/csrc/jit/frontend/parse_string_literal.h>

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

/// A name or a sign of code, or the text of a string.
struct Word {
  std::string text;
  bool is_string = false;
};
using Words = std::vector<Word>;

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

/// The code's words, strings as LibTorch reads them: with what is escaped, and those side by side
/// as one. Throws what LibTorch throws of code that it could not read either, and ModelError for
/// what is nested too deeply to be read by anyone.
Words words_of(const std::string& name, const std::string& code) {
  constexpr int kDeepest = 500;
  namespace jit = torch::jit;
  jit::Lexer lexer(std::make_shared<jit::Source>(code, name));
  Words words;
  int depth = 0;
  for (; lexer.cur().kind != jit::TK_EOF; lexer.next()) {
    const std::string word = lexer.cur().text();
    if (lexer.cur().kind == jit::TK_STRINGLITERAL) {
      const std::string text = jit::parseStringLiteral(lexer.cur().range, word);
      const bool goes_on = !words.empty() && words.back().is_string;
      if (goes_on) words.back().text += text;
      if (!goes_on) words.push_back({text, true});
      continue;
    }
    words.push_back({word});
    if (word == "(" || word == "[" || word == "{") ++depth;
    if (word == ")" || word == "]" || word == "}") --depth;
    if (depth > kDeepest) throw ModelError("its code is nested too deeply");
  }
  return words;
}

class Contents {
 public:
  explicit Contents(const fs::path& path)
      : sizes_(checkpoint::record_sizes(path)), reader_(path.string()) {
    contents_.file_size = fs::file_size(path);
  }

  ModelContents read() {
    // LibTorch looks for records by its own list, and without regard to case.
    for (const std::string& name : reader_.getAllRecords()) {
      if (!sizes_.contains(checkpoint::folded(name))) throw ModelError("its archive is damaged");
    }
    if (sizes_.contains("model.json")) {
      throw ModelError("it is of a format before LibTorch 1.4, whose code may lie anywhere in it");
    }
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
    for (std::size_t i = 0; i < words.size(); ++i) {
      for (const Effect& known : kEffects) {
        const std::string_view behind = known.name.substr(known.name.find("::") + 2);
        if (words[i].text == behind) effects_[std::string(known.name)] = known.effect;
      }
      const bool begins = !words[i].is_string && (i == 0 || words[i - 1].text != ".");
      if (!begins) continue;
      const bool is_call = i + 1 < words.size() && words[i + 1].text == "(";
      if (words[i].text == "print" && is_call) operators_.insert("prim::Print");
      add_path(path_at(words, i));
    }
  }

  /// `a.b.c`, as long as names follow each other.
  static std::vector<std::string> path_at(const Words& words, std::size_t i) {
    std::vector<std::string> path = {words[i].text};
    for (; i + 2 < words.size() && words[i + 1].text == "." && !words[i + 1].is_string; i += 2) {
      path.push_back(words[i + 2].text);
    }
    return path;
  }

  /// What the names lead to, from those on that LibTorch itself gives a meaning: it writes them
  /// out, and calls nothing else by them. Whoever gets at them in another way hides something.
  void add_path(const std::vector<std::string>& path) {
    const std::size_t n = path.size();
    if (path[0] == "torch" && n > 1) return add_operator("aten", path[1]);
    if (path[0] == "ops") {
      return n > 2 ? add_operator(path[1], path[2]) : add_hidden("ops", "operators");
    }
    if (path[0] != "__torch__") return;
    const bool is_torch = n > 1 && path[1] == "torch";
    if (n == 1 || (is_torch && n == 2)) return add_hidden("__torch__", "classes");
    if (!is_torch || path[2] != "classes") return;
    if (n == 3) return add_hidden("__torch__.torch.classes", "classes");
    add_class("torch.classes." + joined_from(path, 3));
  }

  static std::string joined_from(const std::vector<std::string>& path, std::size_t first) {
    std::string text;
    for (std::size_t i = first; i < path.size(); ++i) text += (i > first ? "." : "") + path[i];
    return text;
  }

  void add_hidden(const std::string& name, const std::string& what) {
    effects_[name] = "stands for " + what + " that are not named";
  }

  /// name: from `torch.classes.` on.
  void add_class(const std::string& name) {
    const std::size_t start = kForeign.size();
    if (computes(name.substr(start, name.find('.', start) - start))) return;
    effects_[name] = "is a C++ class, whose own code runs when the file is loaded";
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
    for (const std::string& made : names.classes) {
      const auto found = made.find(kForeign);
      if (found != std::string::npos) add_class(made.substr(found));
    }
    for (const checkpoint::PickleStorage& storage : names.storages) require_room(name, storage);
  }

  void require_room(const std::string& folder, const checkpoint::PickleStorage& storage) const {
    const auto record = sizes_.find(checkpoint::folded(folder + "/" + storage.key));
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

  inline static const std::string kForeign = "torch.classes.";

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
