#include "command.h"

extern "C" const attnviz::command::Commands* attnviz_commands(
    const std::shared_ptr<spdlog::logger>& logger) {
  using namespace attnviz::command;
  static const Commands commands = {show,           batch,
                                    merge,          heads,
                                    info,           import,
                                    train,          prune,
                                    reset,          finetune,
                                    snapshot_init,  snapshot_record,
                                    snapshot_check, attnviz::command::compare};
  spdlog::set_default_logger(logger);
  return &commands;
}
