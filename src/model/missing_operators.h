#pragma once

namespace attnviz {

/// Registers the operators that exports of newer PyTorches need and this LibTorch lacks, as
/// operator_scripts.cpp spells them out, for every device. Where LibTorch has its own, that one
/// stays. Done once, however often it is called.
void supply_missing_operators();

}  // namespace attnviz
