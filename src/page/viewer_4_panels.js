// The parts of the page beside the large heatmap and the text: the strongest keys and queries, what is
// known of a head, and the overview's grid. Tokens are foreign text: they are only ever set as
// text content, never as markup.

const $ = (id) => document.getElementById(id);

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const markOr = ([text, isMark]) => (isMark ? make("span", {class: "mark"}, text) : text);
const labelOf = (parts) => make("bdi", {class: "token"}, ...parts.map(markOr));
const plainLabel = (parts) => parts.map(([text]) => text).join("");

// ---- the strongest keys of a query, the strongest queries of a key

const N_STRONGEST = 10;

function strongest(from, to, valueOf, threshold) {
  const found = [];
  for (let token = from; token < to; ++token) {
    const value = valueOf(token);
    if (value !== 0 && value !== BLANK && Math.abs(value) >= threshold * ONE) found.push({token, value});
  }
  return found
    .sort((a, b) => Math.abs(b.value) - Math.abs(a.value) || a.token - b.token)
    .slice(0, N_STRONGEST);
}
const strongestKeys = (pattern, q, threshold) =>
  strongest(0, rowEnd(q), (k) => valueAt(pattern, q, k), threshold);
const strongestQueries = (pattern, k, threshold) =>
  strongest(columnStart(k), endQuery, (q) => valueAt(pattern, q, k), threshold);

// tokenOf: the one that a key, or a query, is.
function showStrongest(list, found, tokenOf, diverges) {
  const most = Math.max(1, ...found.map(({value}) => Math.abs(value)));
  list.replaceChildren(
    ...found.map(({token: place, value}) => {
      const token = tokenOf(place);
      const bar = make("span", {class: "length"});
      bar.style.width = `${(100 * Math.abs(value)) / most}%`;
      const button = make(
        "button",
        {type: "button"},
        make("span", {class: "position"}, String(token.position)),
        labelOf(token.parts),
        make("span", {class: "room"}, bar),
        make("span", {class: "weight"}, decimals(value / ONE, 3, diverges)),
      );
      button.token = token;
      return make("li", {}, button);
    }),
  );
}

function heading(element, role, position, parts, words) {
  element.replaceChildren(`${role} ${position} `, labelOf(parts), ` ${words}`);
}

// ---- what is known of a head

function scoreOf(name, label) {
  return data.heads?.[name]?.scores?.find(([score]) => score === label)?.[1];
}

function captionOf(name) {
  const {labels = [], flags = []} = data.heads?.[name] ?? {};
  const score = scoreOf(name, labels[0]);
  const caption = [];
  if (labels.length)
    caption.push(
      make("span", {class: "found"}, labels[0] + (score === undefined ? "" : ` ${score.toFixed(2)}`)),
    );
  for (const flag of flags) caption.push(make("span", {class: "flag"}, flag));
  return caption;
}

function showFindings(name) {
  const {labels = [], flags = [], scores = [], sentences = []} = data.heads?.[name] ?? {};
  const parts = [];
  if (labels.length || flags.length) {
    parts.push(
      make(
        "p",
        {},
        ...labels.map((label) => make("span", {class: "found"}, label)),
        ...flags.map((flag) => make("span", {class: "flag"}, flag)),
      ),
    );
  }
  for (const sentence of sentences) parts.push(make("p", {}, sentence));
  if (scores.length) {
    parts.push(
      make(
        "table",
        {},
        ...scores.map(([score, value]) => {
          const bar = make("span", {class: "length"});
          bar.style.width = `${100 * Math.min(Math.max(value, 0), 1)}%`;
          return make(
            "tr",
            {},
            make("th", {scope: "row"}, score),
            make("td", {class: "room"}, bar),
            make("td", {class: "weight"}, value.toFixed(2)),
          );
        }),
      ),
    );
  }
  $("findings").replaceChildren(...(parts.length ? [make("h3", {}, `What ${name} does`), ...parts] : []));
}

// ---- the overview: layers × heads, and their mean or maximum at the right

let thumbs = []; // {layer, head, figure, link, canvas, pooled, largest, isDone, isInView}
let gridRun = 0;
const inView = new IntersectionObserver((entries) => {
  for (const {target, isIntersecting} of entries) target.thumb.isInView = isIntersecting;
});

function choice(text, heads) {
  const box = make("input", {type: "checkbox", "aria-label": `Choose ${text}`});
  box.heads = heads;
  return box;
}

function addThumb(layer, head) {
  const name = nameOf(layer, head);
  const canvas = make("canvas");
  const link = make("a", {href: `#${name}`}, canvas, ...borderLines().map(borderElement));
  const figure = make("figure", {}, link);
  const thumb = {layer, head, figure, link, canvas, name, isInView: false};
  if (typeof head === "number") {
    figure.append(choice(name, [name]));
    if (data.heads) figure.append(make("figcaption", {}, ...captionOf(name)));
  } else {
    figure.className = "combined";
  }
  link.setAttribute(
    "aria-label",
    [name, figure.querySelector("figcaption")?.innerText].filter(Boolean).join(", "),
  );
  link.thumb = figure.thumb = thumb;
  inView.observe(figure);
  thumbs.push(thumb);
  return figure;
}

