#include <algorithm>
#include <future>
#include <nlohmann/json.hpp>

#include "attnviz/file.h"
#include "attnviz/run.h"
#include "run/one_text.h"
#include "run/output.h"
#include "run/text_page.h"
#include "run/timed.h"

namespace attnviz {
namespace {

namespace fs = std::filesystem;

void remove(const std::vector<fs::path>& files) {
  std::error_code ignored;
  for (const fs::path& file : files) fs::remove(file, ignored);
}

}  // namespace

Visualizer::Loaded Visualizer::load(const ShowOptions& options) {
  for (const fs::path& file : {options.save_attention, options.html}) {
    if (!file.empty()) check_writable(file);
  }
  PageFindings findings;
  if (!options.findings.empty()) findings = read_page_findings(options.findings);
  Timings timings, beside;
  auto tokenizer = std::async(std::launch::async, [&] {
    return timed(beside, "load_vocabulary", [&] {
      return Tokenizer(options.vocabulary.empty() ? built_in_vocabulary() : options.vocabulary);
    });
  });
  Model model = timed(timings, "load_model", [&] {
    return Model(options.model.empty() ? built_in_model() : options.model, options.capture);
  });
  Tokenizer loaded = tokenizer.get();
  timings.insert(timings.begin(), beside.begin(), beside.end());
  return {std::move(timings), std::move(loaded), std::move(model), std::move(findings)};
}

Visualizer::Visualizer(ShowOptions options)
    : options_(std::move(options)), loaded_(load(options_)) {}

Shown Visualizer::show(const std::string& text, const std::string& prefix) {
  check_prefix(prefix);
  const Tokenizer& tokenizer = loaded_.tokenizer;
  Model& model = loaded_.model;
  Timings timings = loaded_.timings;
  Shown shown =
      timed(timings, "tokenize", [&] { return tokenize(text, tokenizer, options_.max_tokens); });
  const std::vector<Label> labels = token_labels(tokenizer, shown.ids);
  for (const Label& label : labels) shown.tokens.push_back(plain(label));
  const AttentionPatterns patterns =
      timed(timings, "attention", [&] { return attend(shown, model); });
  const std::vector<std::string> pictures = timed(timings, "figures", [&] {
    return draw_figures(shown, patterns, labels, options_.figures, options_.figure, model.path());
  });
  shown.files = timed(timings, "write", [&] { return write(shown, patterns, pictures, prefix); });
  shown.timings_ms = std::move(timings);
  return shown;
}

std::vector<fs::path> Visualizer::write(const Shown& shown, const AttentionPatterns& patterns,
                                        const std::vector<std::string>& pictures,
                                        const std::string& prefix) const {
  std::vector<fs::path> files;
  const std::vector<std::string> names = figure_names(prefix, options_.figures, options_.figure);
  try {
    if (!options_.save_attention.empty()) {
      save_attention(options_.save_attention, shown, patterns, loaded_.model.path());
      files.push_back(options_.save_attention);
    }
    if (!options_.html.empty()) {
      write_file_atomically(options_.html, page_of(shown, patterns, loaded_.tokenizer,
                                                   loaded_.model.path(), loaded_.findings));
      files.push_back(options_.html);
    }
    const auto n_others = std::ptrdiff_t(files.size());
    for (std::size_t i = 0; i < names.size(); ++i) {
      write_file_atomically(options_.out_dir / names[i], pictures[i]);
      files.push_back(options_.out_dir / names[i]);
    }
    // The pictures come first in every list.
    std::rotate(files.begin(), files.begin() + n_others, files.end());
  } catch (...) {
    remove(files);
    throw;
  }
  return files;
}

Shown visualize_attention(const std::string& text, const std::string& prefix,
                          const ShowOptions& options) {
  return Visualizer(options).show(text, prefix);
}

std::string to_json(const Shown& shown) {
  nlohmann::ordered_json json;
  json["attnviz"] = version();
  json["text"] = shown.text;
  json["tokens"] = shown.tokens;
  json["ids"] = shown.ids;
  json["tokens_cut"] = shown.n_tokens_cut;
  json["layers"] = shown.n_heads.size();
  json["heads"] = shown.n_heads;
  if (!shown.kept.empty()) json["head_numbers"] = shown.kept;
  json["capture"] = to_string(shown.capture);
  json["files"] = nlohmann::json::array();
  for (const fs::path& file : shown.files) json["files"].push_back(file.string());
  for (const auto& [stage, time] : shown.timings_ms) json["timings_ms"][stage] = time;
  // A path may hold bytes that are no UTF-8; JSON cannot.
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace attnviz
