// What is shown, the address that says it, and how it gets onto the page.

const allHeads = () =>
  new Set(
    layerNumbers(state.set).flatMap((layer) => headsOf(state.set, layer).map((head) => nameOf(layer, head))),
  );
const nameOf = (layer, head) =>
  (layer === "all" ? "" : `L${layer}`) + (typeof head === "number" ? `H${head}` : head);

const THRESHOLDS = [0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];
const defaultScale = nMost < 64 ? "figure" : "log";

const state = {
  set: 0, // or 1, or "difference"
  layer: null, // a number or "all"; null: the overview
  head: null, // a number, "mean" or "max"
  how: "mean", // what the overview combines heads by
  scale: defaultScale,
  threshold: 0,
  pin: null, // {q, k}: the query and key that stay marked: a cell's, or a token's, which may have but one
  chosen: new Set(), // names of the heads that mean and maximum are over
};
let hover = null; // {q, k}, and isToken where it is a token and no cell
let area = whole; // what of the pattern the large heatmap shows
let matches = []; // tokens that the search found
let current = null;
let colouring = null;
let frame = null;
let lastOpened = ""; // the name of a head
const isOverview = () => state.layer === null;

// ---- the address: #L3H5&q=7&show=after&scale=log&min=0.01&heads=L0,L2H1

function addressOf(wanted) {
  const parts = [
    wanted.layer === null ? (wanted.how === "max" ? "all-max" : "all") : nameOf(wanted.layer, wanted.head),
  ];
  const {q, k} = wanted.pin ?? {};
  if (q !== undefined) parts.push(`q=${numberOfQuery(q)}`);
  if (k !== undefined && !(isOneText && k === q)) parts.push(`k=${numberOfKey(k)}`);
  if (wanted.set !== 0)
    parts.push(`show=${wanted.set === 1 ? encodeURIComponent(data.sets[1].name) : wanted.set}`);
  if (wanted.scale !== defaultScale) parts.push(`scale=${wanted.scale}`);
  if (wanted.threshold) parts.push(`min=${wanted.threshold}`);
  const all = allHeads();
  if (wanted.chosen.size !== all.size) parts.push(`heads=${chosenInShort(wanted.chosen)}`);
  return "#" + parts.join("&");
}

// Layers of which all heads are chosen are named as a whole.
function chosenInShort(chosen) {
  return layerNumbers(state.set)
    .flatMap((layer) => {
      const names = headsOf(state.set, layer).map((head) => nameOf(layer, head));
      const some = names.filter((name) => chosen.has(name));
      return some.length === names.length ? [`L${layer}`] : some;
    })
    .join(",");
}

function readAddress() {
  const [place, ...rest] = location.hash.slice(1).split("&");
  const given = Object.fromEntries(new URLSearchParams(rest.join("&")));
  state.set =
    given.show === "difference" && data.sets.length > 1
      ? "difference"
      : Math.max(
          0,
          data.sets.findIndex(({name}) => name !== "" && name === given.show),
        );
  const [, layer, head] = /^(?:L(\d+))?(?:H?(\d+|mean|max))?$/.exec(place) ?? [];
  state.layer = state.head = null;
  if (head !== undefined) {
    state.layer = layer === undefined ? "all" : Number(layer);
    state.head = /\d/.test(head) ? Number(head) : head;
    if (layer !== undefined && !(state.layer in layerNumbers(state.set))) state.layer = null;
  }
  if (place === "all-max") state.how = "max";
  if (place === "all") state.how = "mean";
  const within = (text, before, from, to) => {
    const place = /^\d+$/.test(text) ? Number(text) - before : NaN;
    return place >= from && place < to ? place : undefined;
  };
  state.pin = placeOfPair(
    within(given.q, outOfQueries, firstQuery, endQuery),
    within(given.k, outOfKeys, 0, nKeys),
  );
  state.scale = ["figure", "panel", "unit", "log"].includes(given.scale) ? given.scale : defaultScale;
  state.threshold = Math.min(Math.max(Number(given.min) || 0, 0), 1);
  state.chosen = allHeads();
  if (given.heads !== undefined) {
    const wanted = given.heads.split(",");
    state.chosen = new Set(
      [...state.chosen].filter((name) => wanted.includes(name) || wanted.includes(name.split("H")[0])),
    );
  }
}

