#include <pugixml.hpp>
#include <sstream>

#include "attnviz/file.h"
#include "attnviz/snapshot.h"
#include "run/output.h"

namespace attnviz {
namespace {

constexpr char kStyle[] = R"(
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 62rem; margin: 2rem auto;
  padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2.5rem }
table { border-collapse: collapse } td, th { text-align: left; padding: .25rem 1.2rem .25rem 0;
  border-bottom: 1px solid #ddd; vertical-align: top }
img { max-width: 100%; border: 1px solid #ddd }
iframe { width: 100%; height: 52rem; border: 1px solid #ddd } summary { cursor: pointer; padding: .5rem 0 }
.same { color: #2a6b2a } .changed { color: #b02318 } .missing, .failed { color: #96580a }
)";

pugi::xml_node add(pugi::xml_node parent, const char* tag, const std::string& text = "") {
  pugi::xml_node node = parent.append_child(tag);
  if (!text.empty()) {
    node.append_child(pugi::node_pcdata).set_value(printable_in_xml(text).c_str());
  }
  return node;
}

void add_verdict(pugi::xml_node parent, const char* tag, Verdict verdict) {
  const std::string name(to_string(verdict));
  add(parent, tag, name).append_attribute("class") = name.c_str();
}

void add_summary(pugi::xml_node body, const SnapshotReport& report) {
  pugi::xml_node table = add(body, "table");
  pugi::xml_node head = add(table, "tr");
  for (const char* title : {"Text", "Verdict", "What"}) add(head, "th", title);
  for (const TextResult& text : report.texts) {
    pugi::xml_node row = add(table, "tr");
    add(row, "td", text.name);
    add_verdict(row, "td", text.verdict);
    add(row, "td", text.message);
  }
}

void add_facts(pugi::xml_node body, const SnapshotReport& report) {
  const std::vector<FactChange> facts = report.facts();
  if (facts.empty()) return;
  add(body, "h2", "What else is another than it was");
  pugi::xml_node list = add(body, "ul");
  for (const FactChange& fact : facts) add(list, "li", sentence(fact));
}

void add_image(pugi::xml_node body, const std::string& name, const std::string& png) {
  pugi::xml_node image = add(body, "img");
  image.append_attribute("alt") = printable_in_xml(name).c_str();
  image.append_attribute("src") = ("data:image/png;base64," + base64_of(png)).c_str();
}

void add_text(pugi::xml_node body, const TextResult& text) {
  add(body, "h2", text.name);
  add(body, "p", text.message);
  if (!text.most_changed.empty()) {
    pugi::xml_node list = add(body, "ol");
    for (const HeadChange& head : text.most_changed) add(list, "li", sentence(head));
  }
  if (!text.picture.empty()) add_image(body, text.name + "_diff.png", text.picture);
  for (const auto& [name, png] : text.other_pictures) add_image(body, name, png);
  if (text.page.empty()) return;
  // A page within the page, so that one file is all there is to carry; by an address of its own,
  // since within srcdoc links to its own heads would lead to the report.
  pugi::xml_node details = add(body, "details");
  add(details, "summary", "All heads, before and after");
  pugi::xml_node frame = add(details, "iframe", " ");
  frame.append_attribute("title") = printable_in_xml(text.name).c_str();
  frame.append_attribute("loading") = "lazy";
  frame.append_attribute("src") = ("data:text/html;base64," + base64_of(text.page)).c_str();
}

}  // namespace

std::string to_html(const SnapshotReport& report) {
  pugi::xml_document document;
  document.append_child(pugi::node_doctype).set_value("html");
  pugi::xml_node html = document.append_child("html");
  html.append_attribute("lang") = "en";
  pugi::xml_node head = add(html, "head");
  add(head, "meta").append_attribute("charset") = "utf-8";
  add(head, "title", report.name + ": " + std::string(to_string(report.verdict())));
  add(head, "style", kStyle);
  pugi::xml_node body = add(html, "body");
  add_verdict(add(body, "h1", report.name + ": "), "span", report.verdict());
  add_summary(body, report);
  add_facts(body, report);
  for (const TextResult& text : report.texts) {
    if (text.verdict == Verdict::changed) add_text(body, text);
  }
  add(body, "p",
      "Made by attnviz " + version() +
          ". Weights are attention, 0 to 1; patterns show where a head reads, not what "
          "it writes.");
  std::ostringstream out;
  document.save(out, "", pugi::format_raw | pugi::format_no_declaration, pugi::encoding_utf8);
  return out.str();
}

}  // namespace attnviz
