// Copied and saved pictures, always on light paper.

const PICTURE_SCALE = 2;
const PICTURE_GAP = 5;
const PICTURE_TITLE = 60;

function picture() {
  const canvas = make("canvas");
  const ink = inks.light;
  const context = canvas.getContext("2d");
  const body = isOverview() ? gridSize() : frameOf(context, area, 820, 820, PICTURE_SCALE);
  const width = Math.max(body.width, 480) + 40;
  const height = body.height + 150;
  sizeCanvas(canvas, width, height, PICTURE_SCALE);
  context.fillStyle = ink.paper;
  context.fillRect(0, 0, width, height);
  const write = (text, y, size, colour) => {
    context.font = fontOf(size);
    drawLabel(context, [[text]], 20, y, {room: width - 40, ink: colour});
  };
  write(`${$("name").textContent} – ${data.title}`, 28, 18, ink.ink);
  const set = data.sets.length > 1 && (data.sets[state.set]?.name ?? state.set);
  const found = [...$("kind").querySelectorAll("span")].map((element) => element.textContent);
  write([data.model, set, sizeText(), ...found].filter(Boolean).join(", "), 52, 12, ink.soft);
  drawBar(context, legendRange(), 32, 68, 300, ink);
  write(`${footText()} ${data.software}.`, height - 12, 11, ink.soft);
  context.translate(20, 124);
  if (isOverview()) drawGridPicture(context, body, ink);
  else if (current) drawHeadPicture(context, body, ink);
  return new Promise((resolve) => canvas.toBlob(resolve));
}

function drawHeadPicture(context, frame, ink) {
  drawHeatmap(context, current, frame, colouring, ink, PICTURE_SCALE);
  const {pin} = state;
  if (pin)
    drawMarks(context, frame, {q: pin.q, k: pin.k, cell: isCell(pin) && pin, matches: []}, "light");
}

function gridSize() {
  const {columns} = $("grid");
  const rows = layerNumbers(state.set).length + 1;
  const aspect = aspectOf(whole);
  const most = Math.round(160 * Math.sqrt(aspect));
  const wide = Math.min(most, Math.max(48, Math.floor(1600 / columns)));
  const high = Math.round(wide / aspect);
  const caption = data.heads ? 16 : 0;
  return {
    wide,
    high,
    caption,
    width: PICTURE_TITLE + columns * (wide + PICTURE_GAP),
    height: 20 + rows * (high + caption + PICTURE_GAP),
  };
}

function drawGridPicture(context, {wide, high, caption}, ink) {
  const {columns} = $("grid");
  const layers = layerNumbers(state.set);
  const x = (column) => PICTURE_TITLE + column * (wide + PICTURE_GAP);
  const y = (row) => 20 + row * (high + caption + PICTURE_GAP);
  context.font = fontOf(12);
  for (let column = 0; column < columns; ++column) {
    const title = column < columns - 1 ? `Head ${column}` : state.how === "mean" ? "Mean" : "Max";
    drawLabel(context, [[title]], x(column), 10, {room: wide, ink: ink.ink});
  }
  for (const layer of layers)
    drawLabel(context, [[`Layer ${layer}`]], x(0) - 6, y(layer) + high / 2, {
      room: 54,
      end: true,
      ink: ink.ink,
    });
  drawLabel(context, [["All layers"]], x(columns - 1) - 6, y(layers.length) + high / 2, {
    room: 80,
    end: true,
    ink: ink.ink,
  });
  for (const {layer, head, canvas, pooled, figure} of thumbs) {
    const left = x(typeof head === "number" ? head : columns - 1);
    const top = y(layer === "all" ? layers.length : layer);
    context.imageSmoothingEnabled = pooled?.width > PICTURE_SCALE * wide;
    if (pooled) context.drawImage(canvas, left, top, wide, high);
    drawBorder(context, {x: left, y: top, cellWide: wide / nKeys, cellHigh: high / nQueries});
    context.lineWidth = 1;
    context.strokeStyle = ink.line;
    context.strokeRect(left - 0.5, top - 0.5, wide + 1, high + 1);
    context.font = fontOf(11);
    const found = [...figure.querySelectorAll("figcaption span")]
      .map((element) => element.textContent)
      .join(", ");
    drawLabel(context, [[found]], left, top + high + 9, {room: wide, ink: ink.soft});
  }
}

async function copyPicture() {
  try {
    await navigator.clipboard.write([new ClipboardItem({"image/png": picture()})]);
    flash($("copy"), "Copied");
  } catch {
    savePicture(); // no clipboard for pages from a file, or not allowed
  }
}

async function savePicture() {
  const link = make("a", {
    href: URL.createObjectURL(await picture()),
    download: `attention_${isOverview() ? "all_heads" : nameOf(state.layer, state.head)}.png`,
  });
  link.click();
  URL.revokeObjectURL(link.href);
  flash($("save"), "Saved");
}

function flash(button, text) {
  const before = (button.dataset.text ??= button.textContent);
  button.textContent = text;
  setTimeout(() => {
    button.textContent = before;
  }, 1200);
}
