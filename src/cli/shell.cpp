#include "shell.h"

#include <algorithm>
#include <cctype>
#include <functional>
#include <sstream>
#include <vector>

#include "attnviz/error.h"
#include "attnviz/run.h"
#include "commands.h"

namespace attnviz::cli {
namespace {

struct Word {
  std::vector<std::string> names;   ///< --out-dir, -o
  std::string value;                ///< how help writes its value; empty: it takes none
  std::vector<std::string> values;  ///< that are allowed; empty: any
  std::string what;
};

/// A command, or a command of a command.
struct Entry {
  std::string path;  ///< "heads", "snapshot check"; empty: the program itself
  std::string what, footer;
  std::vector<Word> options, positionals;
  std::vector<std::string> commands;
};

std::vector<std::string> values_of(CLI::Option& option) {
  std::vector<std::string> values;
  try {
    std::istringstream names(option.get_validator(0)->get_name());
    for (std::string name; std::getline(names, name, '|');) values.push_back(name);
  } catch (const CLI::OptionNotFound&) {
    // it has no validator
  }
  return values;
}

Word word_of(CLI::Option& option) {
  Word word;
  for (const std::string& name : option.get_lnames()) word.names.push_back("--" + name);
  for (const std::string& name : option.get_snames()) word.names.push_back("-" + name);
  if (word.names.empty()) word.names.push_back(option.get_name());
  word.value = option.get_option_text();
  word.value.erase(0, word.value.find_first_not_of(' '));
  if (option.get_type_size_max() == 0) word.value.clear();
  word.values = values_of(option);
  word.what = option.get_description();
  return word;
}

void add_entries(CLI::App& app, const std::string& path, std::vector<Entry>& entries) {
  Entry entry{path, app.get_description(), app.get_footer(), {}, {}, {}};
  for (CLI::Option* option : app.get_options()) {
    (option->get_positional() ? entry.positionals : entry.options).push_back(word_of(*option));
  }
  const auto subcommands = app.get_subcommands([](CLI::App*) { return true; });
  for (CLI::App* subcommand : subcommands) entry.commands.push_back(subcommand->get_name());
  entries.push_back(std::move(entry));
  for (CLI::App* subcommand : subcommands) {
    add_entries(*subcommand, path + (path.empty() ? "" : " ") + subcommand->get_name(), entries);
  }
}

std::vector<Entry> entries_of(CLI::App& app) {
  std::vector<Entry> entries;
  add_entries(app, "", entries);
  return entries;
}

std::string joined(const std::vector<std::string>& words, const std::string& separator) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : separator) + word;
  return text;
}

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size()) {
    text.replace(at, what.size(), with);
  }
  return text;
}

std::vector<std::string> names_of_options(const Entry& entry) {
  std::vector<std::string> names;
  for (const Word& option : entry.options) {
    names.insert(names.end(), option.names.begin(), option.names.end());
  }
  return names;
}

std::string last_word(const std::string& path) {
  return path.substr(path.find_last_of(' ') + 1);
}

/// In single quotes.
std::string in_quotes(const std::string& text) {
  return "'" + replaced(text, "'", "'\\''") + "'";
}

/// Of the words so far, which command they name: cases of a loop over them. A first word that is
/// none is a text, and the command show.
std::string command_cases(const std::vector<Entry>& entries) {
  std::string cases;
  for (const Entry& entry : entries) {
    if (entry.path.empty()) continue;
    const std::size_t space = entry.path.find_last_of(' ');
    const std::string parent = space == std::string::npos ? "" : entry.path.substr(0, space);
    cases += "      " + in_quotes(parent + " " + last_word(entry.path)) +
             ") command=" + in_quotes(entry.path) + " ;;\n";
  }
  return cases + "      ' -'*) ;;\n      ' '*) command='show' ;;\n";
}

