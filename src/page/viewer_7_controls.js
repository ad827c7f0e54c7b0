// What the user can do: controls, keys, pointer; and the beginning of it all.

function showControls() {
  const combined = typeof state.head === "string" || isOverview();
  const chosen = state.chosen.size;
  const all = allHeads().size;
  document.body.dataset.view = isOverview() ? "overview" : "head";
  $("overview").setAttribute("aria-pressed", isOverview());
  const layers = layerNumbers(state.set);
  fill($("layer"), [...layers.map((layer) => [layer, layer]), ["all", "all"]], state.layer);
  fill(
    $("head"),
    [
      ...(layers.includes(state.layer) ? headsOf(state.set, state.layer).map((head) => [head, head]) : []),
      ["mean", "mean"],
      ["max", "maximum"],
    ],
    state.head,
  );
  const tints =
    state.set === "difference"
      ? [
          ["more", `more weight ${data.sets[1].name}`],
          ["less", "less"],
        ]
      : [
          ["query", "attends to"],
          ["key", "is attended by"],
        ];
  if (nPrompt !== undefined) tints.push(["own", OWN]);
  $("legend").replaceChildren(...tints.map(([kind, text]) => make("span", {class: `as-${kind}`}, text)));
  for (const button of $("sets").children)
    button.setAttribute("aria-pressed", button.value === String(state.set));
  $("scale").value = state.scale;
  $("threshold").value = THRESHOLDS.findLastIndex((threshold) => threshold <= state.threshold);
  $("least").textContent = state.threshold || "none";
  const name = isOverview()
    ? "All heads"
    : typeof state.head === "number"
      ? nameOf(state.layer, state.head)
      : `${state.head === "mean" ? "Mean" : "Maximum"} of ${state.layer === "all" ? "all layers" : `layer ${state.layer}`}`;
  const over = chosen === all ? `over all ${all} heads` : `over ${chosen} of ${all} heads`;
  $("name").textContent = name;
  $("kind").replaceChildren(
    ...(isOverview()
      ? [`${layers.length} layers; the text shows the ${state.how === "mean" ? "mean" : "maximum"} ${over}`]
      : combined
        ? [
            (chosen === all ? "over its heads" : "over the chosen heads") +
              (hasBlanks ? ", in each cell those that show a weight" : ""),
          ]
        : captionOf(name)),
  );
  document.title = (isOverview() ? "" : `${name} – `) + data.title;
  const border = nPrompt === undefined ? "" : `, from ${nPrompt} on ${OWN}`;
  $("cells").setAttribute(
    "aria-label",
    `Attention pattern ${name}: rows are queries, columns are keys${border}`,
  );
  if (typeof state.head === "number") showFindings(name);
  else $("findings").replaceChildren();
}

function fill(select, options, value) {
  select.replaceChildren(...options.map(([value, text]) => make("option", {value}, String(text))));
  select.value = String(value);
}

// By `step` in the layer's heads, mean and maximum after them; or in the layers, all of them at last.
function moveHead(step) {
  const heads = [...(state.layer === "all" ? [] : headsOf(state.set, state.layer)), "mean", "max"];
  const next = heads[heads.indexOf(state.head) + step];
  if (next !== undefined) go({head: next});
}
function moveLayer(step) {
  const layers = [...layerNumbers(state.set), ...(typeof state.head === "string" ? ["all"] : [])];
  const next = layers[layers.indexOf(state.layer) + step];
  if (next !== undefined) openLayer(next);
}

// The same head of that layer, or where it has none, the nearest.
function openLayer(layer) {
  const heads = layer === "all" ? [] : headsOf(state.set, layer);
  const head =
    typeof state.head === "string" || heads.includes(state.head)
      ? state.head
      : heads.length
        ? heads.reduce((a, b) => (Math.abs(b - state.head) < Math.abs(a - state.head) ? b : a))
        : "mean";
  go({layer, head});
}

function zoom(factor, q = area.q + area.rows / 2, k = area.k + area.columns / 2) {
  const scaled = (n, all) => Math.min(all, Math.max(Math.min(all, 6), Math.round(n * factor)));
  const rows = scaled(area.rows, nQueries);
  const columns = scaled(area.columns, nKeys);
  moveArea({
    q: q - ((q - area.q) * rows) / area.rows,
    k: k - ((k - area.k) * columns) / area.columns,
    rows,
    columns,
  });
}
function moveArea({q, k, rows, columns}) {
  const within = (from, least, most) => Math.round(Math.min(Math.max(from, least), most));
  area = {
    q: within(q, firstQuery, endQuery - rows),
    k: within(k, 0, nKeys - columns),
    rows,
    columns,
  };
  redraw();
}

function search(wanted) {
  const needle = wanted.toLowerCase();
  const found = new Set(texts.flatMap((tokens) => [...tokensWith(needle, tokens)]));
  matches = allTokens.filter((token) => found.has(token));
  $("found").textContent = needle ? `${matches.length} found` : "";
  for (const token of allTokens) token.element.classList.toggle("is-match", found.has(token));
  if (matches.length) bringIntoView(matches[0]);
  redraw();
}

