// The drawing pad at the right of the planes: the posterior of the drawing lies on each plane while the pen moves.

import { el } from "./dom.js";
import { loadProgram } from "./interpreter.js";
import { createPad } from "./pad.js";
import { fromBytes } from "./pad-parts.js";
import { loadBytes, loadPicture } from "./source.js";

// canvas: from createCanvas; planes: its options' planes; settings: from explorer/canvas/pad.py, and `why`: a sentence
// for each plane whose encoder a browser cannot run, and `start`: {pixels: base64 of gray bytes, words, place} (optional);
// onDrawn: of createPad (optional). Returns {ready: a promise of the pad, destroy()}.
export function padBeside(canvas, planes, settings, onDrawn) {
  const note = el("p", "pad-note", { text: "Loading the encoder …" });
  const box = el("div", "pad-beside", {}, el("h2", "", { text: "Draw" }), note);
  canvas.aside.append(box);
  canvas.aside.hidden = false;
  let pad = null;
  let ended = false;
  const ready = models(planes).then(
    (found) => {
      if (ended) return null;
      note.textContent = sentences(found, planes, settings.why);
      note.hidden = !note.textContent;
      const start = settings.start ? { ...settings.start, pixels: fromBytes(settings.start.pixels) } : null;
      const told = { ...callbacks(canvas, planes, found), onDrawn };
      if (found.length) pad = createPad(box, { ...settings, models: found, start }, told);
      box.append(note);
      return pad;
    },
    (error) => {
      note.textContent = `Nothing can be drawn here. ${error.message}`;
      return null;
    },
  );
  const destroy = () => {
    ended = true;
    pad?.destroy();
    planes.forEach((_, plane) => canvas.showPosterior(null, plane));
    box.remove();
    canvas.aside.hidden = true;
  };
  return { ready, destroy };
}

// Those that can encode, each with the number of its plane.
async function models(planes) {
  const found = planes.map(async ({ name, encoder, decoder }, plane) => {
    if (!encoder) return null;
    const programs = await Promise.all([encoder, decoder].map(async (source) => source && loadProgram(await loadBytes(source))));
    return { name, plane, encoder: programs[0], decoder: programs[1] };
  });
  return (await Promise.all(found)).filter(Boolean);
}

function sentences(found, planes, why = {}) {
  return planes
    .filter((_, plane) => !found.some((model) => model.plane === plane))
    .map(({ name }) => `${name} does not answer drawings here. ${why[name] ?? ""}`.trim())
    .join(" ");
}

function callbacks(canvas, planes, found) {
  const onChange = (answers) => found.forEach(({ plane }, i) => canvas.showPosterior(answers && answers[i], plane));
  const sprite = planes.map((plane) => plane.sprite).find(Boolean);
  if (!sprite) return { onChange };
  return {
    onChange,
    async chosen() {
      const [place] = canvas.describe().selection;
      if (place === undefined) return null;
      return { pixels: await thumbnail(sprite, place), words: `test image ${place.toLocaleString("en")}`, place };
    },
  };
}

// A test image's thumbnail as pixels [C * H * W] in [0, 1].
async function thumbnail({ tiles, columns, rows, shape: [channels, height, width] }, place) {
  const sheet = await loadPicture(tiles[Math.floor(place / (columns * rows))]);
  const at = place % (columns * rows);
  const context = new OffscreenCanvas(width, height).getContext("2d");
  context.drawImage(sheet, -(at % columns) * width, -Math.floor(at / columns) * height);
  const { data } = context.getImageData(0, 0, width, height);
  const size = width * height;
  return Float32Array.from({ length: channels * size }, (_, i) => Math.fround(data[4 * (i % size) + Math.floor(i / size)] / 255));
}
