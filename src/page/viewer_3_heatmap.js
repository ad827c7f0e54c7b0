// Patterns to pixels: thumbnails, the large heatmap and its marks.

// Ends of the n cells or pixels that `pixels` pixels lie over: at least one each.
const spansOf = (n, pixels) => Int32Array.from({length: pixels + 1}, (_, p) => Math.floor((p * n) / pixels));

// What of a pattern is shown: {q, k, rows, columns}, from query q and key k on.
const whole = {q: firstQuery, k: 0, rows: nQueries, columns: nKeys};
const isWhole = ({rows, columns}) => rows === nQueries && columns === nKeys;

// How much wider than high an area is drawn. Its cells are square, unless it were a mere strip then.
const LONGEST = 2.5;
const aspectOf = ({rows, columns}) => Math.min(Math.max(columns / rows, 1 / LONGEST), LONGEST);

// As many of `pixels` as give each of n cells a whole number of them, where that costs little.
const wholeCells = (pixels, n, most) => (pixels % n < most ? pixels - (pixels % n) : pixels);

// The area's part of a pattern in width × height pixels, or as many as it has cells where these are
// fewer. Over more cells than pixels a pixel has the strongest, so that no strong cell disappears.
function pool(pattern, area, mostWide, mostHigh) {
  const {values} = pattern;
  const width = Math.max(1, Math.min(mostWide, area.columns));
  const height = Math.max(1, Math.min(mostHigh, area.rows));
  const across = spansOf(area.columns, width);
  const down = spansOf(area.rows, height);
  const pooled = new Int32Array(width * height).fill(BLANK);
  for (let y = 0; y < height; ++y) {
    for (let q = area.q + down[y]; q < area.q + down[y + 1]; ++q) {
      const row = rowStart(q);
      const end = rowEnd(q);
      for (let x = 0, at = y * width; x < width; ++x, ++at) {
        const from = area.k + across[x];
        const to = Math.min(area.k + across[x + 1], end);
        if (from >= to) break;
        let strongest = pooled[at];
        for (let k = from; k < to; ++k) {
          const value = values[row + k];
          if (value === BLANK) continue;
          if (strongest === BLANK || Math.abs(value) > Math.abs(strongest)) strongest = value;
        }
        pooled[at] = strongest;
      }
    }
  }
  return {width, height, values: pooled};
}

// Paints pooled values on a canvas of as many pixels.
function paintPooled(canvas, {width, height, values}, {table, shift}) {
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, {width, height});
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < pixels.length; ++i) {
    if (values[i] !== BLANK) pixels[i] = table[values[i] + shift];
  }
  context.putImageData(image, 0, 0);
}

// Where the heatmap of an area lies on a canvas that wide and at most that high: room for the labels
// is left free. Few tokens get cells of whole pixels, and each its label.
function frameOf(context, area, width, height, ratio) {
  const {rows, columns} = area;
  const isSmall = Math.min(width, height) < 480;
  const aspect = aspectOf(area);
  const guess = Math.min(width - 60, (height - 60) * aspect);
  const cell = {row: guess / aspect / rows, column: guess / columns};
  const isLabelled = {row: cell.row >= 9, column: cell.column >= 9};
  const sizeFor = (size) => (size >= 9 ? Math.round(Math.min(Math.max(size * 0.8, 9), 13)) : 11);
  const font = {row: sizeFor(cell.row), column: sizeFor(cell.column)};
  const most = isSmall ? 64 : 110;
  const roomFor = (tokens, size) => {
    context.font = `600 ${fontOf(size)}`; // as a token is named that is pointed at
    return Math.min(Math.ceil(Math.max(...tokens.map((parts) => labelWidth(context, parts)))) + 1, most);
  };
  const from = area.q - firstQuery;
  const rowTokens = queryTokens.slice(from, from + rows);
  const columnTokens = keyTokens.slice(area.k, area.k + columns);
  const room = {
    row: isLabelled.row ? roomFor(rowTokens, font.row) : isSmall ? 40 : 52,
    column: isLabelled.column ? roomFor(columnTokens, font.column) : 0,
  };
  const left = room.row + 8;
  const below = isLabelled.column ? room.column + 8 : 26;
  const mostWide = Math.min(width - left - 7, (height - below - 7) * aspect);
  let wide = Math.max(Math.floor(mostWide) * ratio, 16);
  if (wide > 3 * columns) wide = wholeCells(wide, columns, columns);
  let high = columns / rows === aspect ? (wide * rows) / columns : Math.max(Math.floor(wide / aspect), 16);
  if (high > 3 * rows) high = wholeCells(Math.round(high), rows, rows);
  // A row or column alone is not stretched into a wall.
  if (high / rows > wide / columns) high = Math.min(high, Math.max(48 * ratio, wide / columns) * rows);
  else wide = Math.min(wide, Math.max(48 * ratio, high / rows) * columns);
  wide = Math.round(wide) / ratio;
  high = Math.round(high) / ratio;
  return {
    area,
    left,
    top: 6,
    wide,
    high,
    cellWide: wide / columns,
    cellHigh: high / rows,
    room,
    font,
    isLabelled,
    width: left + wide + 2,
    height: high + below + 7,
  };
}

