// The drawing pad: draw, drop a picture or begin with a test image, and the encoder answers while the pen moves.
//
//   const pad = createPad(element, {
//     models: [{ name, encoder, decoder }],  // Programs of interpreter.js; the decoder may be null
//     shape: [C, H, W],
//     ground: 0,                      // the tone around the figures of the data, null for photographs
//     margin: 0.14,                   // the empty part of the side around a figure
//     draw: { state, increment },     // where the draw that binarises begins (draw.js), for models of binary images
//     binary: true,                   // whether the images are binary, where no model is there to say so (optional)
//     start: { pixels, words, place },  // what to begin with (optional); words: "Begun with test image 17, a 7."
//   }, {
//     onChange(answers),              // for each model {x, point, stddev, kappa, reconstruction}; null: nothing drawn
//     onDrawn(drawing),               // the pen rests: {pixels: base64 of C * H * W gray bytes, place}, null: nothing
//     chosen(),                       // the image that is chosen elsewhere, like `start`, null, or a promise of it;
//   });                               // without it there is no button for it
//   pad.begin({ pixels, words, place }); pad.read(file); pad.clear(); pad.destroy(); pad.last: the latest answers
//
// A drawing has 256 levels of gray before it is seen, so that what is kept of it as bytes is seen in the same way again.
// Models of binary images see the drawing binarised by one fixed draw, and so it is shown; begun with a test image it is
// that image's own draw, so that the mean is where its dot lies. Colours come from the page's CSS variables (pad.css).
// No markup is made from data: names are set as text.

import { el } from "./dom.js";
import { uniformsFrom } from "./draw.js";
import { Drawing, binarised } from "./drawing.js";
import { button, figure, keyList, paint, posteriorWords } from "./pad-parts.js";
import { fitPicture, readPicture } from "./picture.js";

const BINARISED = "A gray pixel is white with the probability of its gray value, by one fixed draw, as in the test images.";
const REST = 400; // milliseconds after which the pen rests
const INVITATION = "Draw here with mouse, finger or pen, or drop a picture.";

export function createPad(element, options, callbacks = {}) {
  return new Pad(element, options, callbacks);
}

class Pad {
  constructor(element, options, callbacks) {
    const [channels, height, width] = options.shape;
    Object.assign(this, { element, options, callbacks, channels, height, width });
    this.paper = options.ground > 0.5 ? 1 : 0;
    this.ink = new Array(channels).fill(1 - this.paper);
    this.drawing = new Drawing(options.shape, this.paper);
    this.seen = new Float32Array(this.drawing.pixels.length);
    this.gray = new Float32Array(this.drawing.pixels.length);
    this.binary = options.binary ?? options.models.some((model) => model.encoder.binarise === "bernoulli");
    this.erasing = false;
    this.radius = Math.max(0.5, width / 22);
    this.cursor = [width / 2, height / 2];
    this.frame = 0;
    this.drawFor(0);
    this.build();
    if (options.start) this.begin(options.start);
    else this.changed();
    this.told = JSON.stringify(this.drawn());
  }

  // -- what others call --

  // Begin with an image, {pixels: Float32Array [C * H * W] in [0, 1], or empty, words, place: among the test images}.
  begin({ pixels, words = "", place = 0 }) {
    try {
      if (pixels.length) this.drawing.set(pixels);
      this.drawFor(place);
      this.say(words);
    } catch (error) {
      this.say(error.message);
    }
    this.changed();
  }

  // Read a picture file. Never throws: what is wrong with it stands in the note.
  async read(file) {
    try {
      this.say(`Reading ${file.name} …`);
      const picture = await readPicture(file);
      const { pixels, words } = fitPicture(picture, this.options.shape, this.options);
      this.drawing.set(pixels);
      this.say(`${file.name}: ${words || "as it is"}.`);
    } catch (error) {
      this.say(error.message);
    }
    this.changed();
  }

  clear() {
    this.drawing.clear();
    this.say("");
    this.changed();
  }

  // Returns the pixels that the models see, Float32Array [C * H * W].
  pixels() {
    this.drawing.pixels.forEach((value, i) => (this.gray[i] = Math.round(255 * value) / 255));
    return this.binary ? binarised(this.gray, this.uniforms, this.seen) : this.gray;
  }

  // What is drawn, to be kept: {pixels: base64 of its bytes, place: of the test image by whose draw it is binarised}.
  drawn() {
    if (this.drawing.empty) return null;
    const bytes = Array.from(this.drawing.pixels, (value) => Math.round(255 * value));
    return { pixels: btoa(String.fromCharCode(...bytes)), place: this.begunWith };
  }

  // Binarise by the draw of this test image from now on.
  drawFor(place) {
    this.begunWith = place;
    const size = this.drawing.pixels.length;
    if (this.binary) this.uniforms = uniformsFrom(this.options.draw, place * size, size);
  }

  destroy() {
    cancelAnimationFrame(this.frame);
    clearTimeout(this.telling);
    this.root.remove();
  }