std::string bash_completion(const std::vector<Entry>& entries) {
  std::string script =
      "# bash completion for attnviz\n"
      "_attnviz() {\n"
      "  local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command= word\n"
      "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
      "    case \"$command $word\" in\n";
  script += command_cases(entries);
  script +=
      "    esac\n"
      "  done\n"
      "  COMPREPLY=()\n"
      "  case \"$command $before\" in\n";
  for (const Entry& entry : entries) {
    for (const Word& option : entry.options) {
      if (option.values.empty()) continue;
      std::vector<std::string> patterns;
      for (const std::string& name : option.names)
        patterns.push_back(in_quotes(entry.path + " " + name));
      script += "    " + joined(patterns, "|") + ")\n      COMPREPLY=($(compgen -W " +
                in_quotes(joined(option.values, " ")) + " -- \"$current\"))\n      return ;;\n";
    }
  }
  script += "  esac\n  case \"$command\" in\n";
  for (const Entry& entry : entries) {
    std::vector<std::string> words = names_of_options(entry);
    words.insert(words.begin(), entry.commands.begin(), entry.commands.end());
    script += "    " + in_quotes(entry.path) + ") COMPREPLY=($(compgen -W " +
              in_quotes(joined(words, " ")) + " -- \"$current\")) ;;\n";
  }
  return script + "  esac\n}\ncomplete -o default -F _attnviz attnviz\n";
}

std::string fish_completion(const std::vector<Entry>& entries) {
  std::string script = "# fish completion for attnviz\n";
  for (const Entry& entry : entries) {
    std::string condition = "not __fish_seen_subcommand_from " + joined(entries[0].commands, " ");
    if (entry.path == "show") {  // also where no command is named
      condition += "; or __fish_seen_subcommand_from show";
    } else if (!entry.path.empty()) {
      condition = "__fish_seen_subcommand_from " +
                  replaced(entry.path, " ", "; and __fish_seen_subcommand_from ");
    }
    const std::string start = "complete -c attnviz -n " + in_quotes(condition);
    for (const Entry& inner : entries) {
      const bool is_own =
          std::count(entry.commands.begin(), entry.commands.end(), last_word(inner.path)) > 0 &&
          inner.path == entry.path + (entry.path.empty() ? "" : " ") + last_word(inner.path);
      if (is_own)
        script += start + " -a " + last_word(inner.path) + " -d " + in_quotes(inner.what) + "\n";
    }
    for (const Word& option : entry.options) {
      script += start;
      for (const std::string& name : option.names) {
        script += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      }
      if (!option.value.empty()) script += " -r";
      if (!option.values.empty()) script += " -f -a " + in_quotes(joined(option.values, " "));
      script += " -d " + in_quotes(option.what) + "\n";
    }
  }
  return script;
}

std::string zsh_completion(const std::vector<Entry>& entries) {
  std::string script =
      "#compdef attnviz\n"
      "# zsh completion for attnviz\n"
      "_attnviz() {\n"
      "  local command= word\n"
      "  for word in \"${(@)words[2,CURRENT-1]}\"; do\n"
      "    case \"$command $word\" in\n";
  script += command_cases(entries);
  script += "    esac\n  done\n  case \"$command\" in\n";
  // In a description brackets and colons would be read as parts of the specification.
  const auto plain = [](const std::string& text) {
    return replaced(replaced(replaced(text, "[", "("), "]", ")"), ":", " -");
  };
  for (const Entry& entry : entries) {
    script += "    " + in_quotes(entry.path) + ")\n      _arguments";
    for (const Word& option : entry.options) {
      for (const std::string& name : option.names) {
        std::string specification = name + "[" + plain(option.what) + "]";
        if (!option.values.empty()) {
          specification += ":value:(" + joined(option.values, " ") + ")";
        } else if (!option.value.empty()) {
          specification += ":value:_files";
        }
        script += " \\\n        " + in_quotes("*" + specification);
      }
    }
    script += entry.commands.empty()
                  ? " \\\n        '*:file:_files' ;;\n"
                  : " \\\n        " + in_quotes("*:command:(" + joined(entry.commands, " ") + ")") +
                        " ;;\n";
  }
  return script + "  esac\n}\n_attnviz \"$@\"\n";
}

