#pragma once

#include "attnviz/dump.h"
#include "dump/stored.h"

namespace attnviz::dump {

/// Both sides' tokens, by the file that the options name or by what is stored. Where there is one
/// list and fewer queries than keys, queries are the last of it if `causal`. Throws FileError, and
/// ModelError, without the dump's name, for lists that do not fit.
void add_tokens(AttentionDump& dump, const Stored& stored, const DumpOptions& options);

}  // namespace attnviz::dump
