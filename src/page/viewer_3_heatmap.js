// Patterns to pixels: thumbnails, the large heatmap with its axes and marks, the colour bar.

// Ends of the n cells or pixels that `pixels` pixels lie over: at least one each.
const spansOf = (n, pixels) => Int32Array.from({length: pixels + 1}, (_, p) => Math.floor((p * n) / pixels));

// The part of a pattern within area {q, k, n}, n × n cells, in side × side pixels or n × n where that is
// fewer. Over more cells than pixels a pixel has the strongest, so that no strong cell disappears.
function pool(pattern, area, side) {
  const {values} = pattern;
  const size = Math.max(1, Math.min(side, area.n));
  const spans = spansOf(area.n, size);
  const pooled = new Int32Array(size * size).fill(UNSEEN);
  for (let y = 0; y < size; ++y) {
    for (let q = area.q + spans[y]; q < area.q + spans[y + 1]; ++q) {
      const row = rowStart(q);
      const end = rowEnd(q);
      for (let x = 0, at = y * size; x < size; ++x, ++at) {
        const from = area.k + spans[x];
        const to = Math.min(area.k + spans[x + 1], end);
        if (from >= to) break;
        let strongest = pooled[at];
        for (let k = from; k < to; ++k) {
          const value = values[row + k];
          if (strongest === UNSEEN || Math.abs(value) > Math.abs(strongest)) strongest = value;
        }
        pooled[at] = strongest;
      }
    }
  }
  return {size, values: pooled};
}

// Paints pooled values on a canvas of as many pixels.
function paintPooled(canvas, pooled, {table, shift}) {
  if (canvas.width !== pooled.size || canvas.height !== pooled.size)
    canvas.width = canvas.height = pooled.size;
  const context = canvas.getContext("2d");
  const image = context.createImageData(pooled.size, pooled.size);
  const pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < pixels.length; ++i) {
    if (pooled.values[i] !== UNSEEN) pixels[i] = table[pooled.values[i] + shift];
  }
  context.putImageData(image, 0, 0);
}

// A token's label from (x, y) on, or ending there, cut to `room`; marks of invisible characters in `soft`.
function drawLabel(context, parts, x, y, {room, end, ink, soft}) {
  const width = (text) => context.measureText(text).width;
  let left = room;
  let shown = [];
  for (const [text, isMark] of parts) {
    let rest = text;
    if (width(text) > left) {
      const characters = [...text];
      while (characters.length && width(characters.join("") + "…") > left) characters.pop();
      rest = characters.join("") + "…";
    }
    shown.push([rest, isMark]);
    left -= width(rest);
    if (rest !== text) break;
  }
  context.textBaseline = "middle";
  context.textAlign = "left";
  let at = end ? x - (room - left) : x;
  for (const [text, isMark] of shown) {
    context.fillStyle = isMark ? soft : ink;
    context.fillText(text, at, y);
    at += width(text);
  }
  return room - left;
}

const labelWidth = (context, parts) =>
  parts.reduce((sum, [text]) => sum + context.measureText(text).width, 0);

// The smallest of 1, 2, 5 times a power of ten that is not below `least`.
function roundStep(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].find((factor) => factor * power >= least * (1 - 1e-9)) * power;
}

// Where the heatmap of an area lies on a canvas that wide and at most that high: room for the labels
// is left free. Few tokens get cells of whole pixels, and each its label.
function frameOf(context, area, width, height, ratio) {
  const isSmall = Math.min(width, height) < 480;
  const guess = (Math.min(width, height) - 60) / area.n;
  const labelled = guess >= 9;
  const font = labelled ? Math.round(Math.min(Math.max(guess * 0.8, 9), 13)) : 11;
  const most = isSmall ? 64 : 110;
  context.font = `600 ${fontOf(font)}`; // as a token is named that is pointed at
  let room = isSmall ? 40 : 52;
  if (labelled) {
    const shown = [
      ...data.tokens.slice(area.q, area.q + area.n),
      ...data.tokens.slice(area.k, area.k + area.n),
    ];
    room = Math.min(Math.ceil(Math.max(...shown.map((parts) => labelWidth(context, parts)))) + 1, most);
  }
  const left = room + 8;
  const below = labelled ? left : 26;
  let side = Math.max(Math.floor(Math.min(width - left, height - below) - 7) * ratio, 16);
  if (side > 3 * area.n) side = Math.floor(side / area.n) * area.n;
  side = Math.round(side) / ratio;
  return {
    area,
    left,
    top: 6,
    side,
    cell: side / area.n,
    room,
    font,
    labelled,
    width: left + side + 2,
    height: side + below + 7,
  };
}

// The token at a place in the frame's rows or columns.
const tokenAt = (frame, from, distance) => from + Math.floor(distance / frame.cell);

