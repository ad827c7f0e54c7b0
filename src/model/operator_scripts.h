#pragma once

#include <ATen/core/stack.h>
#include <torch/csrc/jit/ir/ir.h>

#include <memory>
#include <string>

namespace attnviz {

// Operators of newer LibTorches, spelt out in TorchScript: one definition for whoever runs them,
// puts them into a graph, or computes the pattern that a fused operator does not give.

/// The graph of `name`, with nothing left to inline: a copy, to be changed freely.
/// name: a function of operator_scripts.cpp.
std::shared_ptr<torch::jit::Graph> script_graph(const std::string& name);

/// Takes the arguments of `name` off the stack, and puts its results there.
void run_script(const std::string& name, torch::jit::Stack& stack);

/// The arguments that `name` takes, in order, with the defaults of those that have some.
const c10::FunctionSchema& script_schema(const std::string& name);

}  // namespace attnviz
