"use strict";
// The patterns: read out of the page's data blocks when they are needed, and kept while there is room.

const data = JSON.parse(document.getElementById("data").textContent);
const keyTokens = data.tokens;
const queryTokens = data.query_tokens ?? data.tokens;
const nKeys = keyTokens.length;
const nQueries = queryTokens.length;
const nMost = Math.max(nQueries, nKeys);

// Queries are counted by the keys: of a causal pattern the last query is at the last key, so that
// where the first keys were kept from before, queries begin after them.
const firstQuery = data.causal ? nKeys - nQueries : 0;
const endQuery = firstQuery + nQueries;
const queryParts = (q) => queryTokens[q - firstQuery];
const keyParts = (k) => keyTokens[k];

// A person counts from the text's first token on, also where that was left out.
const outOfKeys = data.left_out?.keys ?? 0;
const outOfQueries = data.causal ? outOfKeys : (data.left_out?.queries ?? 0);
const numberOfQuery = (q) => q + outOfQueries;
const numberOfKey = (k) => k + outOfKeys;

const isSame = (a, b) => JSON.stringify(a) === JSON.stringify(b);
// One text on both sides, or two: what an encoder read is not what a decoder writes.
const isOneText =
  !data.query_tokens ||
  (data.causal && queryTokens.every((parts, i) => isSame(parts, keyTokens[firstQuery + i])));

// From this position on the text is the model's own; none: all was given.
const nPrompt = data.n_prompt;
const isOwnKey = (k) => nPrompt !== undefined && k >= nPrompt;
const isOwnQuery = (q) => (isOneText || data.causal) && isOwnKey(q);

// Every weight is held as an integer, 65535 for 1: half the room of a float, and an index into a
// table of colours.
const ONE = 65535;
const BLANK = -0x80000000; // the value of a cell that its query may not see, or that was left out

// Where some were left out there must be a number for it beyond the weights.
const hasBlanks = data.blank !== undefined;
const Values = hasBlanks ? Int32Array : Uint16Array;

function rowStart(q) {
  const row = q - firstQuery;
  return row * (data.causal ? firstQuery + (row + 1) / 2 : nKeys);
}
const rowEnd = (q) => (data.causal ? q + 1 : nKeys); // one past the last key that q may see
const columnStart = (k) => (data.causal ? Math.max(k, firstQuery) : 0); // the first query that may see k
const nCells = rowStart(endQuery);
const valueAt = (pattern, q, k) => pattern.values[rowStart(q) + k];
const mayAttend = (q, k) => k < rowEnd(q);

// Lets the browser answer its user between two pieces of work.
let lastBreath = performance.now();
async function breathe() {
  if (performance.now() - lastBreath < 8) return;
  await new Promise((resolve) => setTimeout(resolve));
  lastBreath = performance.now();
}

function bytesOfBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

async function unpack(id) {
  const text = document.getElementById(id).textContent.trim();
  const inflated = new DecompressionStream("deflate");
  const whole = new Response(inflated.readable).arrayBuffer();
  const writer = inflated.writable.getWriter();
  const ignore = () => {}; // what is wrong with the data, `whole` tells
  const step = 1 << 19; // characters at a time, a multiple of 4: some milliseconds
  for (let at = 0; at < text.length; at += step) {
    writer.write(bytesOfBase64(text.slice(at, at + step))).catch(ignore);
    await breathe();
  }
  writer.close().catch(ignore);
  return new Uint8Array(await whole);
}

// A row of one cell is always 1 and says nothing: it never sets a scale.
function largestOf(values) {
  let largest = 0;
  for (let i = rowEnd(firstQuery) === 1 && nQueries > 1 ? 1 : 0; i < values.length; ++i) {
    if (values[i] === BLANK) continue;
    const size = values[i] < 0 ? -values[i] : values[i];
    if (size > largest) largest = size;
  }
  return largest;
}

// Remembers what promises gave until it is more than `room` bytes; then the oldest goes.
function memory(room) {
  const kept = new Map();
  let used = 0;
  return (key, bytes, make) => {
    const known = kept.get(key);
    if (known) kept.delete(key);
    else used += bytes;
    const entry = known ?? {bytes, promise: make()};
    kept.set(key, entry);
    for (const [oldest, {bytes: freed}] of kept) {
      if (used <= room || oldest === key) break;
      kept.delete(oldest);
      used -= freed;
    }
    return entry.promise;
  };
}

const rememberLayer = memory(384 << 20);
const rememberResult = memory(64 << 20);