// Places on the canvas, and what is at one.
const xOf = ({left, area, cellWide}, k) => left + (k - area.k) * cellWide;
const yOf = ({top, area, cellHigh}, q) => top + (q - area.q) * cellHigh;
const keyAt = ({left, area, cellWide}, x) => area.k + Math.floor((x - left) / cellWide);
const queryAt = ({top, area, cellHigh}, y) => area.q + Math.floor((y - top) / cellHigh);

// Heatmap, numbers where there is room, the future's edge, the continuation's border, and the axes.
function drawHeatmap(context, pattern, frame, colouring, ink, ratio) {
  const {left, top, wide, high, area, cellWide, cellHigh} = frame;
  const cells = document.createElement("canvas");
  paintPooled(cells, pool(pattern, area, Math.round(wide * ratio), Math.round(high * ratio)), colouring);
  context.imageSmoothingEnabled = false;
  context.drawImage(cells, left, top, wide, high);
  if (numberSize(frame) >= 30) drawNumbers(context, pattern, frame, colouring);
  drawEdge(context, frame, ink);
  context.save();
  context.beginPath();
  context.rect(left, top, wide, high);
  context.clip();
  drawBorder(context, {x: xOf(frame, 0), y: yOf(frame, firstQuery), cellWide, cellHigh});
  context.restore();
  drawQueryAxis(context, frame, ink);
  drawKeyAxis(context, frame, ink);
}

// Numbers are about twice as wide as high.
const numberSize = ({cellWide, cellHigh}) => Math.min(cellWide, 2 * cellHigh);

function drawNumbers(context, pattern, frame, {range, threshold, table, shift}) {
  const {area} = frame;
  context.font = fontOf(Math.min(numberSize(frame) * (range.diverges ? 0.27 : 0.32), 14));
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (let q = area.q; q < area.q + area.rows; ++q) {
    for (let k = area.k; k < Math.min(area.k + area.columns, rowEnd(q)); ++k) {
      const value = valueAt(pattern, q, k);
      if (value === BLANK) continue;
      const weight = value / ONE;
      // Where nothing changed, nothing is said; a weight of 0.00 is one.
      if (Math.abs(weight) < Math.max(threshold, range.diverges ? 0.005 : 0)) continue;
      context.fillStyle = readableOn(table[value + shift]);
      context.fillText(decimals(weight, 2, range.diverges), xOf(frame, k + 0.5), yOf(frame, q + 0.5));
    }
  }
}