// What a query and a key name, where one or both are given.
function placeOfPair(q, k) {
  if (q !== undefined && k !== undefined) return {q, k};
  const token = q === undefined ? keyToken(k) : queryToken(q);
  return token ? {q: token.q, k: token.k} : null;
}

// Going to another head is a step that the browser's Back takes back; the rest is not.
function go(changes) {
  location.hash = addressOf({...state, ...changes});
}
function change(changes) {
  Object.assign(state, changes);
  history.replaceState(null, "", addressOf(state));
  refresh();
}

// One may have heads that the other has not: all stay all.
function showSet(set) {
  const were = state.chosen;
  const wasAll = were.size === allHeads().size;
  state.set = set;
  const all = allHeads();
  change({chosen: wasAll ? all : new Set([...all].filter((name) => were.has(name)))});
}

// ---- drawing

let refreshes = 0;
let gridShown = "";

async function refresh() {
  const run = ++refreshes;
  showControls();
  const [layer, head] = isOverview() ? ["all", state.how] : [state.layer, state.head];
  if (isOverview()) updateGrid().catch(tell);
  else {
    ++gridRun; // what is left to draw there waits
    lastOpened = nameOf(layer, head);
  }
  try {
    const pattern = await patternOf(state.set, layer, head, state.chosen);
    const largest = state.scale === "figure" ? await largestOfFigure(state.set) : (pattern?.largest ?? ONE);
    if (run !== refreshes) return;
    current = pattern;
    colouring = colouringOf(rangeOf(state.scale, largest, state.set === "difference"), state.threshold);
    redraw();
    if (!hover && state.pin) bringIntoView(state.pin);
    document.body.dataset.ready = location.hash;
  } catch (problem) {
    tell(problem);
  }
}

function tell(problem) {
  $("readout").textContent = `The patterns cannot be read: ${problem.message}`;
}

const mode = () =>
  isPrinting ? "light" : document.documentElement.dataset.theme || (prefersDark.matches ? "dark" : "light");
const prefersDark = matchMedia("(prefers-color-scheme: dark)");
let isPrinting = false;

function sizeCanvas(canvas, width, height, ratio) {
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}

function redraw() {
  if (!colouring) return;
  drawLegend();
  if (!isOverview()) {
    const width = $("panel").clientWidth;
    const ratio = devicePixelRatio;
    const inWindow = innerHeight - $("panel").getBoundingClientRect().top - scrollY - 66;
    const height = Math.max(inWindow, Math.min(width, 560)); // in a low window it is better scrolled than small
    frame = frameOf($("cells").getContext("2d"), area, width, height, ratio);
    const context = sizeCanvas($("cells"), frame.width, frame.height, ratio);
    sizeCanvas($("marks"), frame.width, frame.height, ratio);
    $("marks").style.touchAction = isWhole(area) ? "auto" : "none"; // a finger moves what is not all in view
    const {left, top, cellWide, cellHigh} = frame;
    $("cells").dataset.frame = JSON.stringify({left, top, cellWide, cellHigh, ...area});
    if (current) drawHeatmap(context, current, frame, colouring, inks[mode()], ratio);
  }
  showFocus();
}

function drawLegend() {
  const width = 280;
  const context = sizeCanvas($("bar"), width, 46, devicePixelRatio);
  drawBar(context, legendRange(), 20, 0, width - 40, inks[mode()]);
  const {low, high} = colouring.range;
  $("bar").setAttribute("aria-label", `Colours from ${decimals(low, 3)} to ${decimals(high, 3)}`);
}
const legendRange = () => ({...colouring.range, eachItsOwn: isOverview() && state.scale === "panel"});

