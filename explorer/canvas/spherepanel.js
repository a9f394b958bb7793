/** Under the map: the image that is hovered or selected with its concentration, or the path between two, decoded. */
import { el } from "./dom.js";
import { greatCircle } from "./maps.js";
import { STEPS } from "./sphereover.js";
import { paint } from "./tiles.js";

export class SpherePanel {
  /** @param {import("./sphereview.js").SphereView} view the map above it */
  constructor(view) {
    this.view = view;
    this.pictures = el("div", "lx-pictures");
    this.words = el("div", "lx-words");
    this.one = el("div", "lx-one", {}, this.pictures, this.words);
    this.strips = el("div", "lx-strips");
    this.box = el("div", "lx-sphere-panel", {}, this.one, this.strips);
    this.shown = "";
    this.state = {};
  }

  /** The other model's plane on this canvas, whose points are the same images; or null. */
  get twin() {
    const { stage, about, n } = this.view;
    return stage.views.find((other) => other.about.name !== about.name && other.n === n && other.decoder) ?? null;
  }

  update() {
    const { view } = this;
    const { stage } = view;
    if (!view.unit) return;
    const two = stage.selection.length === 2 ? stage.selection : null;
    const image = two ? null : (stage.hover?.image ?? (stage.selection.length === 1 ? stage.selection[0] : null));
    const thumbnail = image !== null ? view.thumbnails?.at(image) : null;
    const key = JSON.stringify([two, image, Boolean(thumbnail), Boolean(view.decoder), Boolean(view.way.codes), this.twin?.about.name, Boolean(this.twin?.way?.codes), stage.tones.dark]);
    if (key === this.shown) return;
    this.shown = key;
    this.one.hidden = two !== null;
    this.strips.hidden = two === null;
    if (two) this.showPath(two);
    else this.showImage(image, thumbnail);
  }

  // -- one image ---------------------------------------------------------------------------------------------

  showImage(image, thumbnail) {
    const { view } = this;
    this.state = { image };
    this.pictures.replaceChildren();
    if (image === null) {
      this.say(this.summary());
      return;
    }
    this.pictures.append(this.figure("the image", (pen, canvas) => thumbnail && copy(pen, thumbnail, canvas)));
    const code = view.codeOf(image);
    const own = code && view.decode(code);
    if (own) this.pictures.append(this.figure("its point, decoded", (pen) => put(pen, own, view.about.shape)));
    const theirs = this.decodedByTwin(image);
    if (theirs) this.pictures.append(this.figure(this.twin.about.title.includes("twin") ? "by the twin" : "by the other model", (pen) => put(pen, theirs, view.about.shape)));
    const lines = [[view.stage.named(view, image), "lx-strong"]];
    if (view.concentration) {
      const [half, most] = [0, 1].map((which) => degrees(view.caps[2 * image + which]));
      this.state = { image, kappa: view.concentration[image], caps: [view.caps[2 * image], view.caps[2 * image + 1]] };
      lines.push([`κ = ${round(view.concentration[image], 3)}`, ""], [`Half of q(z|x) lies within ${half} of its middle, 95\u202f% within ${most}: the two caps.`, ""]);
    }
    this.say(lines);
  }

  /** How concentrated the images are, and what one can do. */
  summary() {
    const { concentration, about } = this.view;
    const lines = [];
    if (concentration) {
      const sorted = Float32Array.from(concentration).sort();
      const at = (share) => round(sorted[Math.round(share * (sorted.length - 1))], 2);
      lines.push([`κ of ${sorted.length.toLocaleString("en")} images: median ${at(0.5)}, nine in ten from ${at(0.05)} to ${at(0.95)}.`, "lx-strong"]);
    }
    lines.push(["Drag the map or the globe to turn it (on the globe arrow keys do too); the wheel zooms.", ""]);
    lines.push(["Click an image for its cap and its neighbours; a second one with Ctrl for the great circle between them.", ""]);
    if (!about.decoder) lines.push(["This decoder is too large for the browser: nothing is decoded under the pointer.", ""]);
    return lines;
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
    if (view.decoder)
      this.strips.append(this.strip(`Great circle from image ${i.toLocaleString("en")} to ${j.toLocaleString("en")}: ${degrees(angle)}`, shares.map((t) => Array.from(view.decode(greatCircle(a, b, t))))));
    const { twin } = this;
    const [from, to] = twin ? [codes(twin, i), codes(twin, j)] : [null, null];
    if (from && to) {
      const straight = shares.map((t) => Float32Array.from(from, (value, u) => value + t * (to[u] - value)));
      const decoded = straight.map((z) => (z.length === twin.decoder.inputs.z ? Array.from(twin.decoder.run({ z }).pixels) : null));
      if (decoded.every(Boolean)) this.strips.append(this.strip(`Straight line in ${twin.about.name}`, decoded));
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
    return el("figure", "", {}, el("figcaption", "", { text: title }), canvas);
  }

  figure(words, draw) {
    const [, height, width] = this.view.about.shape;
    const canvas = el("canvas", "lx-picture", { width, height, role: "img", "aria-label": words });
    draw(canvas.getContext("2d"), canvas);
    return el("figure", "", {}, canvas, el("figcaption", "", { text: words }));
  }

  describe() {
    return { ...this.state, strips: this.strips.hidden ? 0 : this.strips.children.length, text: this.box.textContent };
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