/// A line of text in roff.
std::string roff(const std::string& text) {
  const std::string escaped = replaced(replaced(text, "\\", "\\e"), "-", "\\-");
  return escaped.starts_with('.') || escaped.starts_with('\'') ? "\\&" + escaped : escaped;
}

std::string roff_of(const Word& word, bool is_option) {
  std::string text = ".TP\n";
  for (std::size_t i = 0; i < word.names.size(); ++i) {
    text += std::string(i > 0 ? ", " : "") + (is_option ? "\\fB" : "\\fI") + roff(word.names[i]) +
            "\\fR";
  }
  if (!word.value.empty()) text += " \\fI" + roff(word.value) + "\\fR";
  return text + "\n" + roff(word.what) + "\n";
}

std::string page_of(const Entry& entry, const std::vector<Entry>& entries) {
  const std::string name =
      "attnviz" + (entry.path.empty() ? "" : "-" + replaced(entry.path, " ", "-"));
  std::string upper = name;
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](unsigned char c) { return char(std::toupper(c)); });
  std::string page =
      ".TH " + upper + " 1 \"\" \"attnviz " + version() + "\" \"attnviz\"\n.SH NAME\n" +
      roff(name) + " \\- " + roff(entry.what) + "\n.SH SYNOPSIS\n.B attnviz" +
      (entry.path.empty() ? "" : " " + roff(entry.path)) +
      (entry.commands.empty() ? "\n[\\fIOPTIONS\\fR]" : "\n\\fICOMMAND\\fR [\\fIOPTIONS\\fR]");
  for (const Word& positional : entry.positionals)
    page += " [\\fI" + roff(positional.names.front()) + "\\fR]";
  page += "\n";
  if (!entry.commands.empty()) page += ".SH COMMANDS\n";
  for (const std::string& command : entry.commands) {
    const std::string path = entry.path + (entry.path.empty() ? "" : " ") + command;
    const auto found = std::find_if(entries.begin(), entries.end(),
                                    [&](const Entry& one) { return one.path == path; });
    page += ".TP\n\\fB" + roff(command) + "\\fR\n" + roff(found->what) + " (see \\fB" +
            roff("attnviz-" + replaced(path, " ", "-")) + "\\fR(1))\n";
  }
  if (!entry.positionals.empty()) page += ".SH ARGUMENTS\n";
  for (const Word& positional : entry.positionals) page += roff_of(positional, false);
  page += ".SH OPTIONS\n";
  for (const Word& option : entry.options) page += roff_of(option, true);
  if (!entry.footer.empty()) {
    // As it stands: examples, and what follows them.
    page += ".SH EXAMPLES\n.nf\n";
    std::istringstream lines(entry.footer);
    for (std::string line; std::getline(lines, line);) {
      if (line.empty()) page += ".fi\n.SH NOTES\n.nf\n";
      if (!line.empty() && line != "Examples:") page += roff(line) + "\n";
    }
    page += ".fi\n";
  }
  return page;
}

}  // namespace

std::string completion(CLI::App& app, const std::string& shell) {
  const std::vector<Entry> entries = entries_of(app);
  if (shell == "bash") return bash_completion(entries);
  return shell == "fish" ? fish_completion(entries) : zsh_completion(entries);
}

std::string manual(CLI::App& app, const std::string& command) {
  const std::vector<Entry> entries = entries_of(app);
  for (const Entry& entry : entries) {
    const std::string name = entry.path.empty() ? "attnviz" : entry.path;
    if (name == command) return page_of(entry, entries);
  }
  throw UsageError("there is no command \"" + command + "\" to print the manual of");
}

}  // namespace attnviz::cli
