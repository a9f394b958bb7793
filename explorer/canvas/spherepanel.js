/** Under the map: pictures along its middle line, or the image that is selected, or the path between two, decoded. */
import { el } from "./dom.js";
import { greatCircle } from "./maps.js";
import { MiddleLine } from "./sphereline.js";
import { STEPS } from "./sphereover.js";
import { Pair } from "./spherepair.js";
import { paint } from "./tiles.js";

const MOST = 112; // CSS pixels of a picture
const WORDS = 19; // of the line below one
const BESIDE = 114; // of the words at the left of a path's pictures

export class SpherePanel {
  /** @param {import("./sphereview.js").SphereView} view the map above it */
  constructor(view) {
    this.view = view;
    this.pair = Pair.of(view.stage);
    this.line = new MiddleLine(view);
    this.pictures = el("div", "lx-pictures");
    this.words = el("div", "lx-words");
    this.other = el("button", "lx-other", { type: "button", onclick: () => this.pair.arm() });
    this.one = el("div", "lx-one", {}, this.pictures, el("div", "", {}, this.words, this.other));
    this.strips = el("div", "lx-strips");
    this.box = el("div", "lx-sphere-panel", {}, this.line.box, this.one, this.strips);
    this.shown = "";
    this.state = {};
  }

  /** The other model's plane on this canvas, whose points are the same images; or null. */
  get twin() {
    const { stage, about, n } = this.view;
    return stage.views.find((other) => other.about.name !== about.name && other.n === n && other.decoder) ?? null;
  }

  /** "line" of pictures, "image" that is selected, or "path" between two. */
  get kind() {
    const { selection } = this.view.stage;
    if (selection.length === 2) return "path";
    return selection.length === 1 || !this.view.about.decoder ? "image" : "line";
  }

  update() {
    const { view, kind } = this;
    const { stage } = view;
    if (!view.unit) return;
    const two = kind === "path" ? this.pair.images : null;
    const image = kind === "image" ? (stage.selection[0] ?? null) : null;
    const thumbnail = image !== null ? view.thumbnails?.at(image) : null;
    this.line.box.hidden = kind !== "line";
    this.one.hidden = kind !== "image";
    this.strips.hidden = kind !== "path";
    if (kind === "line") this.line.update();
    const { clientWidth, clientHeight } = this.box;
    const key = JSON.stringify([clientWidth, clientHeight, kind, two, image, this.pair.armed, Boolean(thumbnail), Boolean(view.decoder), Boolean(view.way.codes), this.twin?.about.name, Boolean(this.twin?.way?.codes), stage.tones.dark]);
    if (key === this.shown) return;
    this.shown = key;
    this.state = {};
    if (two) this.showPath(two);
    else if (kind === "image") this.showImage(image, thumbnail);
  }

  // -- one image ---------------------------------------------------------------------------------------------

  showImage(image, thumbnail) {
    const { view } = this;
    this.state = { image };
    this.pictures.replaceChildren();
    this.other.hidden = image === null || view.n < 2;
    if (image === null) {
      this.say([["This decoder is too large for the browser: nothing is decoded under the pointer.", ""]]);
      return;
    }
    this.pictures.append(this.figure("the image", (pen, canvas) => thumbnail && copy(pen, thumbnail, canvas)));
    const code = view.codeOf(image);
    const own = code && view.decode(code);
    if (own) this.pictures.append(this.figure("its point, decoded", (pen) => put(pen, own, view.about.shape)));
    const theirs = this.decodedByTwin(image);
    if (theirs) this.pictures.append(this.figure(this.twin.about.title.includes("twin") ? "by the twin" : "by the other model", (pen) => put(pen, theirs, view.about.shape)));
    const lines = [];
    if (view.concentration) {
      const [half, most] = [0, 1].map((which) => degrees(view.caps[2 * image + which]));
      this.state = { image, kappa: view.concentration[image], caps: [view.caps[2 * image], view.caps[2 * image + 1]] };
      lines.push([`${view.stage.named(view, image)}: κ = ${round(view.concentration[image], 3)}`, "lx-strong"]);
      lines.push([`Half of q(z|x) lies within ${half}, 95\u202f% within ${most}.`, ""]);
    } else lines.push([view.stage.named(view, image), "lx-strong"]);
    this.say(lines);
    const { armed } = this.pair;
    this.other.textContent = armed ? "Now choose the other image: on the map, the globe or the plane" : `${view.straight ? "Path" : "Great circle"} to another image …`;
    this.other.setAttribute("aria-pressed", String(armed));
  }