// The layer's patterns by head: values packed row by row as far as a query may see.
function layerPatterns(set, layer) {
  const {heads, data: id} = data.sets[set].layers[layer];
  return rememberLayer(`${set}/${layer}`, Values.BYTES_PER_ELEMENT * nCells * heads.length, async () => {
    const bytes = await unpack(id);
    const n = nCells * heads.length;
    if (bytes.length !== (n * data.bits) / 8) throw new Error(`the data of layer ${layer} is cut short`);
    const patterns = new Map();
    for (const [i, head] of heads.entries()) {
      const values = new Values(nCells);
      const at = i * nCells;
      // 16 bits come as two planes, low bytes first.
      if (data.bits === 8) for (let c = 0; c < nCells; ++c) values[c] = bytes[at + c] * 257;
      else for (let c = 0; c < nCells; ++c) values[c] = bytes[at + c] | (bytes[n + at + c] << 8);
      if (hasBlanks) for (let c = 0; c < nCells; ++c) if (values[c] === data.blank) values[c] = BLANK;
      patterns.set(head, {values, largest: largestOf(values), diverges: false});
      await breathe();
    }
    return patterns;
  });
}

const layerNumbers = (set) =>
  set === "difference"
    ? layerNumbers(0).length > layerNumbers(1).length
      ? layerNumbers(0)
      : layerNumbers(1)
    : data.sets[set].layers.map((_, layer) => layer);

// Of a difference: the heads that both have.
function headsOf(set, layer) {
  if (set !== "difference") return data.sets[set].layers[layer]?.heads ?? [];
  const after = headsOf(1, layer);
  return headsOf(0, layer).filter((head) => after.includes(head));
}

// Mean or maximum, cell by cell, over the chosen heads of these layers; null where there are none. A
// head that left a cell out does not count there.
async function combine(set, layers, how, chosen) {
  const sums = new Float64Array(nCells);
  const counts = new Uint16Array(hasBlanks ? nCells : 0);
  let n = 0;
  for (const layer of layers) {
    const heads = headsOf(set, layer).filter((head) => chosen.has(`L${layer}H${head}`));
    if (!heads.length) continue;
    const patterns = await layerPatterns(set, layer);
    for (const head of heads) {
      const {values} = patterns.get(head);
      if (hasBlanks) {
        for (let c = 0; c < nCells; ++c) {
          if (values[c] === BLANK) continue;
          sums[c] = how === "mean" ? sums[c] + values[c] : Math.max(sums[c], values[c]);
          ++counts[c];
        }
      } else if (how === "mean") for (let c = 0; c < nCells; ++c) sums[c] += values[c];
      else for (let c = 0; c < nCells; ++c) if (values[c] > sums[c]) sums[c] = values[c];
      ++n;
      await breathe();
    }
  }
  if (!n) return null;
  const values = Values.from(sums, (sum, c) => {
    const count = hasBlanks ? counts[c] : n;
    return count ? Math.round(how === "mean" ? sum / count : sum) : BLANK;
  });
  return {values, largest: largestOf(values), diverges: false};
}

function differenceOf(before, after) {
  const values = Int32Array.from(after.values, (value, c) =>
    value === BLANK || before.values[c] === BLANK ? BLANK : value - before.values[c],
  );
  return {values, largest: largestOf(values), diverges: true};
}

// set: its number, or "difference"; layer: a number or "all"; head: a number, "mean" or "max".
// chosen: the names of the heads that mean and maximum are taken over. A promise of null: no such.
function patternOf(set, layer, head, chosen) {
  const name = `${set}/${layer}/${head}/${typeof head === "string" ? [...chosen] : ""}`;
  if (set === "difference") {
    return rememberResult(name, 4 * nCells, async () => {
      const before = await patternOf(0, layer, head, chosen);
      const after = await patternOf(1, layer, head, chosen);
      return before && after && differenceOf(before, after);
    });
  }
  const layers = layer === "all" ? layerNumbers(set) : [layer];
  if (head === "mean" || head === "max") {
    return rememberResult(name, Values.BYTES_PER_ELEMENT * nCells, () => combine(set, layers, head, chosen));
  }
  if (!headsOf(set, layer).includes(head)) return Promise.resolve(null);
  return layerPatterns(set, layer).then((patterns) => patterns.get(head));
}

// What scale "figure" ends at: the largest weight of all heads, of both sets where there are two so
// that they can be compared; of a difference, the largest change.
const largestOfAll = {};
function largestOfFigure(set) {
  const diverges = set === "difference";
  return (largestOfAll[diverges] ??= (async () => {
    let largest = 0;
    for (const one of diverges ? ["difference"] : data.sets.keys()) {
      for (const layer of layerNumbers(one)) {
        for (const head of headsOf(one, layer)) {
          largest = Math.max(largest, (await patternOf(one, layer, head, new Set())).largest);
        }
      }
    }
    return largest;
  })());
}