// The grid is built anew only for what changes its shape; thumbnails, for what changes their weights.
async function updateGrid() {
  const shape = `${state.set}/${state.how}`;
  const chosen = [...state.chosen].join();
  if (shape !== gridShown) buildGrid(state.set, state.how);
  else if (chosen !== $("grid").chosen)
    for (const thumb of thumbs) if (typeof thumb.head !== "number") thumb.isDone = false;
  gridShown = shape;
  $("grid").chosen = chosen;
  sizeThumbs();
  showChosen();
  const [, ...rest] = addressOf(state).split("&");
  for (const {link, name} of thumbs) link.href = [`#${name}`, ...rest].join("&");
  const diverges = state.set === "difference";
  const shared =
    state.scale === "figure"
      ? colouringOf(rangeOf("figure", await largestOfFigure(state.set), diverges), state.threshold)
      : state.scale === "panel"
        ? null
        : colouringOf(rangeOf(state.scale, ONE, diverges), state.threshold);
  const show = (thumb) => {
    thumb.link.classList.toggle("empty", !thumb.pooled);
    if (thumb.pooled)
      paintPooled(
        thumb.canvas,
        thumb.pooled,
        shared ?? colouringOf(rangeOf("panel", thumb.largest, diverges), state.threshold),
      );
  };
  for (const thumb of thumbs) if (thumb.isDone) show(thumb);
  await drawThumbs(state.set, state.chosen, show);
}

function showChosen() {
  for (const box of $("grid").querySelectorAll("input")) {
    const n = box.heads.filter((name) => state.chosen.has(name)).length;
    box.checked = n === box.heads.length;
    box.indeterminate = n > 0 && n < box.heads.length;
  }
  for (const {figure, head, name} of thumbs)
    figure.classList.toggle("left-out", typeof head === "number" && !state.chosen.has(name));
}

// ---- what is pointed at

// The cell that is read out: the one pointed at; between a pinned token and another, their cell; of a
// token alone, its strongest key or, of one that is no query, its strongest query.
function cellToRead() {
  const {pin} = state;
  if (hover && !hover.isToken) return hover;
  if (pin && hover) {
    const from = {q: pin.q, k: hover.k};
    const to = {q: hover.q, k: pin.k};
    const isThere = ({q, k}) => q !== undefined && k !== undefined;
    if (isThere(from) && (mayAttend(from.q, from.k) || !isThere(to))) return from;
    if (isThere(to)) return to;
  } else if (pin && isCell(pin)) return pin;
  const token = hover ?? pin;
  if (!token || !current) return null;
  const [first] =
    token.q === undefined ? strongestQueries(current, token.k, 0) : strongestKeys(current, token.q, 0);
  if (!first) return null;
  return token.q === undefined
    ? {q: first.token, k: token.k, isStrongest: true}
    : {q: token.q, k: first.token, isStrongest: true};
}

function showFocus() {
  if (!colouring) return; // nothing is read yet
  const focus = state.pin ?? hover;
  const cell = cellToRead();
  if (frame && !isOverview()) {
    const canvas = $("marks");
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, canvas.width, canvas.height);
    drawMarks(
      context,
      frame,
      {q: focus?.q, k: focus?.k, cell: cell?.isStrongest ? null : cell, matches},
      mode(),
    );
  }
  const grid = $("grid");
  grid.classList.toggle("has-query", focus?.q !== undefined);
  grid.classList.toggle("has-key", focus?.k !== undefined);
  grid.style.setProperty("--row", focus?.q - firstQuery);
  grid.style.setProperty("--column", focus?.k);
  // Of a cell in one text its row alone: both would lie over each other.
  tintText(current, focus?.q, focus && isOneText && isCell(focus) ? undefined : focus?.k, colouring);
  markToken("is-query", queryToken(focus?.q));
  markToken("is-key", keyToken(focus?.k));
  markToken("is-other", hover?.isToken && state.pin ? tokenOf(hover) : undefined);
  showReadout(cell);
  showLists(focus);
}

function markToken(kind, token) {
  const marked = markToken[kind];
  if (marked === token) return;
  marked?.element.classList.remove(kind);
  token?.element.classList.add(kind);
  markToken[kind] = token;
}

