#include "checkpoint/pickle.h"

#include <bit>
#include <cstring>
#include <unordered_map>

#include "attnviz/error.h"

// The machine that a pickle is a program for has a stack, a memo and about sixty instructions
// (Python's pickletools describes each). State dicts use those below. What makes pickles dangerous,
// calling what a GLOBAL names, is done here for five functions that build tensors and dictionaries.

namespace attnviz::checkpoint {
namespace {

constexpr char kMark = '(', kStop = '.';

/// The next bytes of the program.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  std::string_view take(std::uint64_t n) {
    if (n > rest_.size()) throw ModelError("its pickle ends too early");
    const std::string_view taken = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return taken;
  }

  /// Little endian.
  template <typename Number>
  Number number() {
    Number value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }

  std::string line() {
    const auto end = rest_.find('\n');
    if (end == std::string_view::npos) throw ModelError("its pickle ends too early");
    const std::string text(take(end));
    (void)take(1);
    return text;
  }

 private:
  std::string_view rest_;
};

/// Two's complement, little endian, of at most eight bytes.
std::int64_t long_integer(std::string_view bytes) {
  if (bytes.size() > 8) throw ModelError("its pickle holds an integer of more than 64 bits");
  std::uint64_t value = !bytes.empty() && (bytes.back() & 0x80) != 0 ? ~std::uint64_t{0} : 0;
  for (std::size_t i = bytes.size(); i-- > 0;) {
    value = value << 8 | static_cast<unsigned char>(bytes[i]);
  }
  return static_cast<std::int64_t>(value);
}

bool is_storage_class(const std::string& name) {
  return name.starts_with("torch.") && name.ends_with("Storage");
}

class Machine {
 public:
  /// build_tensor: null where nothing is built, and only names are taken down.
  Machine(std::string_view bytes, const TensorBuilder* build_tensor)
      : reader_(bytes), build_tensor_(build_tensor) {}

  Pickle run() {
    for (char opcode; (opcode = reader_.take(1)[0]) != kStop;) step(opcode);
    pickle_.top = pop();
    return std::move(pickle_);
  }

  PickleNames names() {
    (void)run();
    return std::move(names_);
  }

 private:
  void step(char opcode);
  bool step_plain_value(char opcode);
  bool step_container(char opcode);
  bool step_memo(char opcode);

  template <typename Kind>
  PickleValue* push(Kind value) {
    pickle_.values.push_back({std::move(value)});
    stack_.push_back(&pickle_.values.back());
    return stack_.back();
  }

  PickleValue* pop() {
    if (stack_.empty()) throw ModelError("its pickle takes more than there is");
    PickleValue* value = stack_.back();
    stack_.pop_back();
    return value;
  }

