#include <attnviz/run.h>

#include <iostream>

int main() {
  attnviz::ShowOptions options;
  options.figure.dpi = 40;
  for (const auto& file : attnviz::visualize_attention("The cat sat", "cat", options).files) {
    std::cout << file.string() << '\n';
  }
}