// Over a thumbnail, whose canvas may have fewer pixels than a line needs.
function borderElement({from, to}) {
  const line = make("i", {class: from[0] === to[0] ? "down" : "across"});
  line.style.left = `${(100 * from[0]) / nKeys}%`;
  line.style.top = `${(100 * from[1]) / nQueries}%`;
  line.style.width = `${(100 * (to[0] - from[0])) / nKeys}%`;
  line.style.height = `${(100 * (to[1] - from[1])) / nQueries}%`;
  return line;
}

function placed(element, row, column) {
  element.style.gridArea = `${row} / ${column}`;
  return element;
}

// Of a row or column; its box chooses all of its heads, or none.
function gridTitle(kind, word, number, heads) {
  const text = make("span", {}, make("span", {class: "word"}, `${word} `), String(number));
  return make("label", {class: kind}, choice(`${word} ${number}`.trim(), heads), text);
}

function buildGrid(set, how) {
  inView.disconnect();
  thumbs = [];
  const layers = layerNumbers(set);
  const all = layers.map((layer) => headsOf(set, layer));
  const last = Math.max(1, ...all.flat().map((head) => head + 1)) + 2; // the column of the means
  const namesOf = (layer) => all[layer].map((head) => nameOf(layer, head));
  const select = make("select", {id: "how", "aria-label": "Over the chosen heads"});
  fill(
    select,
    [
      ["mean", "Mean"],
      ["max", "Max"],
    ],
    how,
  );
  const parts = [
    placed(gridTitle("row everything", "All", "", layers.flatMap(namesOf)), 1, 1),
    placed(select, 1, last),
  ];
  for (let head = 0; head + 2 < last; ++head) {
    const heads = layers.filter((layer) => all[layer].includes(head)).map((layer) => nameOf(layer, head));
    if (heads.length) parts.push(placed(gridTitle("column", "Head", head, heads), 1, head + 2));
  }
  for (const layer of layers) {
    parts.push(placed(gridTitle("row", "Layer", layer, namesOf(layer)), layer + 2, 1));
    for (const head of all[layer]) parts.push(placed(addThumb(layer, head), layer + 2, head + 2));
    parts.push(placed(addThumb(layer, how), layer + 2, last));
  }
  const total = layers.length + 2;
  parts.push(
    placed(
      make("span", {class: "row total"}, "All layers"),
      total,
      `${Math.max(last - 2, 1)} / auto / ${last}`,
    ),
  );
  parts.push(placed(addThumb("all", how), total, last));
  const grid = $("grid");
  grid.style.setProperty("--columns", last - 2);
  grid.style.setProperty("--n-queries", nQueries);
  grid.style.setProperty("--n-keys", nKeys);
  grid.style.setProperty("--aspect", aspectOf(whole));
  grid.columns = last - 1;
  grid.replaceChildren(...parts);
}

// As large as the columns allow, and few tokens in cells of whole pixels.
function sizeThumbs() {
  const grid = $("grid");
  const gap = 5;
  const aspect = aspectOf(whole);
  const rowTitle = document.documentElement.clientWidth < 700 ? 22 : 56;
  const room = Math.floor((grid.clientWidth - rowTitle - 8) / grid.columns - gap);
  let wide = Math.min(Math.max(room, 32), Math.round(168 * Math.sqrt(aspect)));
  wide = wholeCells(wide, nKeys, wide / 8);
  let high = Math.round(wide / aspect);
  high = wholeCells(high, nQueries, high / 8);
  grid.style.setProperty("--thumb", `${wide}px`);
  grid.style.setProperty("--high", `${high}px`);
  grid.classList.toggle("tiny", wide < 70);
  const pixels = [wide, high].map((length) => Math.round(length * devicePixelRatio));
  if (!isSame(pixels, grid.pixels)) for (const thumb of thumbs) thumb.isDone = false;
  grid.pixels = pixels;
}

// Draws what is not yet drawn, those in view first, without keeping the page from answering.
// show(thumb) paints one whose weights are there.
async function drawThumbs(set, chosen, show) {
  const run = ++gridRun;
  const waiting = new Set(thumbs.filter((thumb) => !thumb.isDone));
  while (waiting.size) {
    const thumb = [...waiting].find(({isInView}) => isInView) ?? [...waiting][0];
    const pattern = await patternOf(set, thumb.layer, thumb.head, chosen);
    if (run !== gridRun) return;
    thumb.pooled = pattern && pool(pattern, whole, ...$("grid").pixels);
    thumb.largest = pattern?.largest;
    thumb.isDone = true;
    waiting.delete(thumb);
    show(thumb);
    await breathe();
    if (run !== gridRun) return;
  }
}