  /// What was pushed since the last mark.
  PickleItems pop_to_mark() {
    if (marks_.empty() || marks_.back() > stack_.size())
      throw ModelError("its pickle lacks a mark");
    const PickleItems items(stack_.begin() + std::ptrdiff_t(marks_.back()), stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return items;
  }

  template <typename Kind>
  static const Kind& expect(const PickleValue* value, const char* what) {
    if (const Kind* found = value->as<Kind>()) return *found;
    throw ModelError(std::string("its pickle has something else where there should be ") + what);
  }

  template <typename Kind>
  Kind& top(const char* what) {
    if (stack_.empty()) throw ModelError("its pickle takes more than there is");
    return const_cast<Kind&>(expect<Kind>(stack_.back(), what));
  }

  void push_tuple(std::size_t n);
  void append(const PickleItems& items);
  void set_items(const PickleItems& items);
  void push_class(const std::string& name);
  void push_storage();
  void call();
  void push_tensor(const PickleItems& arguments);

  Reader reader_;
  const TensorBuilder* build_tensor_;
  Pickle pickle_;
  PickleNames names_;
  std::vector<PickleValue*> stack_;
  std::vector<std::size_t> marks_;  ///< heights of the stack
  std::unordered_map<std::uint32_t, PickleValue*> memo_;
};

void Machine::push_tuple(std::size_t n) {
  PickleItems items(n);
  for (std::size_t i = n; i-- > 0;) items[i] = pop();
  push(PickleTuple{std::move(items)});
}

void Machine::append(const PickleItems& items) {
  PickleItems& list = top<PickleList>("a list").items;
  list.insert(list.end(), items.begin(), items.end());
}

void Machine::set_items(const PickleItems& items) {
  PickleDict& dict = top<PickleDict>("a dictionary");
  if (items.size() % 2 != 0) throw ModelError("its pickle has a key without a value");
  for (std::size_t i = 0; i < items.size(); i += 2) dict.items.emplace_back(items[i], items[i + 1]);
}

void Machine::push_class(const std::string& name) {
  if (!build_tensor_) {
    names_.classes.push_back(name);
    return void(push(PickleClass{name}));
  }
  static const char* kKnown[] = {"collections.OrderedDict", "torch._utils._rebuild_tensor_v2",
                                 "torch._utils._rebuild_parameter",
                                 "torch.jit._pickle.restore_type_tag", "torch.Size"};
  for (const char* known : kKnown) {
    if (name == known) return void(push(PickleClass{name}));
  }
  if (is_storage_class(name)) return void(push(PickleClass{name}));
  throw ModelError("it holds " + name +
                   ", which is refused: only tensors and plain containers are read; save "
                   "model.state_dict() alone");
}

/// ("storage", class, key, location, number of elements)
void Machine::push_storage() {
  const PickleItems& items = expect<PickleTuple>(pop(), "a storage").items;
  if (items.size() < 5) throw ModelError("its pickle names a storage wrongly");
  PickleStorage storage{expect<PickleClass>(items[1], "a storage's class").name,
                        expect<std::string>(items[2], "a storage's key"),
                        expect<std::int64_t>(items[4], "a storage's size")};
  if (!build_tensor_) names_.storages.push_back(storage);
  push(std::move(storage));
}

std::vector<std::int64_t> integers(const PickleValue* value) {
  const auto* tuple = value->as<PickleTuple>();
  std::vector<std::int64_t> numbers;
  for (const PickleValue* item : tuple ? tuple->items : PickleItems{}) {
    if (const auto* number = item->as<std::int64_t>()) numbers.push_back(*number);
  }
  if (!tuple || numbers.size() != tuple->items.size()) {
    throw ModelError("its pickle has something else where there should be a tensor's shape");
  }
  return numbers;
}

/// (storage, offset, sizes, strides, requires_grad, hooks)
void Machine::push_tensor(const PickleItems& arguments) {
  if (arguments.size() < 4) throw ModelError("its pickle builds a tensor wrongly");
  push((*build_tensor_)(expect<PickleStorage>(arguments[0], "a storage"),
                        expect<std::int64_t>(arguments[1], "an offset"), integers(arguments[2]),
                        integers(arguments[3])));
}

void Machine::call() {
  const PickleItems& arguments = expect<PickleTuple>(pop(), "arguments").items;
  const std::string& name = expect<PickleClass>(pop(), "a function").name;
  if (!build_tensor_) return void(push(std::monostate{}));  // whatever it would have made
  if (name == "torch._utils._rebuild_tensor_v2") return push_tensor(arguments);
  if (name == "torch._utils._rebuild_parameter" && !arguments.empty()) {
    return void(push(expect<at::Tensor>(arguments[0], "a tensor")));
  }
  if (name == "torch.jit._pickle.restore_type_tag" && arguments.size() == 2) {
    // TorchScript's containers: value, type.
    return std::visit([&](const auto& value) { push(value); }, arguments[0]->is);
  }
  if (name == "collections.OrderedDict" && arguments.empty()) return void(push(PickleDict{}));
  if (name == "torch.Size" && arguments.size() == 1) {
    return void(push(expect<PickleTuple>(arguments[0], "a shape")));
  }
  throw ModelError("it calls " + name + ", which is refused");
}

bool Machine::step_plain_value(char opcode) {
  switch (opcode) {
    case 'N':
      return push(std::monostate{});
    case '\x88':
      return push(true);
    case '\x89':
      return push(false);
    case 'K':
      return push(std::int64_t{reader_.number<std::uint8_t>()});
    case 'M':
      return push(std::int64_t{reader_.number<std::uint16_t>()});
    case 'J':
      return push(std::int64_t{reader_.number<std::int32_t>()});
    case '\x8a':
      return push(long_integer(reader_.take(reader_.number<std::uint8_t>())));
    case 'G': {
      const auto bits = __builtin_bswap64(reader_.number<std::uint64_t>());
      return push(std::bit_cast<double>(bits));
    }
    case 'X':
      return push(std::string(reader_.take(reader_.number<std::uint32_t>())));
    case '\x8c':
    case 'U':
      return push(std::string(reader_.take(reader_.number<std::uint8_t>())));
    case 'c': {
      const std::string module = reader_.line();
      push_class(module + "." + reader_.line());
      return true;
    }
    case '\x93': {
      const std::string name = expect<std::string>(pop(), "a name");
      push_class(expect<std::string>(pop(), "a module") + "." + name);
      return true;
    }
    default:
      return false;
  }
}

bool Machine::step_container(char opcode) {
  switch (opcode) {
    case kMark:
      marks_.push_back(stack_.size());
      return true;
    case '}':
      return push(PickleDict{});
    case ']':
      return push(PickleList{});
    case ')':
      return push(PickleTuple{});
    case 't':
      return push(PickleTuple{pop_to_mark()});
    case '\x85':
    case '\x86':
    case '\x87':
      push_tuple(std::size_t(opcode - '\x84'));
      return true;
    case 'a':
      append({pop()});
      return true;
    case 'e':
      append(pop_to_mark());
      return true;
    case 's': {
      const PickleValue* value = pop();
      set_items({pop(), value});
      return true;
    }
    case 'u':
      set_items(pop_to_mark());
      return true;
    default:
      return false;
  }
}

bool Machine::step_memo(char opcode) {
  const auto put = [&](std::uint32_t place) {
    if (stack_.empty()) throw ModelError("its pickle takes more than there is");
    memo_[place] = stack_.back();
    return true;
  };
  const auto get = [&](std::uint32_t place) {
    const auto found = memo_.find(place);
    if (found == memo_.end()) throw ModelError("its pickle recalls what was never kept");
    stack_.push_back(found->second);
    return true;
  };
  switch (opcode) {
    case 'q':
      return put(reader_.number<std::uint8_t>());
    case 'r':
      return put(reader_.number<std::uint32_t>());
    case '\x94':
      return put(std::uint32_t(memo_.size()));
    case 'h':
      return get(reader_.number<std::uint8_t>());
    case 'j':
      return get(reader_.number<std::uint32_t>());
    default:
      return false;
  }
}

void Machine::step(char opcode) {
  if (step_plain_value(opcode) || step_container(opcode) || step_memo(opcode)) return;
  switch (opcode) {
    case '\x80':  // PROTO
      if (reader_.number<std::uint8_t>() > 5) throw ModelError("its pickle is of a later protocol");
      return;
    case '\x95':  // FRAME: only a hint of how much to read at once
      (void)reader_.take(8);
      return;
    case 'Q':
      return push_storage();
    case 'R':
      return call();
    case 'b':  // BUILD gives a dictionary attributes (_metadata of a state dict), none of use here
      (void)pop();
      (void)top<PickleDict>("a dictionary");
      return;
    case '\x81':  // NEWOBJ: a class and its arguments
      if (build_tensor_) break;
      (void)pop();
      (void)pop();
      push(PickleDict{});
      return;
    default:
      break;
  }
  throw ModelError("its pickle has the opcode " + std::to_string(int(std::uint8_t(opcode))) +
                   ", which tensors and plain containers do not need");
}

}  // namespace

Pickle read_pickle(std::string_view bytes, const TensorBuilder& build_tensor) {
  return Machine(bytes, &build_tensor).run();
}

PickleNames read_pickle_names(std::string_view bytes) {
  return Machine(bytes, nullptr).names();
}

}  // namespace attnviz::checkpoint
