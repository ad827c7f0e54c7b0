#include <spdlog/spdlog.h>

#include <iostream>

#include "attnviz/error.h"
#include "attnviz/verify.h"
#include "command.h"
#include "file/one_line.h"
#include "interrupts.h"
#include "terminal.h"

namespace attnviz::command {

int verify(const VerifyArguments& arguments) {
  VerifyOptions options = arguments.options;
  options.capture.mapped = true;  // each model is looked at once
  tell_of_cut_files();
  int status = kDone;
  for (const std::filesystem::path& picture : arguments.pictures) {
    try {
      const Verified verified = verify_picture(picture, options);
      std::cout << printed(picture) << (verified.is_same ? ": the same, byte for byte\n" : ":\n");
      for (const std::string& difference : verified.differences) {
        std::cout << "  " << wrapped(difference, output_width() - 2, 4) << '\n';
      }
      if (!verified.is_same && status == kDone) status = kChanged;
    } catch (const Error& error) {
      if (arguments.pictures.size() == 1) throw;
      spdlog::error("{}", error.what());
      status = kNotDone;
    }
  }
  return status;
}

}  // namespace attnviz::command
