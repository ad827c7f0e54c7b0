#include <torch/version.h>

#include "attnviz/model.h"

namespace attnviz {

std::string libtorch_version() {
  return TORCH_VERSION;
}

}  // namespace attnviz
