#include "relation_grammar.h"

#include <map>
#include <set>
#include <sstream>
#include <string_view>

namespace attnviz {
namespace {

// A grammar: each name stands for one of its alternatives, with the same chance. In an alternative,
// $name stands for another name's, ^ follows the target and * the query.
//
// Between a verb and its subject, a pronoun and its antecedent, are other nouns, and before them
// too. A noun's determiner is always the nearest, its verb nearly always: English has it so. Verbs
// are such that they take no clause ("who knew the girl slept"), are no participles where they
// stand, and adverbs follow no clause that they could belong to.
using Grammar = std::map<std::string_view, std::string_view>;

const Grammar& words() {
  static const Grammar kWords = {
      {"person",
       "farmer|doctor|teacher|soldier|lawyer|artist|driver|writer|priest|judge|singer|actor|nurse|"
       "pilot|student|officer|sailor|baker|painter|captain|hunter|merchant|servant|clerk|engineer"},
      {"male", "man|boy|king|prince|father|brother|uncle|husband|son|grandfather|monk|wizard"},
      {"female", "woman|girl|queen|princess|mother|sister|aunt|wife|daughter|lady|witch|nun"},
      {"place",
       "river|village|garden|bridge|church|harbor|castle|market|station|forest|tower|lake"},
      {"church", "bridge|church|castle|market|station|tower"},
      {"city", "Paris|London|Rome|Berlin|Boston|Texas|Italy|Spain"},
      {"thing",
       "box|table|book|bottle|knife|chair|lamp|bag|coat|clock|basket|mirror|carpet|drum|bucket|"
       "bell|hat|cup|plate|ladder|blanket|pillow|map|candle|boat|sword|guitar"},
      {"wood", "box|table|chair|basket|drum|bucket|cup|plate|ladder|boat|clock|guitar"},
      {"things", "apples|books|tickets|boots|coins|keys|letters|plates|shoes|flowers|stones"},
      {"kind", "young|tall|quiet|clever|poor|kind|brave|nervous|proud|lonely|famous"},
      {"size", "big|small|large|tiny|huge"},
      {"big", "big|small|large"},
      {"look", "ugly|heavy|cheap|dirty|clean|strange"},
      {"colour", "red|green|black|white|yellow|brown|blue"},
      {"det", "the|a|this|his|her|my|our|their|every|another"},
      {"the", "the|our|my|this"},
      {"slept",  // takes no object
       "slept|laughed|smiled|waited|cried|danced|sang|worked|spoke|prayed|rested|shouted|"
       "whispered"},
      {"admired",  // someone
       "admired|helped|followed|greeted|chased|hired|pushed|liked|thanked|praised|visited|blamed"},
      {"found", "found|bought|stole|carried|cleaned|lost|hid|sold|dropped|kept"},
      {"gave", "gave|showed|sent|brought|offered|handed|sold"},  // someone something
      {"bought", "bought|carried|cleaned|hid|dropped|sold|stole"},
      {"soon", "soon|suddenly|finally|secretly|later|quickly|quietly"},
  };
  return kWords;
}

const Grammar& phrases() {
  static const Grammar kPhrases = {
      {"when",
       "|yesterday|last night|in the morning|after the war|during the long storm|one cold day in "
       "winter|at the end of the summer"},
      {"whenever",
       "yesterday|last night|in the morning|after the war|during the long storm|one cold day in "
       "winter|at the end of the summer"},
      {"somebody", "the $person|the $kind $person"},
      {"as_usual", "as usual|once again|for no clear reason"},

      {"noun",
       "$det^ $thing*|$det^ $look $thing*|$det^ very $look $thing*|$det^ $size $colour $thing*|"
       "$det^ very $look $colour $thing*|$det^ $size old $colour $thing*|"
       "$det^ very $big old $colour $thing*|$det^ $size old $colour wooden $wood*|"
       "$det^ very $big old $colour wooden $wood*"},
      {"who",
       "$det^ $person*|$det^ $kind $person*|$det^ very $kind $person*|"
       "$det^ very $kind old $person*|$det^ $kind but very $kind $person*"},
      {"determiner",
       "$when $somebody $found $noun $as_usual|$when $somebody $slept near $noun $as_usual|"
       "$when $somebody $gave the $person $noun $as_usual|$whenever $who $slept $as_usual"},

      {"opening",
       "$when|in the house of the $person|after the speech of the $kind $person|"
       "near the garden of the $person"},
      {"between",
       "from $city|near the $person|near the old $church|behind the $person|behind the $kind "
       "$person|"
       "from $city $soon|near the $person $soon|with the $colour $thing $soon|"
       "from the $place near the $place|that the $person $admired|that the $kind $person $admired|"
       "who $admired the $person|who $admired the $kind $person|who $admired the $person from "
       "$city|who once $admired the very $kind $person"},
      {"subject",
       "$opening $the $person^ $between $slept* $as_usual|"
       "$opening $the $kind $person^ $between $slept* $as_usual"},

      {"alone", "lived alone|worked upstairs|slept there|arrived early|laughed loudly"},
      {"giver",
       "the $person|the $kind $person|the $person who $alone|the $person near the $place|"
       "the $person $soon"},
      {"taker",
       "him|them|the $person|the $kind $person|the $person who $alone|the $person from $city|"
       "the $kind $person near the $place"},
      {"gift",
       "a $thing*|the $thing*|a $look $thing*|the very $look $thing*|a $size $colour $thing*|"
       "the very $look $colour $thing*|a $size old $colour $thing*"},
      {"object", "$when $giver $found^ $gift $as_usual|$when $giver $gave^ $taker $gift $as_usual"},

      {"before",
       "because|when|before|after|just before|right after|soon after|even though|as soon as|"
       "on the day when"},
      {"there",
       "|without a word|in the garden|near the old bridge|very politely|in front of the church"},
      {"left", "left the house|heard the news|got the letter|lost the game|came home"},
      {"he",
       "$when the $male^ $admired the $female $there $before he* $left|"
       "$when the $female $admired the $male^ $there $before he* $left|"
       "$when the $male^ near the $female $slept $before he* $left|"
       "$when the $female near the $male^ $slept $before he* $left|"
       "$when the $male^ told the $female that he* $left"},
      {"she",
       "$when the $female^ $admired the $male $there $before she* $left|"
       "$when the $male $admired the $female^ $there $before she* $left|"
       "$when the $female^ near the $male $slept $before she* $left|"
       "$when the $male near the $female^ $slept $before she* $left|"
       "$when the $female^ told the $male that she* $left"},
      {"ago", "|yesterday|only yesterday|not long ago|quite early yesterday"},
      {"sold", "sold|gave|showed|offered|handed|brought"},
      {"for", "|very quickly|very quietly|once again"},
      {"old", "very old|quite heavy|rather cheap|so strange|too small"},
      {"it",
       "$ago $somebody $bought the $thing^ $for because it* was $old|"
       "$ago $somebody $sold the $thing^ to the $person because it* was $old|"
       "$ago $somebody $bought the $thing^ before the $person wanted it* again|"
       "$ago $somebody $sold the $thing^ to the $kind $person although it* was $old"},
      {"they",
       "$when the $male $bought the $things^ $for because they* were $old|"
       "$when the $female $bought the $things^ near the $place because they* were $old|"
       "$when the $male from $city $bought the $things^ without a word because they* were $old|"
       "$when the $female $bought the $things^ behind the old $church although they* were $old"},
      {"pronoun", "$he|$she|$it|$they"},
  };
  return kPhrases;
}

/// Words that a sentence may have twice.
bool is_small(const std::string& word) {
  static const std::set<std::string> kSmall = {
      "a",   "again", "because", "before", "behind", "but",  "early", "from", "he",
      "her", "his",   "in",      "it",     "my",     "near", "old",   "our",  "she",
      "of",  "that",  "the",     "their",  "they",   "this", "to",    "very", "who"};
  return kSmall.contains(word);
}

constexpr std::size_t kFewestWords = 8;
constexpr std::size_t kFirstQuery = 4;  // three words to choose from, and the first

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> parts;
  std::istringstream stream{std::string(text)};
  for (std::string part; std::getline(stream, part, at);) parts.push_back(part);
  return parts;
}

std::string_view alternatives_of(std::string_view name) {
  const auto word = words().find(name);
  return word != words().end() ? word->second : phrases().at(name);
}

void expand(std::string_view name, std::mt19937_64& random, Draft& draft) {
  const std::string_view all = alternatives_of(name);
  const std::vector<std::string> alternatives = split(all, '|');
  for (std::string part : split(alternatives[random() % alternatives.size()], ' ')) {
    if (part.empty()) continue;
    const char mark = part.back();
    if (mark == '^' || mark == '*') part.pop_back();
    if (part[0] == '$') {
      expand(part.substr(1), random, draft);
    } else {
      draft.words.push_back(part);
    }
    if (mark == '^') draft.target = draft.words.size() - 1;
    if (mark == '*') draft.query = draft.words.size() - 1;
  }
}

bool repeats_a_word(const Draft& draft) {
  std::set<std::string> seen;
  for (const std::string& word : draft.words) {
    if (!is_small(word) && !seen.insert(word).second) return true;
  }
  return false;
}

/// "an" before a vowel, a capital at the beginning, a full stop at the end.
void spell(Draft& draft) {
  for (std::size_t i = 0; i + 1 < draft.words.size(); ++i) {
    const char next = draft.words[i + 1][0];
    if (draft.words[i] == "a" && std::string_view("aeiou").find(next) != std::string_view::npos) {
      draft.words[i] = "an";
    }
  }
  char& first = draft.words[0][0];
  if (first >= 'a' && first <= 'z') first = static_cast<char>(first - 'a' + 'A');
  draft.words.emplace_back(".");
}

}  // namespace

Draft draw_sentence(Relation relation, std::mt19937_64& random) {
  Draft draft;
  do {
    draft = {};
    expand(to_string(relation), random, draft);
  } while (repeats_a_word(draft) || draft.words.size() < kFewestWords || draft.query < kFirstQuery);
  spell(draft);
  return draft;
}

std::string text_of(const Draft& draft) {
  std::string text = draft.words[0];
  for (std::size_t i = 1; i < draft.words.size(); ++i) {
    if (draft.words[i] != ".") text += ' ';
    text += draft.words[i];
  }
  return text;
}

}  // namespace attnviz
