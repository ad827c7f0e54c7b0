#include "run/probes.h"

#include "attnviz/error.h"
#include "run/one_text.h"

namespace attnviz {

std::string add_probes(HeadStatistics& statistics, Model& model, std::int64_t n, std::uint64_t seed,
                       std::int64_t tokens) {
  if (n == 0) return "";
  ProbeOptions probe;
  probe.n_sequences = n;
  probe.seed = seed;
  probe.n_positions = model.n_positions().value_or(probe.n_positions);
  probe.vocabulary_size = model.vocabulary_size().value_or(tokens);
  if (probe.vocabulary_size == 0) {
    return "the model does not show its vocabulary's size, and no vocabulary is named (--vocab)";
  }
  std::vector<RepeatedProbe> sequences;
  try {
    sequences = make_probes(probe);
  } catch (const UsageError& error) {
    return error.what();
  }
  for (const RepeatedProbe& sequence : sequences) {
    statistics.add_probe(patterns_of(model, sequence.ids), patterns_of(model, sequence.control),
                         sequence);
  }
  return "";
}

}  // namespace attnviz