// Heatmap, numbers where there is room, the future's edge, and the axes.
function drawHeatmap(context, pattern, frame, colouring, ink, ratio) {
  const {left, top, side, area, cell} = frame;
  const cells = document.createElement("canvas");
  paintPooled(cells, pool(pattern, area, Math.round(side * ratio)), colouring);
  context.imageSmoothingEnabled = false;
  context.drawImage(cells, left, top, side, side);
  if (cell >= 30) drawNumbers(context, pattern, frame, colouring);
  drawEdge(context, frame, ink);
  if (frame.labelled) drawTokenAxes(context, frame, ink);
  else drawPositionAxes(context, frame, ink);
}

function drawNumbers(context, pattern, {left, top, area, cell}, {range, threshold, table, shift}) {
  context.font = fontOf(Math.min(cell * (range.diverges ? 0.27 : 0.32), 14));
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (let q = area.q; q < area.q + area.n; ++q) {
    for (let k = area.k; k < Math.min(area.k + area.n, rowEnd(q)); ++k) {
      const value = valueAt(pattern, q, k);
      const weight = value / ONE;
      // Where nothing changed, nothing is said; a weight of 0.00 is one.
      if (Math.abs(weight) < Math.max(threshold, range.diverges ? 0.005 : 0)) continue;
      context.fillStyle = readableOn(table[value + shift]);
      context.fillText(
        decimals(weight, 2, range.diverges),
        left + (k - area.k + 0.5) * cell,
        top + (q - area.q + 0.5) * cell,
      );
    }
  }
}

// A hairline around the panel and along the blank future: where white is a value too, and on dark
// paper, it shows where values end.
function drawEdge(context, {left, top, side, area, cell}, ink) {
  context.strokeStyle = ink.line;
  context.lineWidth = 1;
  context.strokeRect(left - 0.5, top - 0.5, side + 1, side + 1);
  if (!data.causal) return;
  context.save();
  context.beginPath();
  context.rect(left, top, side, side);
  context.clip();
  context.beginPath();
  const x = (k) => left + (k - area.k) * cell;
  const y = (q) => top + (q - area.q) * cell;
  if (cell < 3) {
    context.moveTo(x(area.q) + 1, y(area.q));
    context.lineTo(x(area.q + area.n) + 1, y(area.q + area.n));
  } else {
    for (let q = area.q; q < area.q + area.n; ++q) {
      context.lineTo(x(q + 1) + 0.5, y(q) - 0.5);
      context.lineTo(x(q + 1) + 0.5, y(q + 1) - 0.5);
    }
  }
  context.stroke();
  context.restore();
}

// A label at the query's row, or at the key's column, where it is read from below.
function drawAtRow(context, parts, {left, top, area, cell, room}, q, style) {
  drawLabel(context, parts, left - 5, top + (q - area.q + 0.5) * cell, {room, end: true, ...style});
}
function drawAtColumn(context, parts, {left, top, side, area, cell, room}, k, style) {
  context.save();
  context.translate(left + (k - area.k + 0.5) * cell, top + side + 5);
  context.rotate(-Math.PI / 2);
  drawLabel(context, parts, 0, 0, {room, end: true, ...style});
  context.restore();
}

function drawTokenAxes(context, frame, ink) {
  context.font = fontOf(frame.font);
  for (let i = 0; i < frame.area.n; ++i) {
    drawAtRow(context, data.tokens[frame.area.q + i], frame, frame.area.q + i, ink);
    drawAtColumn(context, data.tokens[frame.area.k + i], frame, frame.area.k + i, ink);
  }
}

// Too many tokens to name: positions at round steps.
function drawPositionAxes(context, frame, ink) {
  const {left, top, side, area, cell} = frame;
  const step = roundStep(Math.max(1, 48 / cell));
  context.font = fontOf(frame.font);
  context.strokeStyle = ink.soft;
  context.beginPath();
  for (let q = Math.ceil(area.q / step) * step; q < area.q + area.n; q += step) {
    const y = Math.round(top + (q - area.q + 0.5) * cell) + 0.5;
    context.moveTo(left - 4, y);
    context.lineTo(left - 1, y);
    drawLabel(context, [[String(q)]], left - 7, y, {room: 60, end: true, ink: ink.soft});
  }
  for (let k = Math.ceil(area.k / step) * step; k < area.k + area.n; k += step) {
    const x = Math.round(left + (k - area.k + 0.5) * cell) + 0.5;
    context.moveTo(x, top + side + 1);
    context.lineTo(x, top + side + 4);
    context.fillStyle = ink.soft;
    context.textAlign = "center";
    context.textBaseline = "top";
    context.fillText(k, Math.min(x, frame.width - context.measureText(k).width / 2), top + side + 7);
  }
  context.stroke();
}