function nextMatch(step) {
  if (!matches.length) return;
  const pinned = tokenOf(state.pin);
  const at = matches.indexOf(pinned);
  const next = matches[((at < 0 && step < 0 ? 0 : at) + step + matches.length) % matches.length];
  if (pinned !== next) pin(next);
  $("found").textContent = `${matches.indexOf(next) + 1} of ${matches.length}`;
}

function footText() {
  const blank = [data.causal && "lies after the query", hasBlanks && "was left out"].filter(Boolean);
  return [
    "Rows are queries, columns are keys.",
    blank.length > 0 && `What ${blank.join(" or ")} is left blank.`,
    nPrompt !== undefined && `Beyond the lines: ${OWN}.`,
  ]
    .filter(Boolean)
    .join(" ");
}

function sizeText() {
  const counted = (n, one, many) => (n === 1 ? `1 ${one}` : `${n} ${many}`);
  if (!isOneText) return `${counted(nQueries, "query", "queries")}, ${counted(nKeys, "key", "keys")}`;
  return [
    counted(nKeys, "token", "tokens"),
    firstQuery > 0 && `queries from ${firstQuery} on`,
    nPrompt !== undefined && `${nKeys - nPrompt} ${OWN}`,
  ]
    .filter(Boolean)
    .join(", ");
}

// ---- events

function listen() {
  addEventListener("hashchange", () => {
    readAddress();
    refresh();
  });
  $("overview").onclick = () => go({layer: null, head: null});
  $("layer").onchange = ({target}) => openLayer(target.value === "all" ? "all" : Number(target.value));
  $("head").onchange = ({target}) =>
    go({head: /\d/.test(target.value) ? Number(target.value) : target.value});
  $("scale").onchange = ({target}) => change({scale: target.value});
  $("threshold").oninput = ({target}) => change({threshold: THRESHOLDS[target.value]});
  $("search").oninput = ({target}) => search(target.value);
  $("search").onkeydown = (event) => {
    if (event.key === "Enter") nextMatch(event.shiftKey ? -1 : 1);
    if (event.key === "Escape") {
      event.target.value = "";
      search("");
      event.target.blur();
      event.stopPropagation();
    }
  };
  $("sets").onclick = ({target}) =>
    target.value !== undefined &&
    showSet(target.value === "difference" ? "difference" : Number(target.value));
  $("choose").onclick = () =>
    $("choose").setAttribute("aria-pressed", $("grid").classList.toggle("choosing"));
  $("copy").onclick = copyPicture;
  $("save").onclick = savePicture;
  $("theme").onclick = turnLight;
  $("help").onclick = () => $("shortcuts").showModal();
  $("closer").onclick = () => zoom(0.6, state.pin?.q, state.pin?.k);
  $("farther").onclick = () => zoom(1 / 0.6);
  $("whole").onclick = () => moveArea(whole);
  $("grid").onchange = ({target}) => {
    if (target.id === "how") return change({how: target.value});
    const chosen = allHeads();
    for (const name of chosen)
      if (target.heads.includes(name) ? !target.checked : !state.chosen.has(name)) chosen.delete(name);
    change({chosen});
  };
  prefersDark.onchange = redraw;
  addEventListener("beforeprint", () => {
    isPrinting = true;
    redraw();
  });
  addEventListener("afterprint", () => {
    isPrinting = false;
    redraw();
  });
  addEventListener("resize", () => isOverview() || redraw());
  let width = $("stage").clientWidth;
  new ResizeObserver(() => {
    if ($("stage").clientWidth === width) return;
    width = $("stage").clientWidth;
    if (isOverview()) refresh();
    else redraw();
  }).observe($("stage"));
  addEventListener("keydown", onKey);
  listenToText($("texts"));
  listenToText($("strongest"));
  listenToHeatmap($("marks"));
}

function turnLight() {
  document.documentElement.dataset.theme = mode() === "dark" ? "light" : "dark";
  redraw();
}

function listenToText(panel) {
  const tokenUnder = ({target}) => target.closest("[role=option], button")?.token ?? null;
  panel.addEventListener("pointermove", (event) => pointAt(tokenUnder(event)));
  panel.addEventListener("pointerleave", () => pointAt(null));
  panel.addEventListener("click", (event) => {
    const token = tokenUnder(event);
    if (token) pin(token);
  });
}

