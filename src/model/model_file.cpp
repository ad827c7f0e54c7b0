#include "model/model_file.h"

#include <caffe2/serialize/inline_container.h>
#include <torch/cuda.h>
#include <torch/script.h>

#include <new>
#include <optional>
#include <sstream>

#include "attnviz/contents.h"
#include "attnviz/error.h"
#include "attnviz/file.h"
#include "attnviz/model.h"
#include "file/memory.h"
#include "model/device_constants.h"
#include "model/missing_operators.h"
#include "text/utf8.h"

namespace attnviz {
namespace {

namespace fs = std::filesystem;

std::string import_hint(const fs::path& path) {
  return "; make a model of it: attnviz import " + path.string() + " -o MODEL.pt";
}

/// "aten::x" from LibTorch's "Unknown builtin op: aten::x.", or nothing.
std::string missing_operator(const std::string& message) {
  static const std::string kSign = "Unknown builtin op: ";
  const auto found = message.find(kSign);
  if (found == std::string::npos) return {};
  const auto start = found + kSign.size();
  auto end = message.find_first_of(" \n", start);
  if (end == std::string::npos) end = message.size();
  if (message[end - 1] == '.') --end;
  return message.substr(start, end - start);
}

ModelError load_error(const fs::path& path, const std::exception& error) {
  return ModelError("cannot load " + path.string() + ": " + first_line(error));
}

/// A device that this LibTorch can compute on.
at::Device device_named(const std::string& name) {
  const auto fail = [&](const std::string& why) {
    return ModelError("there is no device " + name + ": " + why);
  };
  std::optional<at::Device> device;
  try {
    device.emplace(name);
  } catch (const std::exception&) {
    throw fail("devices are cpu, cuda, cuda:1");
  }
  if (device->is_cpu()) return *device;
  if (!device->is_cuda()) throw fail("attnviz computes on cpu and cuda");
  const auto n = std::int64_t(torch::cuda::device_count());
  if (n == 0) throw fail("LibTorch " + libtorch_version() + " here finds no GPU; --device cpu");
  if (device->index() >= n) {
    throw fail("LibTorch finds " + std::to_string(n) + ", cuda:0 to cuda:" + std::to_string(n - 1));
  }
  return *device;
}

bool is_half(const at::Tensor& tensor) {
  return tensor.scalar_type() == at::kHalf || tensor.scalar_type() == at::kBFloat16;
}

std::vector<at::Tensor> floating_tensors(const torch::jit::Module& module) {
  std::vector<at::Tensor> found;
  for (const at::Tensor& parameter : module.parameters()) {
    if (parameter.is_floating_point()) found.push_back(parameter);
  }
  for (const at::Tensor& buffer : module.buffers()) {
    if (buffer.is_floating_point()) found.push_back(buffer);
  }
  return found;
}

/// LibTorch's longest lines list all that it could have done instead.
std::string shortened(const std::string& line) {
  constexpr std::size_t kLongest = 160;
  if (line.size() <= kLongest) return line;
  std::string start = line.substr(0, kLongest);
  start.resize(text::valid_prefix(start));
  return start + "...";
}

/// Its sizes are looked at in any case.
void require_harmless(const fs::path& path, bool trusted) {
  const ModelContents contents = read_model_contents(path);
  if (contents.effects.empty() || trusted) return;
  const OutsideEffect& first = contents.effects.front();
  const std::size_t more = contents.effects.size() - 1;
  throw ModelError(path.string() + " is refused: " + first.what + " " + first.effect +
                   (more > 0 ? ", and there " + std::string(more > 1 ? "are " : "is ") +
                                   std::to_string(more) + " more (attnviz info lists them)"
                             : "") +
                   "; run it nevertheless with --trust-model");
}

}  // namespace

std::string first_line(const std::exception& error) {
  if (is_out_of_memory(error)) throw std::bad_alloc();
  const auto* torch_error = dynamic_cast<const c10::Error*>(&error);
  std::istringstream lines(torch_error ? torch_error->what_without_backtrace() : error.what());
  std::string line, last;
  // Errors of a running graph put the reason last, after "RuntimeError: ".
  while (std::getline(lines, line)) {
    if (line.rfind("RuntimeError: ", 0) == 0) return shortened(line.substr(14));
    if (last.empty() && line.find_first_not_of(" \t") != std::string::npos) last = line;
  }
  return shortened(last);
}

bool is_torchscript(const fs::path& path) {
  try {
    require_torchscript(path);
    return true;
  } catch (const Error&) {
    return false;
  }
}

void require_torchscript(const fs::path& path) {
  const std::string start = read_file_start(path, 9);
  if (start.size() == 9 && start[8] == '{') {
    throw ModelError(path.string() + " is a safetensors file, not TorchScript" + import_hint(path));
  }
  if (start.starts_with("\x80")) {
    throw ModelError(path.string() + " is a bare pickle, not TorchScript" + import_hint(path));
  }
  // By its fifth byte LibTorch takes an archive for a flatbuffer, which may hold another model.
  if (!start.starts_with("PK\x03\x04") || start.substr(4).starts_with("PTMF")) {
    throw ModelError(path.string() + " is not a TorchScript file");
  }
  bool is_script = false;
  bool is_checkpoint = false;
  try {
    caffe2::serialize::PyTorchStreamReader reader(path.string());
    is_script = reader.hasRecord("constants.pkl");
    is_checkpoint = reader.hasRecord("data.pkl");
  } catch (const std::exception&) {
    throw ModelError(path.string() + " is damaged: its archive cannot be read to the end");
  }
  if (is_script) return;
  if (is_checkpoint) {
    throw ModelError(path.string() + " is a plain checkpoint (a state dict), not TorchScript" +
                     import_hint(path));
  }
  throw ModelError(path.string() + " is an archive, but not one of TorchScript");
}

torch::jit::Module load_torchscript(const fs::path& path, const LoadOptions& options) {
  // What was looked at has to be what is loaded.
  const FileVersion before = options.mapped ? options.mapped->version() : version_of(path);
  const auto require_unchanged = [&] {
    if (version_of(path) == before) return;
    throw ModelError(
        path.string() +
        " was replaced or written to while it was read; run it again when it is whole");
  };
  require_harmless(path, options.trusted);
  supply_missing_operators();
  const at::Device device = device_named(options.device);
  try {
    torch::NoGradGuard no_grad;
    torch::jit::Module module =
        options.mapped ? options.mapped->load(device) : torch::jit::load(path.string(), device);
    require_unchanged();
    module.eval();
    move_device_constants(module, device);
    for (const at::Tensor& tensor : floating_tensors(module)) {
      if (options.in_file) options.in_file->insert(tensor.scalar_type());
      if (is_half(tensor) && !options.as_stored) tensor.set_data(tensor.to(at::kFloat));
    }
    return module;
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    require_unchanged();  // else the reason is no other
    if (const std::string name = missing_operator(error.what()); !name.empty()) {
      throw MissingOperatorError(path.string() + " needs the operator " + name +
                                 ", which LibTorch " + libtorch_version() + " lacks");
    }
    throw load_error(path, error);
  }
}

void widen_to_float64(const torch::jit::Module& module) {
  torch::NoGradGuard no_grad;
  for (const at::Tensor& tensor : floating_tensors(module)) tensor.set_data(tensor.to(at::kDouble));
}

}  // namespace attnviz
