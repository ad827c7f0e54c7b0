#include <algorithm>
#include <future>
#include <nlohmann/json.hpp>

#include "attnviz/error.h"
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

/// Before any work: whether the files can be written, and what the page shall tell.
PageFindings prepare(const ShowOptions& options) {
  for (const fs::path& file : {options.save_attention, options.html}) {
    if (!file.empty()) check_writable(file);
  }
  return options.findings.empty() ? PageFindings() : read_page_findings(options.findings);
}

std::vector<fs::path> write(const Attended& attended, const View& view,
                            const std::vector<std::string>& pictures, const std::string& prefix,
                            const ShowOptions& options, const Source& source,
                            const PageFindings& findings) {
  std::vector<fs::path> files;
  const std::vector<std::string> names = figure_names(prefix, options);
  try {
    if (!options.save_attention.empty()) {
      save_attention(options.save_attention, attended, source);
      files.push_back(options.save_attention);
    }
    if (!options.html.empty()) {
      write_file_atomically(options.html, page_of(attended, view, options, source, findings));
      files.push_back(options.html);
    }
    const auto n_others = std::ptrdiff_t(files.size());
    for (std::size_t i = 0; i < names.size(); ++i) {
      write_file_atomically(options.out_dir / names[i], pictures[i]);
      files.push_back(options.out_dir / names[i]);
    }
    // The pictures come first in every list.
    std::rotate(files.begin(), files.begin() + n_others, files.end());
  } catch (...) {
    remove(files);
    throw;
  }
  return files;
}

/// From the patterns on, it is all the same where they come from.
Shown make_files(Attended attended, const std::string& prefix, const ShowOptions& options,
                 const Source& source, const PageFindings& findings, Timings timings) {
  const View view = view_of(attended, options.merge_words);
  const std::vector<std::string> pictures =
      timed(timings, "figures", [&] { return draw_figures(attended, view, options, source); });
  attended.shown.files = timed(timings, "write", [&] {
    return write(attended, view, pictures, prefix, options, source, findings);
  });
  attended.shown.timings_ms = std::move(timings);
  return std::move(attended.shown);
}

nlohmann::ordered_json json_of(const Continuation& continuation) {
  const GeneratedToken& generated = continuation.generated;
  nlohmann::ordered_json json = {{"id", generated.id},
                                 {"token", continuation.token},
                                 {"probability", generated.probability},
                                 {"read", nlohmann::json::array()}};
  for (const KeyRead& key : continuation.read) {
    json["read"].push_back(
        {{"position", key.position}, {"token", key.token}, {"weight", key.weight}});
  }
  return json;
}

}  // namespace

struct Visualizer::Loaded {
  ShowOptions options;
  PageFindings findings;
  Timings timings;
  std::optional<Tokenizer> tokenizer;
  std::optional<Model> model;
  std::shared_future<Source> source;
};

Visualizer::~Visualizer() = default;
Visualizer::Visualizer(Visualizer&&) noexcept = default;
Visualizer& Visualizer::operator=(Visualizer&&) noexcept = default;

Visualizer::Visualizer(ShowOptions options)
    : loaded_(std::make_unique<Loaded>(Loaded{std::move(options), {}, {}, {}, {}, {}})) {
  Loaded& loaded = *loaded_;
  loaded.findings = prepare(loaded.options);
  const ShowOptions& wanted = loaded.options;
  const bool is_built_in = wanted.vocabulary.empty() && !wanted.by_ids;
  const fs::path vocabulary = is_built_in ? built_in_vocabulary() : wanted.vocabulary;
  const fs::path model = wanted.model.empty() ? built_in_model() : wanted.model;
  const SameFiles same(model, vocabulary);
  Timings beside;
  auto others = std::async(std::launch::async, [&] {
    loaded.tokenizer = timed(beside, "load_vocabulary", [&] { return tokenizer_of(vocabulary); });
  });
  loaded.model = timed(loaded.timings, "load_model", [&] { return Model(model, wanted.capture); });
  others.get();
  // Beside the attention, which opens no files; loading does, and there may be few to be had.
  loaded.source = std::async(std::launch::async, [model, vocabulary, same] {
    Source source = source_of_model(model, vocabulary);
    same.require();
    return source;
  });
  loaded.timings.insert(loaded.timings.begin(), beside.begin(), beside.end());
}

template <typename MakeShown>
Shown Visualizer::show_made(MakeShown make_shown, const std::string& prefix) {
  check_prefix(prefix);
  const ShowOptions& options = loaded_->options;
  const Tokenizer* tokenizer = pointer_to(loaded_->tokenizer);
  Timings timings = loaded_->timings;
  Shown shown = timed(timings, "tokenize", [&] { return make_shown(tokenizer); });
  const HeadChoice& choice = options.figure.choice;
  Attended attended = timed(timings, options.generate ? "generate" : "attention", [&] {
    return options.generate ? continue_text(std::move(shown), *loaded_->model, tokenizer,
                                            *options.generate, choice)
                            : attend(std::move(shown), *loaded_->model, tokenizer, choice);
  });
  const Source source = timed(timings, "hash", [&] { return loaded_->source.get(); });
  return make_files(std::move(attended), prefix, options, source, loaded_->findings,
                    std::move(timings));
}

Shown Visualizer::show(const std::string& text, const std::string& prefix) {
  if (!loaded_->tokenizer) throw UsageError("a text needs a vocabulary, and by_ids takes none");
  return show_made(
      [&](const Tokenizer* tokenizer) {
        return tokenize(text, *tokenizer, loaded_->options.max_tokens);
      },
      prefix);
}

Shown Visualizer::show(const TokenIds& ids, const std::string& prefix) {
  return show_made(
      [&](const Tokenizer* tokenizer) {
        return take_ids(ids, tokenizer, loaded_->options.max_tokens);
      },
      prefix);
}

Shown show_attention(const std::string& prefix, const ShowOptions& options) {
  check_prefix(prefix);
  if (options.max_tokens || options.generate) {
    throw UsageError("a file of patterns is shown as it is: no text is cut, and none goes on");
  }
  const PageFindings findings = prepare(options);
  Timings timings;
  const SameFiles same(options.attention, options.vocabulary);
  std::optional<Tokenizer> tokenizer;
  if (!options.vocabulary.empty()) {
    tokenizer = timed(timings, "load_vocabulary", [&] { return Tokenizer(options.vocabulary); });
  }
  Attended attended = timed(timings, "attention", [&] {
    return read_attended(options.attention, options.dump, tokenizer, options.figure.choice);
  });
  const Source source = source_of_dump(options.attention, options.vocabulary);
  same.require();
  return make_files(std::move(attended), prefix, options, source, findings, std::move(timings));
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
  if (!shown.queries.empty()) json["queries"] = shown.queries;
  if (!shown.ids.empty()) json["ids"] = shown.ids;
  json["tokens_cut"] = shown.n_tokens_cut;
  if (shown.n_prompt) json["prompt_tokens"] = *shown.n_prompt;
  for (const Continuation& token : shown.generated) json["generated"].push_back(json_of(token));
  json["layers"] = shown.n_heads.size();
  json["heads"] = shown.n_heads;
  if (!shown.kept.empty()) json["head_numbers"] = shown.kept;
  json["capture"] = shown.capture;
  json["files"] = nlohmann::json::array();
  for (const fs::path& file : shown.files) json["files"].push_back(file.string());
  for (const auto& [stage, time] : shown.timings_ms) json["timings_ms"][stage] = time;
  // A path may hold bytes that are no UTF-8; JSON cannot.
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace attnviz
