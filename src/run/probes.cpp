#include "run/probes.h"

#include "attnviz/error.h"

namespace attnviz {

std::string add_probes(HeadStatistics& statistics, Model& model, std::int64_t n, std::uint64_t seed,
                       std::int64_t tokens) {
  if (n == 0) return "";
  ProbeOptions probe;
  probe.n_sequences = n;
  probe.seed = seed;
  probe.n_positions = model.n_positions().value_or(probe.n_positions);
  probe.vocabulary_size = model.vocabulary_size().value_or(tokens);
  std::vector<RepeatedProbe> sequences;
  try {
    sequences = make_probes(probe);
  } catch (const UsageError& error) {
    return error.what();
  }
  const auto patterns_of = [&](const TokenIds& ids) {
    return check_patterns(model.capture(ids), model.kept_heads());
  };
  for (const RepeatedProbe& sequence : sequences) {
    statistics.add_probe(patterns_of(sequence.ids), patterns_of(sequence.control), sequence);
  }
  return "";
}

}  // namespace attnviz