// What is pointed at or pinned: the query's row as far as it sees, the key's column from the first
// query that sees it, the cell where they meet.
function drawMarks(context, frame, {q, k, cell, matches}, mode) {
  const {left, top, side, area} = frame;
  const ink = inks[mode];
  const x = (k) => left + (k - area.k) * frame.cell;
  const y = (q) => top + (q - area.q) * frame.cell;
  context.save();
  context.beginPath();
  context.rect(left - 3, top - 3, side + 6, side + 6);
  context.clip();
  for (const token of matches) {
    context.fillStyle = ink.ink;
    context.fillRect(left - 3, y(token), 3, Math.max(frame.cell, 1.5));
    context.fillRect(x(token), top + side, Math.max(frame.cell, 1.5), 3);
  }
  if (k !== undefined)
    outline(context, x(k), y(columnStart(k)), frame.cell, (nTokens - columnStart(k)) * frame.cell, "#f28e2b");
  if (q !== undefined) outline(context, x(0), y(q), rowEnd(q) * frame.cell, frame.cell, "#3a86ff");
  if (cell && mayAttend(cell.q, cell.k))
    outline(context, x(cell.k), y(cell.q), frame.cell, frame.cell, "#000000");
  context.restore();
  const isIn = (token, from) => token >= from && token < from + area.n;
  if (k !== undefined && isIn(k, area.k)) nameAtAxis(context, frame, k, false, mode);
  if (q !== undefined && isIn(q, area.q)) nameAtAxis(context, frame, q, true, mode);
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

// In place of the axis's own label.
function nameAtAxis(context, frame, token, isQuery, mode) {
  const {left, top, side, area, cell, labelled, room} = frame;
  const colour = (isQuery ? queryColour : keyColour)[mode];
  const style = {ink: colour, soft: colour};
  const parts = data.tokens[token];
  const size = Math.max(frame.font, 11);
  const half = size * 0.75;
  context.font = `600 ${fontOf(size)}`;
  context.fillStyle = inks[mode].paper;
  if (isQuery) {
    context.fillRect(0, top + (token - area.q + 0.5) * cell - half, left - 3, 2 * half);
    drawAtRow(context, parts, frame, token, style);
  } else if (labelled) {
    context.fillRect(left + (token - area.k + 0.5) * cell - half, top + side + 3, 2 * half, room + 5);
    drawAtColumn(context, parts, frame, token, style);
  } else {
    const width = Math.min(labelWidth(context, parts), 160);
    const x = left + (token - area.k + 0.5) * cell - width / 2;
    const within = Math.min(Math.max(x, 4), frame.width - width - 4);
    context.fillRect(within - 24, top + side + 5, width + 48, 20);
    drawLabel(context, parts, within, top + side + 14, {room: 160, ...style});
  }
}

// The colour bar, from (x, y) on, with its ticks and what it measures; it ends in a point where a
// weight of 1, row 0's, lies beyond.
function drawBar(context, range, x, y, width, ink) {
  const height = 10;
  const pixels = document.createElement("canvas");
  pixels.width = 217;
  pixels.height = 1;
  const strip = pixels.getContext("2d");
  const image = strip.createImageData(217, 1);
  new Uint32Array(image.data.buffer).set(range.diverges ? palettes.blueRed : palettes.viridis);
  strip.putImageData(image, 0, 0);
  context.font = fontOf(11);
  context.textAlign = "left";
  context.textBaseline = "alphabetic";
  context.fillStyle = ink.soft;
  context.fillText(
    range.diverges
      ? "Difference of weights, after − before"
      : range.log
        ? "Attention weight, log scale"
        : "Attention weight",
    x,
    y + 10,
  );
  context.imageSmoothingEnabled = true;
  context.drawImage(pixels, x, y + 16, width, height);
  if (!range.diverges && (range.high < 1 || range.eachItsOwn)) {
    const last = palettes.viridis[216];
    context.fillStyle = `rgb(${last & 255} ${(last >> 8) & 255} ${(last >> 16) & 255})`;
    context.beginPath();
    context.moveTo(x + width, y + 16);
    context.lineTo(x + width + 7, y + 16 + height / 2);
    context.lineTo(x + width, y + 16 + height);
    context.fill();
  }
  context.fillStyle = ink.soft;
  context.textAlign = "center";
  for (const [place, label] of ticksOf(range)) {
    const at = x + place * width;
    if (!range.eachItsOwn) context.fillRect(at - 0.5, y + 16 + height, 1, 3);
    context.fillText(label, at, y + height + 31);
  }
}

function ticksOf(range) {
  if (range.eachItsOwn)
    return range.diverges
      ? [
          [0.5, "0"],
          [0.93, "panel's largest"],
        ]
      : [
          [0, "0"],
          [0.88, "panel's largest"],
        ];
  if (range.log) {
    const powers = [0.001, 0.01, 0.1, 1];
    if (!range.diverges) return powers.map((weight) => [placeOf(weight, range), String(weight)]);
    return [-1, -0.1, -0.01, 0, 0.01, 0.1, 1].map((weight) => [
      placeOf(weight, range),
      String(weight).replace("-", "−"),
    ]);
  }
  const step = roundStep(range.high / (range.diverges ? 2.5 : 5.5));
  const n = Math.max(1, Math.ceil(-Math.log10(step) - 1e-9));
  const ticks = [];
  for (let i = Math.ceil(range.low / step - 1e-6); i * step <= range.high * (1 + 1e-6); ++i) {
    ticks.push([placeOf(i * step, range), decimals(i * step, n, false)]);
  }
  return ticks;
}
