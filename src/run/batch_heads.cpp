#include "run/batch_heads.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "attnviz/checkpoint.h"
#include "attnviz/error.h"
#include "attnviz/file.h"

namespace attnviz {
namespace {

namespace fs = std::filesystem;

constexpr char kTexts[] = "all.", kProbes[] = "probe.", kKeys[] = "keys";

/// [text, 8] int64: the eight words of 32 bits of each key, in hexadecimal digits.
at::Tensor to_tensor(const std::unordered_set<std::string>& keys) {
  std::vector<std::string> sorted(keys.begin(), keys.end());
  std::sort(sorted.begin(), sorted.end());
  std::vector<std::int64_t> words;
  for (const std::string& key : sorted) {
    for (std::size_t i = 0; i < 64; i += 8) {
      words.push_back(static_cast<std::int64_t>(std::stoul(key.substr(i, 8), nullptr, 16)));
    }
  }
  return at::tensor(words, at::kLong).view({-1, 8});
}

std::vector<std::string> keys_of(const at::Tensor& tensor, const fs::path& file) {
  if (tensor.scalar_type() != at::kLong || tensor.dim() != 2 || tensor.size(1) != 8) {
    throw ModelError(file.string() + " is damaged: its keys are no [text, 8] of int64");
  }
  std::vector<std::string> keys;
  const auto words = tensor.accessor<std::int64_t, 2>();
  for (std::int64_t text = 0; text < words.size(0); ++text) {
    std::string& key = keys.emplace_back();
    for (std::int64_t i = 0; i < 8; ++i) {
      char digits[9];
      std::snprintf(digits, sizeof digits, "%08x", static_cast<unsigned>(words[text][i]));
      key += digits;
    }
  }
  return keys;
}

void append(std::vector<NamedTensor>& all, const std::string& prefix,
            const HeadStatistics& statistics) {
  for (NamedTensor& tensor : statistics.to_tensors()) {
    all.push_back({prefix + tensor.name, std::move(tensor.values)});
  }
}

HeadStatistics statistics_of(const std::vector<NamedTensor>& all, const std::string& prefix,
                             const StatisticsOptions& options) {
  std::vector<NamedTensor> own;
  for (const NamedTensor& tensor : all) {
    if (tensor.name.rfind(prefix, 0) == 0) {
      own.push_back({tensor.name.substr(prefix.size()), tensor.values});
    }
  }
  return HeadStatistics::from_tensors(own, options.seed, options.resamples);
}

}  // namespace

bool BatchHeads::load(const fs::path& folder,
                      const std::function<bool(const std::string& key)>& is_wanted) {
  const fs::path file = folder / kHeadSums;
  if (std::error_code ignored; !fs::exists(file, ignored)) return false;
  const std::vector<NamedTensor> tensors = read_checkpoint(file).tensors;
  const auto keys = std::find_if(tensors.begin(), tensors.end(),
                                 [](const NamedTensor& tensor) { return tensor.name == kKeys; });
  if (keys == tensors.end()) throw ModelError(file.string() + " is damaged: it has no keys");
  const std::vector<std::string> found = keys_of(keys->values, file);
  if (!std::all_of(found.begin(), found.end(), is_wanted)) return false;
  try {
    texts_.add(statistics_of(tensors, kTexts, options_));
    probes_ = statistics_of(tensors, kProbes, options_);
  } catch (const Error& error) {
    throw ModelError(file.string() + " cannot be used: " + error.what());
  }
  keys_.insert(found.begin(), found.end());
  return true;
}

void BatchHeads::add(const std::string& key, const HeadStatistics& text) {
  texts_.add(text);
  keys_.insert(key);
}

HeadReport BatchHeads::report() const {
  HeadStatistics all(options_);
  all.add(texts_);
  all.add(probes_);
  return all.report();
}

void BatchHeads::save(const fs::path& folder) const {
  std::vector<NamedTensor> tensors = {{kKeys, to_tensor(keys_)}};
  append(tensors, kTexts, texts_);
  append(tensors, kProbes, probes_);
  write_safetensors(folder / kHeadSums, tensors, {{"attnviz", "sums of batch --head-report"}});
}

void write_heads(const fs::path& folder, const BatchHeads& heads, Survey survey,
                 BatchResult& result) {
  survey.n_cut = result.n_cut;
  for (const BatchFailure& failure : result.failures) {
    survey.skipped.emplace_back(failure.name, failure.why);
  }
  std::sort(survey.skipped.begin(), survey.skipped.end());
  heads.save(folder);
  write_file_atomically(folder / kHeadsFile, to_json(survey) + "\n");
  for (const char* file : {kHeadsFile, kHeadSums}) result.files.push_back(folder / file);
}

}  // namespace attnviz
