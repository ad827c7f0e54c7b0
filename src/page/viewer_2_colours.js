// Weights to colours.

// The colours of a palette as pixels of an ImageData: red in the lowest byte.
function paletteOf(hex) {
  const rgb = hex.match(/../g).map((byte) => parseInt(byte, 16));
  return Uint32Array.from(
    {length: rgb.length / 3},
    (_, i) => (0xff000000 | (rgb[3 * i + 2] << 16) | (rgb[3 * i + 1] << 8) | rgb[3 * i]) >>> 0,
  );
}
const palettes = {viridis: paletteOf(data.colours.viridis), blueRed: paletteOf(data.colours.blue_red)};
const FAINT = 0x20808080; // below the threshold: there, but not shown

const inks = {
  light: {paper: "#ffffff", ink: "#1b1b1b", soft: "#6b6b6b", line: "#c9c9c9"},
  dark: {paper: "#16171a", ink: "#e7e7e7", soft: "#9b9ba1", line: "#4a4b50"},
};
const queryColour = {light: "#1f5fbf", dark: "#82b4ff"};
const keyColour = {light: "#b85400", dark: "#ffa04d"};
const fontOf = (size) => `${size}px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif`;

const LOG_LOW = 0.001;

function rangeOf(scale, largest, diverges) {
  const high = scale === "log" || scale === "unit" ? 1 : largest / ONE || 1;
  return {low: diverges ? -high : scale === "log" ? LOG_LOW : 0, high, log: scale === "log", diverges};
}

// Where a weight lies between the range's ends, 0 to 1 and beyond. A difference on the log scale is
// the middle up to 0.001 and has a log scale to each side of it.
function placeOf(weight, range) {
  if (!range.log) return (weight - range.low) / (range.high - range.low);
  const size = Math.abs(weight);
  const place = size <= LOG_LOW ? 0 : 1 - Math.log(size) / Math.log(LOG_LOW);
  return range.diverges ? (1 + Math.sign(weight) * place) / 2 : place;
}

function colourAt(place, range) {
  const palette = range.diverges ? palettes.blueRed : palettes.viridis;
  return palette[Math.round(Math.min(Math.max(place, 0), 1) * (palette.length - 1))];
}

// The colour of each value that there can be: that of `value` is table[value + shift].
function colouringOf(range, threshold) {
  const shift = range.diverges ? ONE : 0;
  const table = new Uint32Array(ONE + 1 + shift);
  for (let i = 0; i < table.length; ++i) {
    const weight = (i - shift) / ONE;
    table[i] = Math.abs(weight) < threshold ? FAINT : colourAt(placeOf(weight, range), range);
  }
  return {range, threshold, table, shift};
}

// Black or white, whichever is better read on a pixel's colour (WCAG 2.1).
function readableOn(pixel) {
  const linear = (byte) => ((byte /= 255) <= 0.04045 ? byte / 12.92 : ((byte + 0.055) / 1.055) ** 2.4);
  const luminance =
    0.2126 * linear(pixel & 255) + 0.7152 * linear((pixel >> 8) & 255) + 0.0722 * linear((pixel >> 16) & 255);
  return luminance > 0.179 ? "#000000" : "#ffffff";
}

const decimals = (weight, n, diverges) =>
  (diverges && weight > 0 ? "+" : weight < 0 ? "−" : "") + Math.abs(weight).toFixed(n);