// A hairline around the panel and along the blank future: where white is a value too, and on dark
// paper, it shows where values end.
function drawEdge(context, frame, ink) {
  const {left, top, wide, high, area} = frame;
  context.strokeStyle = ink.line;
  context.lineWidth = 1;
  context.strokeRect(left - 0.5, top - 0.5, wide + 1, high + 1);
  if (!data.causal) return;
  context.save();
  context.beginPath();
  context.rect(left, top, wide, high);
  context.clip();
  context.beginPath();
  const end = area.q + area.rows;
  if (Math.min(frame.cellWide, frame.cellHigh) < 3) {
    context.moveTo(xOf(frame, area.q) + 1, yOf(frame, area.q));
    context.lineTo(xOf(frame, end) + 1, yOf(frame, end));
  } else {
    for (let q = area.q; q < end; ++q) {
      const x = xOf(frame, q + 1) + 0.5;
      context.lineTo(x, yOf(frame, q) - 0.5);
      context.lineTo(x, yOf(frame, q + 1) - 0.5);
    }
  }
  context.stroke();
  context.restore();
}

// Lines above the first query and left of the first key that are the model's own, as far as there are
// cells on both sides of them. {from, to} in cells from the pattern's upper left corner.
function borderLines() {
  if (nPrompt === undefined) return [];
  const row = nPrompt - firstQuery;
  const hasRow = isOwnQuery(nPrompt) && row > 0 && row < nQueries;
  const across = {from: [0, row], to: [data.causal ? nPrompt : nKeys, row]};
  const down = {from: [nPrompt, data.causal ? Math.max(row, 0) : 0], to: [nPrompt, nQueries]};
  return hasRow ? [across, down] : [down];
}

// A light grey line with darker sides is seen on every colour, and on paper.
function drawBorder(context, {x, y, cellWide, cellHigh}) {
  const place = ([k, q]) => [Math.round(x + k * cellWide) - 0.5, Math.round(y + q * cellHigh) - 0.5];
  for (const [width, style] of [
    [3, "rgba(0, 0, 0, 0.15)"],
    [1, "#b4b4b4"],
  ]) {
    context.lineWidth = width;
    context.strokeStyle = style;
    context.beginPath();
    for (const {from, to} of borderLines()) {
      context.moveTo(...place(from));
      context.lineTo(...place(to));
    }
    context.stroke();
  }
}

// What is pointed at or pinned: the query's row as far as it sees, the key's column from the first
// query that sees it, the cell where they meet.
function drawMarks(context, frame, {q, k, cell, matches}, mode) {
  const {left, top, wide, high, area, cellWide, cellHigh} = frame;
  const box = (q, k, rows, columns, colour) =>
    outline(context, xOf(frame, k), yOf(frame, q), columns * cellWide, rows * cellHigh, colour);
  context.save();
  context.beginPath();
  context.rect(left - 3, top - 3, wide + 6, high + 6);
  context.clip();
  context.fillStyle = inks[mode].ink;
  for (const {q, k} of matches) {
    if (q !== undefined) context.fillRect(left - 3, yOf(frame, q), 3, Math.max(cellHigh, 1.5));
    if (k !== undefined) context.fillRect(xOf(frame, k), top + high, Math.max(cellWide, 1.5), 3);
  }
  if (k !== undefined) box(columnStart(k), k, endQuery - columnStart(k), 1, "#f28e2b");
  if (q !== undefined) box(q, 0, 1, rowEnd(q), "#3a86ff");
  if (cell && mayAttend(cell.q, cell.k)) box(cell.q, cell.k, 1, 1, "#000000");
  context.restore();
  const isIn = (token, from, n) => token >= from && token < from + n;
  if (isIn(k, area.k, area.columns)) nameKey(context, frame, k, mode);
  if (isIn(q, area.q, area.rows)) nameQuery(context, frame, q, mode);
}

// Around the cells, never over them: cells narrower than the lines stay in sight. A light line under
// it lets it be seen on every colour.
function outline(context, x, y, width, height, colour) {
  const isThin = Math.min(width, height) < 6;
  const line = isThin ? 1 : 1.75;
  const grow = line / 2 + (isThin ? (6 - Math.min(width, height)) / 2 : 0);
  for (const [lineWidth, style] of [
    [line + (isThin ? 1 : 1.75), "rgba(255, 255, 255, 0.75)"],
    [line, colour],
  ]) {
    context.lineWidth = lineWidth;
    context.strokeStyle = style;
    context.strokeRect(x - grow, y - grow, width + 2 * grow, height + 2 * grow);
  }
}
