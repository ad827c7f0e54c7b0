// The running text, token by token: one, or where queries and keys are of different texts, two.

// What would be unseen, or turn what follows around, is shown by its label.
const isUnfit = (word) =>
  word === "" ||
  /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/.test(word);

// A token: {q, k}, the row and the column that are its own where it has such; its position in the
// text; its parts, word and element; isOwn: the model wrote it itself.
function makeToken(side, q, k, parts, given) {
  const position = k === undefined ? numberOfQuery(q) : numberOfKey(k);
  const word = isUnfit(given) ? plainLabel(parts) : given;
  const element = make("span", {role: "option", id: `${side}${position}`, "aria-selected": "false"});
  if (isUnfit(given)) element.append(...parts.map(markOr));
  else
    for (const part of given.split(/(\n)/))
      element.append(part === "\n" ? make("span", {class: "mark"}, "⏎\n") : part);
  const isOwn = k === undefined ? isOwnQuery(q) : isOwnKey(k);
  if (isOwn) {
    element.classList.add("is-own");
    element.setAttribute("aria-label", `${word}, ${OWN}`);
  }
  const token = {q, k, position, parts, word, element, isOwn, isToken: true};
  element.token = token;
  element.look = "";
  return token;
}
const OWN = "written by the model";

const keyTexts = keyTokens.map((parts, k) =>
  isOneText
    ? makeToken("t", k < firstQuery ? undefined : k, k, parts, data.words[k])
    : makeToken("k", undefined, k, parts, data.words[k]),
);
const queryTexts = isOneText
  ? keyTexts.slice(firstQuery)
  : queryTokens.map((parts, i) =>
      makeToken("q", firstQuery + i, undefined, parts, data.query_words[i]),
    );
const queryToken = (q) => queryTexts[q - firstQuery];
const keyToken = (k) => keyTexts[k];

// Each panel's tokens, and those of all.
const texts = isOneText ? [keyTexts] : [queryTexts, keyTexts];
const allTokens = texts.flat();

function buildText() {
  for (const [i, tokens] of texts.entries()) {
    const name = isOneText ? "The text" : ["The queries", "The keys"][i];
    const own = tokens.find(({isOwn}) => isOwn);
    const more = own ? `; from ${own.position} on ${OWN}` : "";
    const panel = i === 0 ? $("text") : $("text").cloneNode();
    if (i > 0) panel.id = "key-text";
    panel.setAttribute("aria-label", `${name}, token by token${more}`);
    panel.tokens = tokens;
    panel.append(...tokens.map(({element}) => element));
    if (!isOneText) $("texts").append(make("h3", {}, ["Queries", "Keys"][i]));
    $("texts").append(panel);
  }
}

// The token that is pinned or pointed at; of a cell, the query's.
const tokenOf = (place) => place && (place.q === undefined ? keyToken(place.k) : queryToken(place.q));

// A cell where a query and a key meet, not a token alone.
const isCell = ({q, k}) => q !== undefined && k !== undefined && !(isOneText && q === k);

// Tints what query `q` attends to and, where `k` is given, what attends to key `k`, as strong as the
// colour scale shows it. In a causal text the one lies before the token and the other after it.
function tintText(pattern, q, k, {range, threshold}) {
  for (const token of allTokens) {
    let tint = "";
    let bar = "";
    if (pattern && q !== undefined && token.k !== undefined && mayAttend(q, token.k))
      tint = tintOf(valueAt(pattern, q, token.k), "query");
    const isItself = q !== undefined && q === token.k;
    if (pattern && k !== undefined && token.q !== undefined && mayAttend(token.q, k) && !isItself) {
      const colour = tintOf(valueAt(pattern, token.q, k), "key");
      if (data.causal || !isOneText) tint = colour;
      else bar = colour;
    }
    const {element} = token;
    const look = `${tint}/${bar}`;
    if (look === element.look) continue;
    element.look = look;
    element.style.backgroundColor = tint;
    element.style.boxShadow = bar && `inset 0 -3px ${bar}`;
  }

  function tintOf(value, side) {
    const weight = value / ONE;
    if (value === BLANK || Math.abs(weight) < threshold) return "";
    const place = Math.min(Math.max(placeOf(weight, range), 0), 1);
    const strength = Math.round(16 * (range.diverges ? Math.abs(2 * place - 1) : place)) / 16; // few steps: most tokens stay as they are
    if (!strength) return "";
    const name = range.diverges ? (weight > 0 ? "more" : "less") : side;
    return `rgb(var(--${name}) / ${(strength * 0.6).toFixed(3)})`;
  }
}

// Scrolls the texts so that a place's tokens are seen.
function bringIntoView({q, k}) {
  const shown = isOneText ? [tokenOf({q, k})] : [queryToken(q), keyToken(k)];
  for (const {element} of shown.filter(Boolean)) {
    const panel = element.parentNode;
    const top = element.offsetTop - panel.offsetTop;
    if (top < panel.scrollTop || top + element.offsetHeight > panel.scrollTop + panel.clientHeight)
      panel.scrollTop = top - panel.clientHeight / 2;
  }
}

// Looks through a text, so that what spans several tokens is found, and through the labels.
function tokensWith(needle, tokens) {
  const found = new Set();
  if (!needle) return found;
  const lower = tokens.map(({word}) => word.toLowerCase());
  const starts = [];
  let length = 0;
  for (const word of lower) {
    starts.push(length);
    length += word.length;
  }
  const text = lower.join("");
  for (let at = text.indexOf(needle); at >= 0; at = text.indexOf(needle, at + 1)) {
    for (
      let i = starts.findLastIndex((start) => start <= at);
      i < tokens.length && starts[i] < at + needle.length;
      ++i
    ) {
      if (lower[i]) found.add(tokens[i]);
    }
  }
  for (const token of tokens) if (plainLabel(token.parts).toLowerCase().includes(needle)) found.add(token);
  return found;
}
