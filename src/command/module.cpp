#include <torch/csrc/jit/runtime/print_handler.h>

#include <iostream>

#include "command.h"

extern "C" const attnviz::command::Commands* attnviz_commands(const attnviz::command::Host& host) {
  using namespace attnviz::command;
  static const Commands commands = {show,           batch,
                                    merge,          heads,
                                    info,           import,
                                    train,          prune,
                                    reset,          finetune,
                                    snapshot_init,  snapshot_record,
                                    snapshot_check, attnviz::command::compare,
                                    verify};
  spdlog::set_default_logger(host.logger);
  // Standard output is for results: what a model prints is none.
  torch::jit::setPrintHandler([](const std::string& text) { std::cerr << text; });
  load_ms = host.load_ms;
  return &commands;
}
