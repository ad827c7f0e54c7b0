#include <pugixml.hpp>
#include <sstream>

#include "attnviz/snapshot.h"
#include "run/output.h"

namespace attnviz {
namespace {

void add_case(pugi::xml_node suite, const SnapshotReport& report, const TextResult& text) {
  pugi::xml_node test = suite.append_child("testcase");
  test.append_attribute("name") = printable_in_xml(text.name).c_str();
  test.append_attribute("classname") = printable_in_xml("attnviz." + report.name).c_str();
  if (text.verdict == Verdict::same) return;
  pugi::xml_node fault = test.append_child(text.verdict == Verdict::failed ? "error" : "failure");
  fault.append_attribute("type") = std::string(to_string(text.verdict)).c_str();
  fault.append_attribute("message") = printable_in_xml(text.message).c_str();
  std::string details;
  for (const HeadChange& head : text.most_changed) details += sentence(head) + "\n";
  for (const FactChange& fact : text.facts) details += sentence(fact) + "\n";
  for (const auto& file : text.files) details += "picture: " + file.string() + "\n";
  fault.append_child(pugi::node_pcdata).set_value(printable_in_xml(details).c_str());
}

}  // namespace

// The schema that Jenkins, GitLab and GitHub's reporters share. Without times: the same results
// give the same bytes.
std::string to_junit(const SnapshotReport& report) {
  pugi::xml_document document;
  pugi::xml_node declaration = document.append_child(pugi::node_declaration);
  declaration.append_attribute("version") = "1.0";
  declaration.append_attribute("encoding") = "UTF-8";
  pugi::xml_node suites = document.append_child("testsuites");
  pugi::xml_node suite = suites.append_child("testsuite");
  suite.append_attribute("name") = printable_in_xml(report.name).c_str();
  suite.append_attribute("tests") = report.texts.size();
  suite.append_attribute("failures") =
      report.count(Verdict::changed) + report.count(Verdict::missing);
  suite.append_attribute("errors") = report.count(Verdict::failed);
  suite.append_attribute("skipped") = 0;
  for (const TextResult& text : report.texts) add_case(suite, report, text);
  std::ostringstream out;
  document.save(out, "  ", pugi::format_default, pugi::encoding_utf8);
  return out.str();
}

}  // namespace attnviz
