// What is written at a heatmap: the tokens of its axes, the colour bar.

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

// A label at the query's row, or at the key's column, where it is read from below.
function drawAtRow(context, frame, q, style) {
  const room = frame.room.row;
  drawLabel(context, queryParts(q), frame.left - 5, yOf(frame, q + 0.5), {room, end: true, ...style});
}
function drawAtColumn(context, frame, k, style) {
  context.save();
  context.translate(xOf(frame, k + 0.5), frame.top + frame.high + 5);
  context.rotate(-Math.PI / 2);
  drawLabel(context, keyParts(k), 0, 0, {room: frame.room.column, end: true, ...style});
  context.restore();
}

// Each token, or where they are too many to name, positions at round steps.
function drawQueryAxis(context, frame, ink) {
  const {left, area} = frame;
  const end = area.q + area.rows;
  context.font = fontOf(frame.font.row);
  if (frame.isLabelled.row) {
    for (let q = area.q; q < end; ++q) drawAtRow(context, frame, q, ink);
    return;
  }
  const step = roundStep(Math.max(1, 48 / frame.cellHigh));
  context.fillStyle = ink.soft;
  const first = Math.ceil(numberOfQuery(area.q) / step) * step;
  for (let number = first; number < numberOfQuery(end); number += step) {
    const y = Math.round(yOf(frame, number - outOfQueries + 0.5)) + 0.5;
    context.fillRect(left - 4, y - 0.5, 3, 1);
    drawLabel(context, [[String(number)]], left - 7, y, {room: 60, end: true, ink: ink.soft});
  }
}

function drawKeyAxis(context, frame, ink) {
  const {area} = frame;
  const end = area.k + area.columns;
  context.font = fontOf(frame.font.column);
  if (frame.isLabelled.column) {
    for (let k = area.k; k < end; ++k) drawAtColumn(context, frame, k, ink);
    return;
  }
  const step = roundStep(Math.max(1, 48 / frame.cellWide));
  const bottom = frame.top + frame.high;
  context.fillStyle = ink.soft;
  context.textAlign = "center";
  context.textBaseline = "top";
  const first = Math.ceil(numberOfKey(area.k) / step) * step;
  for (let number = first; number < numberOfKey(end); number += step) {
    const x = Math.round(xOf(frame, number - outOfKeys + 0.5)) + 0.5;
    context.fillRect(x - 0.5, bottom + 1, 1, 3);
    const most = frame.width - context.measureText(number).width / 2;
    context.fillText(number, Math.min(x, most), bottom + 7);
  }
}

// In place of the axis's own label.
function nameQuery(context, frame, q, mode) {
  const size = Math.max(frame.font.row, 11);
  const half = size * 0.75;
  context.font = `600 ${fontOf(size)}`;
  context.fillStyle = inks[mode].paper;
  context.fillRect(0, yOf(frame, q + 0.5) - half, frame.left - 3, 2 * half);
  drawAtRow(context, frame, q, {ink: queryColour[mode], soft: queryColour[mode]});
}
function nameKey(context, frame, k, mode) {
  const style = {ink: keyColour[mode], soft: keyColour[mode]};
  const size = Math.max(frame.font.column, 11);
  const half = size * 0.75;
  const bottom = frame.top + frame.high;
  const middle = xOf(frame, k + 0.5);
  context.font = `600 ${fontOf(size)}`;
  context.fillStyle = inks[mode].paper;
  if (frame.isLabelled.column) {
    context.fillRect(middle - half, bottom + 3, 2 * half, frame.room.column + 5);
    drawAtColumn(context, frame, k, style);
  } else {
    const width = Math.min(labelWidth(context, keyParts(k)), 160);
    const within = Math.min(Math.max(middle - width / 2, 4), frame.width - width - 4);
    context.fillRect(within - 24, bottom + 5, width + 48, 20);
    drawLabel(context, keyParts(k), within, bottom + 14, {room: 160, ...style});
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