function listenToHeatmap(canvas) {
  let drag = null; // where the pointer went down, and the area then
  const place = ({offsetX, offsetY}) => {
    const q = queryAt(frame, offsetY);
    const k = keyAt(frame, offsetX);
    const isRow = q >= area.q && q < area.q + area.rows;
    const isColumn = k >= area.k && k < area.k + area.columns;
    if (isRow && isColumn) return {q, k};
    if (isRow && offsetX < frame.left) return queryToken(q);
    return isColumn && offsetY > frame.top + frame.high ? keyToken(k) : null;
  };
  canvas.addEventListener("pointerdown", (event) => {
    drag = {x: event.offsetX, y: event.offsetY, area, hasMoved: false};
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!frame) return;
    const x = event.offsetX - drag?.x;
    const y = event.offsetY - drag?.y;
    if (drag && event.buttons && (drag.hasMoved || Math.hypot(x, y) > 5) && !isWhole(area)) {
      drag.hasMoved = true;
      canvas.setPointerCapture(event.pointerId);
      moveArea({...area, q: drag.area.q - y / frame.cellHigh, k: drag.area.k - x / frame.cellWide});
    } else {
      pointAt(place(event));
    }
  });
  canvas.addEventListener("click", (event) => {
    const at = place(event);
    if (!drag?.hasMoved && at && (at.isToken || mayAttend(at.q, at.k))) pin(at);
    drag = null;
  });
  canvas.addEventListener("pointerleave", () => pointAt(null));
  // A pinch on a trackpad comes as a wheel with Ctrl; the wheel alone scrolls the page.
  canvas.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const at = place(event);
      zoom(event.deltaY < 0 ? 0.8 : 1.25, at?.q, at?.k);
    },
    {passive: false},
  );
}

const keys = {
  "/": () => {
    $("search").focus();
    $("search").select();
  },
  "?": () => $("shortcuts").showModal(),
  o: () => go({layer: null, head: null}),
  m: () => go({layer: state.layer ?? "all", head: "mean"}),
  x: () => go({layer: state.layer ?? "all", head: "max"}),
  b: () => {
    const sets = data.sets.length > 1 ? [0, 1, "difference"] : [0];
    showSet(sets[(sets.indexOf(state.set) + 1) % sets.length]);
  },
  s: () => {
    const scales = ["figure", "panel", "unit", "log"];
    change({scale: scales[(scales.indexOf(state.scale) + 1) % 4]});
  },
  j: () => pinNext(1),
  k: () => pinNext(-1),
  c: copyPicture,
  d: turnLight,
  "+": () => zoom(0.6, state.pin?.q, state.pin?.k),
  "=": () => zoom(0.6, state.pin?.q, state.pin?.k),
  "-": () => zoom(1 / 0.6),
  0: () => moveArea(whole),
  Escape: () => (state.pin ? change({pin: null}) : isOverview() || go({layer: null, head: null})),
};

// In one of the texts, or through all.
function pinNext(step, tokens = allTokens) {
  const at = tokens.indexOf(tokenOf(state.pin));
  const next = tokens[(at < 0 && step < 0 ? tokens.length : at) + step];
  if (next) pin(next);
}

function onKey(event) {
  const {target, key} = event;
  if (
    event.ctrlKey ||
    event.metaKey ||
    event.altKey ||
    $("shortcuts").open ||
    target.matches("input:not([type=checkbox]), select")
  )
    return;
  const step = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1}[key];
  if (step && target.tokens) pinNext(step, target.tokens);
  else if (step && isOverview()) {
    if (!moveFocus(key, step)) return;
  } else if (step) (key === "ArrowLeft" || key === "ArrowRight" ? moveHead : moveLayer)(step);
  else if (Object.hasOwn(keys, key.length === 1 ? key.toLowerCase() : key))
    keys[key.length === 1 ? key.toLowerCase() : key]();
  else return;
  event.preventDefault();
}

// In the overview the arrows go from one thumbnail to the next; → begins, where the user was last.
// What they do not move, they scroll.
function moveFocus(key, step) {
  const here = document.activeElement.thumb;
  if (!here) {
    const isBeginning = key === "ArrowRight" && document.activeElement === document.body;
    if (isBeginning) (thumbs.find(({name}) => name === lastOpened) ?? thumbs[0]).link.focus();
    return isBeginning;
  }
  const isAcross = key === "ArrowLeft" || key === "ArrowRight";
  const line = thumbs.filter(({layer, head}) => (isAcross ? layer === here.layer : head === here.head));
  line[line.indexOf(here) + step]?.link.focus();
  return true;
}

// ---- the beginning

function start() {
  const nHeads = data.sets[0].layers.reduce((sum, {heads}) => sum + heads.length, 0);
  $("title").textContent = data.title;
  $("origin").textContent = [
    data.model,
    sizeText(),
    `${data.sets[0].layers.length} layers, ${nHeads} heads`,
    data.software,
  ]
    .filter(Boolean)
    .join(" · ");
  $("notes").append(
    ...[data.note ?? []]
      .flat()
      .filter(Boolean)
      .map((line) => make("p", {}, line)),
  );
  $("foot").textContent = footText();
  $("threshold").max = THRESHOLDS.length - 1;
  $("zoom").hidden = nMost < 16;
  if (data.sets.length > 1) {
    for (const [value, text] of [
      [0, data.sets[0].name],
      [1, data.sets[1].name],
      ["difference", "difference"],
    ]) {
      $("sets").append(make("button", {type: "button", value}, text));
    }
  }
  buildText();
  readAddress();
  listen();
  refresh();
}
start();
