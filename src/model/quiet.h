#pragma once

#include <c10/util/Exception.h>
#include <torch/version.h>

#include <string>

namespace attnviz {

/// While it lives, LibTorch's warnings of this thread are dropped: they speak to whoever wrote the
/// model, of masks in another type and the like.
class Quiet {
 public:
  Quiet() : guard_(&none_) {}
  Quiet(const Quiet&) = delete;

 private:
#if TORCH_VERSION_MAJOR >= 2
  using Guard = c10::WarningUtils::WarningHandlerGuard;
  struct None : c10::WarningHandler {
    void process(const c10::Warning& /*warning*/) override {}
  };
#else
  using Guard = c10::Warning::WarningHandlerGuard;
  struct None : c10::WarningHandler {
    void process(const c10::SourceLocation& /*where*/, const std::string& /*text*/,
                 bool /*verbatim*/) override {}
  };
#endif
  None none_;
  Guard guard_;
};

}  // namespace attnviz
