#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "attnviz/patterns.h"
#include "attnviz/text.h"
#include "attnviz/view.h"

namespace attnviz {

/// The patterns of one text by one model.
struct PageSet {
  std::string name;                   ///< tells it from the other
  const AttentionPatterns* patterns;  ///< never null; two sets may differ in layers and heads
};

/// What is known of a head beside its pattern.
struct PageHead {
  std::string name;  ///< L5H1
  std::vector<std::string> labels, flags, sentences;
  std::vector<std::pair<std::string, double>> scores;  ///< shares, 0 to 1: drawn as bars
};

/// What was found of a model's heads.
struct PageFindings {
  std::string model;  ///< its file's name; empty: the page's own
  std::vector<PageHead> heads;
};

/// What a page shows.
struct Page {
  std::string title, model, software;
  std::vector<std::string> notes = {};   ///< small lines below the title
  std::span<const Label> queries, keys;  ///< one per row, one per column
  /// The text of each of them; empty where it is no whole character.
  std::vector<std::string> query_words = {}, key_words = {};
  /// So many stood before them: a person counts from the text's first token on.
  LeftOut left_out = {};
  /// So many of the keys were given, the rest the model went on with by itself; none: all were.
  std::optional<std::int64_t> n_prompt = {};
  std::vector<PageSet> sets = {};  ///< one, or two to be compared: of the same positions
  PageFindings findings = {};
};

/// One HTML file that needs nothing else: all heads as thumbnails, each to be opened, with what a
/// token attends to and is attended by. It holds every weight, compressed, to 1/65535; where there
/// are more than four million to 1/4369, and then a note says so, as where some are no numbers.
/// Throws ShapeError where labels, words and patterns differ in number, or the sets are neither one
/// nor two.
[[nodiscard]] std::string encode_page(const Page& page);

/// A line of a list of pages.
struct PageLink {
  std::string file;  ///< relative to the list
  std::string name;
  std::int64_t n_tokens = 0;
};

/// One HTML file that lists others.
[[nodiscard]] std::string encode_page_list(const std::string& title,
                                           std::span<const PageLink> links);

}  // namespace attnviz
