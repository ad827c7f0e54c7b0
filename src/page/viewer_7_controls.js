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
        ? [chosen === all ? "over its heads" : "over the chosen heads"]
        : captionOf(name)),
  );
  document.title = (isOverview() ? "" : `${name} – `) + data.title;
  $("cells").setAttribute("aria-label", `Attention pattern ${name}: rows are queries, columns are keys`);
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

function zoom(factor, q = area.q + area.n / 2, k = area.k + area.n / 2) {
  const n = Math.min(nTokens, Math.max(Math.min(nTokens, 6), Math.round(area.n * factor)));
  moveArea(q - ((q - area.q) * n) / area.n, k - ((k - area.k) * n) / area.n, n);
}
function moveArea(q, k, n) {
  const within = (from) => Math.round(Math.min(Math.max(from, 0), nTokens - n));
  area = {q: within(q), k: within(k), n};
  redraw();
}

// Looks through the running text, so that what spans several tokens is found, and through the labels.
function search(wanted) {
  const needle = wanted.toLowerCase();
  const found = new Set();
  const lower = words.map((word) => word.toLowerCase());
  if (needle) {
    const starts = [];
    let length = 0;
    for (const word of lower) {
      starts.push(length);
      length += word.length;
    }
    const text = lower.join("");
    for (let at = text.indexOf(needle); at >= 0; at = text.indexOf(needle, at + 1)) {
      for (
        let token = starts.findLastIndex((start) => start <= at);
        token < nTokens && starts[token] < at + needle.length;
        ++token
      ) {
        if (lower[token]) found.add(token);
      }
    }
    for (let token = 0; token < nTokens; ++token)
      if (plainLabel(token).toLowerCase().includes(needle)) found.add(token);
  }
  matches = [...found].sort((a, b) => a - b);
  $("found").textContent = needle ? `${matches.length} found` : "";
  for (const [token, element] of tokenElements.entries())
    element.classList.toggle("is-match", found.has(token));
  if (matches.length) bringIntoView(matches[0]);
  redraw();
}

function nextMatch(step) {
  if (!matches.length) return;
  const at = matches.indexOf(state.pin?.q);
  const next = matches[((at < 0 && step < 0 ? 0 : at) + step + matches.length) % matches.length];
  if (state.pin?.q !== next) pin(next);
  $("found").textContent = `${matches.indexOf(next) + 1} of ${matches.length}`;
}

function footText() {
  return (
    "Rows are queries, columns are keys." + (data.causal ? " What lies after the query is left blank." : "")
  );
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
  $("whole").onclick = () => moveArea(0, 0, nTokens);
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
  listenToText($("text"));
  listenToText($("strongest"));
  listenToHeatmap($("marks"));
}

function turnLight() {
  document.documentElement.dataset.theme = mode() === "dark" ? "light" : "dark";
  redraw();
}

function listenToText(panel) {
  const tokenOf = ({target}) => target.closest("[role=option], button")?.token;
  panel.addEventListener("pointermove", (event) => {
    const token = tokenOf(event);
    pointAt(token === undefined ? null : {q: token, k: token, isToken: true});
  });
  panel.addEventListener("pointerleave", () => pointAt(null));
  panel.addEventListener("click", (event) => {
    const token = tokenOf(event);
    if (token !== undefined) pin(token);
  });
}

function listenToHeatmap(canvas) {
  let drag = null; // where the pointer went down, and the area then
  const place = ({offsetX, offsetY}) => {
    const q = tokenAt(frame, area.q, offsetY - frame.top);
    const k = tokenAt(frame, area.k, offsetX - frame.left);
    const isRow = q >= area.q && q < area.q + area.n;
    const isColumn = k >= area.k && k < area.k + area.n;
    if (isRow && isColumn) return {q, k};
    if (isRow && offsetX < frame.left) return {q, k: q, isToken: true};
    return isColumn && offsetY > frame.top + frame.side ? {q: k, k, isToken: true} : null;
  };
  canvas.addEventListener("pointerdown", (event) => {
    drag = {x: event.offsetX, y: event.offsetY, area, hasMoved: false};
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!frame) return;
    const x = event.offsetX - drag?.x;
    const y = event.offsetY - drag?.y;
    if (drag && event.buttons && (drag.hasMoved || Math.hypot(x, y) > 5) && area.n < nTokens) {
      drag.hasMoved = true;
      canvas.setPointerCapture(event.pointerId);
      moveArea(drag.area.q - y / frame.cell, drag.area.k - x / frame.cell, area.n);
    } else {
      pointAt(place(event));
    }
  });
  canvas.addEventListener("click", (event) => {
    const at = place(event);
    if (!drag?.hasMoved && at && mayAttend(at.q, at.k)) pin(at.q, at.k);
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
  0: () => moveArea(0, 0, nTokens),
  Escape: () => (state.pin ? change({pin: null}) : isOverview() || go({layer: null, head: null})),
};

function pinNext(step) {
  const next = (state.pin?.q ?? (step > 0 ? -1 : nTokens)) + step;
  if (next >= 0 && next < nTokens) pin(next);
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
  if (step && target === $("text")) pinNext(step);
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
    nTokens === 1 ? "1 token" : `${nTokens} tokens`,
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
  $("zoom").hidden = nTokens < 16;
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