  say(lines) {
    this.words.replaceChildren(...lines.map(([text, look]) => el("p", look, { text })));
  }

  // -- a path ------------------------------------------------------------------------------------------------

  showPath([i, j]) {
    const { view } = this;
    const [a, b] = [view.codeOf(i), view.codeOf(j)];
    this.strips.replaceChildren();
    if (!a || !b) return;
    const angle = view.angle(i, j);
    this.state = { path: [i, j], angle };
    const shares = Array.from({ length: STEPS }, (_, k) => k / (STEPS - 1));
    if (view.decoder) this.strips.append(this.strip(view.straight ? "Straight line" : `Great circle, ${degrees(angle)}`, shares.map((t) => Array.from(view.decode(view.between(a, b, t))))));
    const { twin } = this;
    const [from, to] = twin ? [codes(twin, i), codes(twin, j)] : [null, null];
    if (from && to) {
      const curved = twin.sphere && !twin.straight;
      const way = shares.map((t) => Float32Array.from(curved ? twin.between(from, to, t) : from.map((value, u) => value + t * (to[u] - value))));
      const decoded = way.map((z) => (z.length === twin.decoder.inputs.z ? Array.from(twin.decoder.run({ z }).pixels) : null));
      if (decoded.every(Boolean)) this.strips.append(this.strip(`${curved ? "Great circle" : "Straight line"} of ${twin.about.title.includes("twin") ? "the twin" : twin.about.name}`, decoded));
    }
  }

  decodedByTwin(image) {
    const { twin } = this;
    const z = twin ? codes(twin, image) : null;
    return z && z.length === twin.decoder.inputs.z ? Array.from(twin.decoder.run({ z: Float32Array.from(z) }).pixels) : null;
  }

  strip(title, pictures) {
    const { shape } = this.view.about;
    const [, height, width] = shape;
    const canvas = el("canvas", "lx-strip", { width: pictures.length * (width + 1) - 1, height, role: "img", "aria-label": `${title}, ${pictures.length} pictures` });
    const pen = canvas.getContext("2d");
    pictures.forEach((pixels, k) => put(pen, pixels, shape, k * (width + 1)));
    const { clientWidth, clientHeight } = this.box;
    const scale = Math.max(0.5, Math.min((clientWidth - 12 - BESIDE * this.view.stage.tones.larger) / canvas.width, (clientHeight - 14) / 2 / height, MOST / height));
    resize(canvas, scale);
    return el("figure", "", {}, el("figcaption", "", { text: title }), canvas);
  }

  figure(words, draw) {
    const [, height, width] = this.view.about.shape;
    const canvas = el("canvas", "lx-picture", { width, height, role: "img", "aria-label": words });
    resize(canvas, Math.max(24, Math.min(MOST, this.box.clientHeight - 10 - WORDS * this.view.stage.tones.larger)) / Math.max(width, height));
    draw(canvas.getContext("2d"), canvas);
    return el("figure", "", {}, canvas, el("figcaption", "", { text: words }));
  }

  describe() {
    const line = this.kind === "line" ? this.line.pictures.filter(Boolean).length : 0;
    return { kind: this.kind, ...this.state, line, armed: this.pair.armed, strips: this.strips.hidden ? 0 : this.strips.children.length };
  }
}

/** The code of image i on a plane or a sphere, [n]; asked for where it has not come yet. */
function codes(view, i) {
  const { way, about } = view;
  if (!way) return null;
  if (!way.codes) {
    if (about.codes) view.need("codes");
    return null;
  }
  return Array.from(way.codes.subarray(i * way.size, (i + 1) * way.size));
}

function resize(canvas, scale) {
  canvas.style.width = `${Math.round(canvas.width * scale)}px`;
  canvas.style.height = `${Math.round(canvas.height * scale)}px`;
}

function put(pen, pixels, shape, x = 0) {
  const [, height, width] = shape;
  const image = pen.createImageData(width, height);
  paint(image.data, pixels, shape);
  pen.putImageData(image, x, 0);
}

function copy(pen, { bitmap, x, y, width, height }, canvas) {
  pen.drawImage(bitmap, x, y, width, height, 0, 0, canvas.width, canvas.height);
}

/** A number with so many digits that count: 2,200, 54, 3.1. */
export function round(value, digits) {
  return Number(value.toPrecision(digits)).toLocaleString("en");
}

function degrees(angle) {
  const found = (angle * 180) / Math.PI;
  return `${found.toFixed(found < 10 ? 1 : 0)}°`;
}