function showReadout(cell) {
  const readout = $("readout");
  if (!current)
    return readout.replaceChildren(
      typeof state.head === "number" ? "There is no such head here." : "No head is chosen here.",
    );
  if (!cell)
    return readout.replaceChildren(
      make(
        "span",
        {class: "hint"},
        isOverview()
          ? "Point at a token of the text; open a head."
          : "Point at a token or a cell; click to pin it.",
      ),
    );
  const parts = [
    make("span", {class: "as-query"}, `query ${numberOfQuery(cell.q)} `, labelOf(queryParts(cell.q))),
    " → ",
    make("span", {class: "as-key"}, `key ${numberOfKey(cell.k)} `, labelOf(keyParts(cell.k))),
    " ",
  ];
  if (mayAttend(cell.q, cell.k)) {
    const value = valueAt(current, cell.q, cell.k);
    if (value === BLANK) parts.push(make("span", {class: "hint"}, "left out"));
    else parts.push(make("b", {}, decimals(value / ONE, 3, current.diverges)), " ");
    if (cell.isStrongest) parts.push(make("span", {class: "hint"}, "its strongest"));
  } else {
    parts.push(make("span", {class: "hint"}, "in its future"));
  }
  readout.replaceChildren(...parts);
}

function showLists(focus) {
  $("strongest").hidden = isOverview() || !focus || !current;
  if ($("strongest").hidden) return;
  const {q, k} = focus;
  const hasQuery = q !== undefined;
  const hasKey = k !== undefined;
  $("keys").parentNode.hidden = !hasQuery;
  $("queries").parentNode.hidden = !hasKey;
  const {threshold} = state;
  if (hasQuery) {
    heading($("keys-of"), "Query", numberOfQuery(q), queryParts(q), "attends to");
    showStrongest($("keys"), strongestKeys(current, q, threshold), keyToken, current.diverges);
  }
  if (hasKey) {
    heading($("queries-of"), "Key", numberOfKey(k), keyParts(k), "is attended by");
    showStrongest($("queries"), strongestQueries(current, k, threshold), queryToken, current.diverges);
  }
}

// Answers at the next frame, once, however many events come before it.
let isDue = false;
function pointAt(where) {
  if (hover?.q === where?.q && hover?.k === where?.k && hover?.isToken === where?.isToken) return;
  hover = where;
  if (isDue) return;
  isDue = true;
  requestAnimationFrame(() => {
    isDue = false;
    if (hover && !hover.isToken && !state.pin) bringIntoView(hover);
    showFocus();
  });
}

function pin({q, k}) {
  const isPinned = state.pin?.q === q && state.pin?.k === k;
  change({pin: isPinned ? null : {q, k}});
  for (const {element} of allTokens)
    if (element.getAttribute("aria-selected") === "true") element.setAttribute("aria-selected", "false");
  const token = tokenOf({q, k});
  for (const {element} of isOneText ? [token] : [queryToken(q), keyToken(k)].filter(Boolean)) {
    element.parentNode.setAttribute("aria-activedescendant", element.id);
    if (!isPinned) element.setAttribute("aria-selected", "true");
  }
  if (isPinned) return say("unpinned");
  bringIntoView({q, k});
  if (!current) return;
  const name = `${token.position} ${plainLabel(token.parts)}${token.isOwn ? `, ${OWN},` : ""}`;
  const [role, words, found, other] =
    q === undefined
      ? ["key ", "is attended by", strongestQueries(current, k, 0), queryParts]
      : [isOneText ? "" : "query ", "attends to", strongestKeys(current, q, 0), keyParts];
  const strongest = found
    .slice(0, 3)
    .map(({token, value}) => `${plainLabel(other(token))} ${(value / ONE).toFixed(2)}`);
  say(`${role}${name} ${words} ${strongest.join(", ") || "nothing that is shown"}`);
}

// For those who hear the page instead of seeing it.
const say = (text) => {
  $("said").textContent = text;
};