  // -- the page --

  build() {
    const { models } = this.options;
    this.root = el("section", "pad", { "aria-label": "Draw an image for the encoder" });
    this.page = this.picture("pad-page");
    this.marks = el("canvas", "pad-marks", { "aria-hidden": "true" });
    Object.assign(this.page, { tabIndex: 0 });
    this.page.setAttribute("role", "application"); // it has keys of its own
    this.page.setAttribute("aria-label", "The drawing. Arrow keys move the pen, space puts it down, ? lists the keys.");
    const sheet = el("div", "pad-sheet");
    sheet.append(this.page, this.marks);
    const figures = el("div", models.length > 1 ? "pad-figures pad-several" : "pad-figures");
    figures.append(figure(sheet, this.binary ? "drawing, binarised as the model sees it" : "drawing"));
    if (this.binary) sheet.title = BINARISED;
    this.answers = models.map((model) => {
      const canvas = this.picture("pad-answer");
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `Reconstruction by ${model.name}`);
      if (model.decoder) {
        figures.append(figure(canvas, models.length > 1 ? model.name : "reconstruction"));
      }
      return { model, canvas, line: el("div", "pad-posterior") };
    });
    this.line = this.answers[0]?.line ?? el("div", "pad-posterior");
    this.note = el("div", "pad-note", { role: "status" });
    this.keys = keyList();
    const lines = new Set([this.line, ...this.answers.map(({ line }) => line)]);
    this.root.append(figures, this.tools(), ...lines, this.note, this.keys);
    this.element.append(this.root);
    this.listen();
  }

  picture(name) {
    const canvas = el("canvas", name);
    Object.assign(canvas, { width: this.width, height: this.height });
    return canvas;
  }

  tools() {
    const bar = el("div", "pad-tools", { role: "toolbar", "aria-label": "Drawing tools" });
    this.pen = button("Pen", "Draw (P)", () => this.choose(false));
    this.eraser = button("Erase", "Erase (E)", () => this.choose(true));
    this.width_ = el("input", "pad-width", {
      type: "range", min: 0.4, max: Math.max(2, this.width / 8), step: 0.1, value: this.radius,
      "aria-label": "Pen width", title: "Pen width ([ and ])",
    });
    this.width_.addEventListener("input", () => (this.radius = Number(this.width_.value)));
    this.back = button("Undo", "Undo (Ctrl Z)", () => this.undo());
    const clear = button("Clear", "Clear (Delete)", () => this.clear());
    this.file = el("input", "", { type: "file", accept: "image/*", hidden: "" });
    this.file.addEventListener("change", () => {
      if (this.file.files.length) this.read(this.file.files[0]);
      this.file.value = "";
    });
    const open = button("Picture …", "Open a picture, or drop one on the pad", () => this.file.click());
    bar.append(this.pen, this.eraser, this.width_);
    if (this.channels === 3) bar.append(this.palette());
    bar.append(this.back, clear, open, this.file);
    if (this.callbacks.chosen) {
      bar.append(button("From dot", "Begin with the test image whose dot is chosen", () => this.take()));
    }
    this.choose(false);
    return bar;
  }

  palette() {
    const input = el("input", "pad-colour", { type: "color", value: this.paper ? "#000000" : "#ffffff" });
    input.setAttribute("aria-label", "Pen colour");
    input.addEventListener("input", () => {
      this.ink = [1, 3, 5].map((at) => parseInt(input.value.slice(at, at + 2), 16) / 255);
    });
    return input;
  }

  choose(erasing) {
    this.erasing = erasing;
    this.pen.setAttribute("aria-pressed", String(!erasing));
    this.eraser.setAttribute("aria-pressed", String(erasing));
  }

  async take() {
    try {
      const image = await this.callbacks.chosen();
      if (image) this.begin({ ...image, words: `Begun with ${image.words}. Draw on it.` });
      else this.say("No image is chosen: click a dot first.");
    } catch (error) {
      this.say(error.message);
    }
  }

  undo() {
    this.drawing.undo();
    this.changed();
  }

  // A sentence under the drawing.
  say(text) {
    this.note.textContent = text;
  }

  // -- pointer and keys --

  listen() {
    const { page, root } = this;
    page.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      page.focus({ preventScroll: true });
      this.led = false;
      this.mark();
      page.setPointerCapture(event.pointerId);
      this.drawing.begin();
      this.from = this.place(event);
      this.draw(this.from);
    });
    page.addEventListener("pointermove", (event) => {
      if (!this.from) return;
      for (const step of event.getCoalescedEvents?.() ?? []) this.draw(this.place(step));
      this.draw(this.place(event));
    });
    for (const end of ["pointerup", "pointercancel"]) page.addEventListener(end, () => (this.from = null));
    page.addEventListener("keydown", (event) => this.key(event));
    page.addEventListener("blur", () => {
      this.down = this.led = false;
      this.mark();
    });
    root.addEventListener("dragover", (event) => {
      event.preventDefault();
      root.classList.add("pad-over");
    });
    root.addEventListener("dragleave", () => root.classList.remove("pad-over"));
    root.addEventListener("drop", (event) => {
      event.preventDefault();
      event.stopPropagation();
      root.classList.remove("pad-over");
      const file = event.dataTransfer.files[0];
      if (file) this.read(file);
      else this.say("That was not a file: drop a picture from a folder.");
    });
  }

  // Where a pointer is on the drawing, in its pixels.
  place(event) {
    const box = this.page.getBoundingClientRect();
    return [
      ((event.clientX - box.left) / box.width) * this.width,
      ((event.clientY - box.top) / box.height) * this.height,
    ];
  }

  draw(to) {
    const colour = this.erasing ? new Array(this.channels).fill(this.paper) : this.ink;
    this.drawing.line(this.from, to, this.radius, colour);
    this.cursor = this.from = to;
    this.changed();
  }

  key(event) {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const step = steps[event.key];
    if (step) this.move(step);
    else if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") this.undo();
    else if (event.ctrlKey || event.metaKey || event.altKey) return;
    else if (event.key === " ") this.press();
    else if (event.key === "p") this.choose(false);
    else if (event.key === "e") this.choose(true);
    else if (event.key === "[" || event.key === "]") this.widen(event.key === "]" ? 0.2 : -0.2);
    else if (event.key === "Delete" || event.key === "Backspace") this.clear();
    else if (event.key === "?") this.keys.hidden = !this.keys.hidden;
    else return;
    this.led = true;
    this.mark();
    event.preventDefault();
    event.stopPropagation();
  }

  widen(by) {
    this.width_.value = this.radius + by;
    this.radius = Number(this.width_.value);
  }

  press() {
    this.down = !this.down;
    if (this.down) {
      this.drawing.begin();
      this.from = this.cursor;
      this.draw(this.cursor);
      this.from = null;
    }
  }

  move(step) {
    const to = this.cursor.map((at, i) => Math.min([this.width, this.height][i], Math.max(0, at + step[i])));
    if (this.down) {
      this.from = this.cursor;
      this.draw(to);
      this.from = null;
    }
    this.cursor = to;
  }

  // The pen's outline while the keyboard leads it.
  mark() {
    const { marks } = this;
    const { clientWidth, clientHeight } = this.page;
    Object.assign(marks, { width: clientWidth, height: clientHeight });
    if (!this.led) return;
    const scale = clientWidth / this.width;
    const context = marks.getContext("2d");
    context.strokeStyle = getComputedStyle(this.root).getPropertyValue("--pad-accent");
    context.lineWidth = this.down ? 3 : 1.5;
    context.beginPath();
    context.arc(this.cursor[0] * scale, this.cursor[1] * scale, Math.max(3, this.radius * scale), 0, 2 * Math.PI);
    context.stroke();
  }

  // -- answering --

  // The drawing is another one: show it and ask the models, at most once a frame.
  changed() {
    this.back.disabled = !this.drawing.past.length;
    clearTimeout(this.telling);
    this.telling = setTimeout(() => this.tell(), REST);
    if (!this.frame) {
      this.frame = requestAnimationFrame(() => {
        this.frame = 0;
        this.answer();
      });
    }
  }

  // Tell of the drawing when the pen is up and it is another one than was told of last.
  tell() {
    if (this.from || this.down) this.telling = setTimeout(() => this.tell(), REST);
    else {
      const drawn = this.drawn();
      const text = JSON.stringify(drawn);
      if (text !== this.told) this.callbacks.onDrawn?.(drawn);
      this.told = text;
    }
  }

  answer() {
    const x = this.pixels();
    paint(this.page, x, this.channels);
    if (this.drawing.empty) {
      for (const { canvas, line } of this.answers) {
        canvas.getContext("2d").clearRect(0, 0, this.width, this.height);
        line.textContent = "";
      }
      this.line.textContent = INVITATION;
      this.last = null;
      this.callbacks.onChange?.(null);
      return;
    }
    this.line.textContent = "";
    const found = [];
    for (const { model, canvas, line } of this.answers) {
      try {
        found.push(this.ask(model, x, canvas, line));
      } catch (error) {
        line.textContent = `${model.name} gave no answer: ${error.message}`;
        found.push(null);
      }
    }
    this.last = found;
    this.callbacks.onChange?.(found);
  }

  ask(model, x, canvas, line) {
    const { point, stddev, kappa } = model.encoder.run({ x });
    const answer = {
      x: x.slice(),
      point: point.slice(),
      stddev: stddev ? stddev.slice() : null,
      kappa: kappa ? kappa[0] : null,
      reconstruction: null,
    };
    if (model.decoder) {
      answer.reconstruction = model.decoder.run({ z: answer.point }).pixels.slice();
      paint(canvas, answer.reconstruction, this.channels);
    }
    line.textContent = posteriorWords(model, answer, this.answers.length > 1);
    return answer;
  }
}
