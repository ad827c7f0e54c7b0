#include "command.h"

extern "C" const attnviz::command::Commands* attnviz_commands(const attnviz::command::Host& host) {
  using namespace attnviz::command;
  static const Commands commands = {show,           batch,
                                    merge,          heads,
                                    info,           import,
                                    train,          prune,
                                    reset,          finetune,
                                    snapshot_init,  snapshot_record,
                                    snapshot_check, attnviz::command::compare};
  spdlog::set_default_logger(host.logger);
  load_ms = host.load_ms;
  return &commands;
}
