/**
 * A pen that writes SVG: the part of a canvas's 2-D context that the app's drawings use. What a drawing function does on
 * a canvas, it does on this pen, so the picture that is saved is drawn by the code that draws the one on the screen.
 *
 *     const pen = new SvgPen(left, top);   // where the canvas's top left corner is to lie
 *     draw(pen);
 *     pen.markup();                        // SVG elements, as text
 *
 * Lengths are CSS pixels of the canvas. Turning and uniform scaling are known, shearing is not.
 */
import { attributes, colour, escaped, fontOf, measured, rounded } from "./marks.js";
import { picture, png } from "./pixels.js";

let pens = 0; // so that names within a file differ

const FRESH = {
  fillStyle: "#000", strokeStyle: "#000", lineWidth: 1, lineJoin: "miter", lineCap: "butt", globalAlpha: 1, font: "10px sans-serif",
  textAlign: "start", textBaseline: "alphabetic", imageSmoothingEnabled: true, dash: [], matrix: [1, 0, 0, 1, 0, 0], clipped: "",
};

export class SvgPen {
  constructor(left = 0, top = 0) {
    Object.assign(this, structuredClone(FRESH));
    this.matrix = [1, 0, 0, 1, left, top];
    this.kept = [];
    this.parts = [];
    this.definitions = [];
    this.group = ""; // the attributes of the group that is open
    this.name = `p${++pens}`;
    this.beginPath();
  }

  /** All that was drawn. */
  markup() {
    const definitions = this.definitions.length ? `<defs>${this.definitions.join("")}</defs>` : "";
    return definitions + this.parts.join("") + (this.group ? "</g>" : "");
  }

  // -- state -------------------------------------------------------------------------------------------------

  save() {
    this.kept.push(Object.fromEntries(Object.keys(FRESH).map((key) => [key, this[key]])));
  }

  restore() {
    Object.assign(this, this.kept.pop());
  }

  setLineDash(lengths) {
    this.dash = [...lengths];
  }

  translate(x, y) {
    this.by(1, 0, 0, 1, x, y);
  }

  scale(x, y) {
    this.by(x, 0, 0, y, 0, 0);
  }

  rotate(angle) {
    this.by(Math.cos(angle), Math.sin(angle), -Math.sin(angle), Math.cos(angle), 0, 0);
  }

  by(a, b, c, d, e, f) {
    const [A, B, C, D, E, F] = this.matrix;
    this.matrix = [A * a + C * b, B * a + D * b, A * c + C * d, B * c + D * d, A * e + C * f + E, B * e + D * f + F];
  }

  at(x, y) {
    const [a, b, c, d, e, f] = this.matrix;
    return `${rounded(a * x + c * y + e)} ${rounded(b * x + d * y + f)}`;
  }

  get zoom() {
    const [a, b, c, d] = this.matrix;
    return Math.sqrt(Math.abs(a * d - b * c));
  }

  // -- paths -------------------------------------------------------------------------------------------------

  beginPath() {
    this.path = [];
    this.round = null; // the path as a circle or an ellipse, as long as it is nothing else
  }

  moveTo(x, y) {
    if (Number.isFinite(x + y)) this.path.push(`M${this.at(x, y)}`);
  }

  lineTo(x, y) {
    if (Number.isFinite(x + y)) this.path.push(`${this.path.length ? "L" : "M"}${this.at(x, y)}`);
  }

  closePath() {
    this.path.push("Z");
  }

  rect(x, y, width, height) {
    this.path.push(`M${this.at(x, y)}L${this.at(x + width, y)}L${this.at(x + width, y + height)}L${this.at(x, y + height)}Z`);
  }

  /** Whole circles alone. */
  arc(x, y, radius, from, to) {
    if (Math.abs(to - from) < 2 * Math.PI - 1e-6) throw new Error("This pen draws whole circles only.");
    this.ellipse(x, y, radius, radius, 0);
  }

  ellipse(x, y, long, short, turn) {
    if (!Number.isFinite(x + y + long + short)) return; // as a canvas does
    const alone = this.path.every((part) => /^M[^A-Z]*$/.test(part)); // a move before it draws nothing
    const [a, b] = this.matrix;
    const [cx, cy] = this.at(x, y).split(" ");
    const [rx, ry, angle] = [long * this.zoom, short * this.zoom, ((turn + Math.atan2(b, a)) * 180) / Math.PI];
    if (alone && !this.round) this.round = { cx, cy, rx: rounded(rx), ry: rounded(ry), angle: rounded(angle) };
    else this.round = null;
    const [cos, sin] = [long * Math.cos(turn), long * Math.sin(turn)];
    const half = `A${rounded(rx)} ${rounded(ry)} ${rounded(angle)} 1 0 `;
    this.path.push(`M${this.at(x + cos, y + sin)}${half}${this.at(x - cos, y - sin)}${half}${this.at(x + cos, y + sin)}Z`);
  }

  /** The element of the path: a circle or an ellipse where it is one. */
  shape(look) {
    const { round } = this;
    if (!round || this.path.at(-1)[0] !== "M" || !this.path.at(-1).includes("A")) return `<path d="${this.path.join("")}"${look}/>`;
    const { cx, cy, rx, ry, angle } = round;
    if (rx === ry) return `<circle cx="${cx}" cy="${cy}" r="${rx}"${look}/>`;
    return `<ellipse cx="${cx}" cy="${cy}" rx="${rx}" ry="${ry}"${look} transform="rotate(${angle} ${cx} ${cy})"/>`;
  }

  fill() {
    if (!this.path.length) return;
    this.put(this.shape(this.paint("fill", this.fillStyle)));
  }

  /** @param {Path2D} [path] one whose straight pieces are its property `pieces`: [x, y, x, y] in turn */
  stroke(path) {
    const look = () => this.paint("stroke", this.strokeStyle) + this.lines();
    if (path) {
      const joined = [];
      for (let i = 0; i < path.pieces.length; i += 4) joined.push(`M${this.at(path.pieces[i], path.pieces[i + 1])}L${this.at(path.pieces[i + 2], path.pieces[i + 3])}`);
      if (joined.length) this.put(`<path d="${joined.join("")}" fill="none"${look()}/>`);
    } else if (this.path.length) this.put(this.shape(` fill="none"${look()}`));
  }

  lines() {
    const round = { "stroke-linejoin": this.lineJoin === "miter" ? null : this.lineJoin, "stroke-linecap": this.lineCap === "butt" ? null : this.lineCap };
    const dash = this.dash.length ? this.dash.map((length) => rounded(length * this.zoom)).join(" ") : null;
    return attributes({ "stroke-width": rounded(this.lineWidth * this.zoom), "stroke-dasharray": dash, ...round });
  }

  fillRect(x, y, width, height) {
    const kept = [this.path, this.round];
    this.beginPath();
    this.rect(x, y, width, height);
    this.fill();
    [this.path, this.round] = kept;
  }

  clearRect() {} // this pen begins on nothing

  clip() {
    const id = `${this.name}-${this.definitions.length}`;
    const within = this.clipped ? ` clip-path="url(#${this.clipped})"` : "";
    this.definitions.push(`<clipPath id="${id}"${within}><path d="${this.path.join("")}"/></clipPath>`);
    this.clipped = id;
  }

  createRadialGradient(fx, fy, fr, x, y, r) {
    const stops = [];
    return { addColorStop: (share, tone) => stops.push([share, tone]), stops, ends: { fx, fy, fr, x, y, r } };
  }

  // -- text and pictures -------------------------------------------------------------------------------------

  fillText(text, x, y, most = Infinity) {
    const { family, size, weight } = fontOf(this.font);
    const { width, rise } = measured(text, this.font, this.textBaseline); // from the line that is asked for to the letters' own
    const [a, b, c, d] = this.matrix;
    const turned = Math.abs(b) > 1e-9 || Math.abs(c) > 1e-9;
    const [px, py] = turned ? [rounded(x), rounded(y + rise)] : this.at(x, y + rise).split(" ");
    const anchor = { center: "middle", right: "end", end: "end" }[this.textAlign] ?? null;
    const look = attributes({
      x: px, y: py, "font-family": family, "font-size": rounded(turned ? size : size * this.zoom), "font-weight": weight === "400" ? null : weight,
      "text-anchor": anchor, textLength: width > most ? rounded(most) : null, lengthAdjust: width > most ? "spacingAndGlyphs" : null,
      transform: turned ? `matrix(${[a, b, c, d, this.matrix[4], this.matrix[5]].map(rounded).join(" ")})` : null,
    });
    this.put(`<text${look}${this.paint("fill", this.fillStyle)}>${escaped(text)}</text>`);
  }

  /** (image, x, y), (image, x, y, width, height), or with a part of the image first. */
  drawImage(image, ...places) {
    const whole = [0, 0, image.width, image.height];
    const [sx, sy, sw, sh, x, y, width, height] =
      places.length === 8 ? places : [...whole, places[0], places[1], places[2] ?? image.width, places[3] ?? image.height];
    const sharp = !this.imageSmoothingEnabled;
    const size = [rounded(width * this.zoom), rounded(height * this.zoom)];
    this.put(picture(png(image, [sx, sy, sw, sh], size, sharp), ...this.at(x, y).split(" "), ...size, sharp, this.globalAlpha));
  }

  // -- writing -----------------------------------------------------------------------------------------------

  /** Attributes of a fill or a stroke; the opacity of the group holds where the tone has none of its own. */
  paint(what, style) {
    if (typeof style === "string") {
      const { tone, alpha } = colour(style);
      return attributes({ [what]: tone, [`${what}-opacity`]: alpha === 1 ? null : rounded(alpha * this.globalAlpha) });
    }
    const id = `${this.name}-${this.definitions.length}`;
    const { fx, fy, fr, x, y, r } = style.ends;
    const [[cx, cy], [gx, gy]] = [this.at(x, y).split(" "), this.at(fx, fy).split(" ")];
    const stops = style.stops.map(([share, written]) => {
      const { tone, alpha } = colour(written);
      return `<stop${attributes({ offset: share, "stop-color": tone, "stop-opacity": alpha })}/>`;
    });
    const ends = attributes({ id, gradientUnits: "userSpaceOnUse", cx, cy, r: rounded(r * this.zoom), fx: gx, fy: gy, fr: rounded(fr * this.zoom) });
    this.definitions.push(`<radialGradient${ends}>${stops.join("")}</radialGradient>`);
    return attributes({ [what]: `url(#${id})` });
  }

  /** Into the open group where opacity and clipping are the same: thousands of dots share one. */
  put(element) {
    const alpha = this.globalAlpha === 1 ? null : rounded(this.globalAlpha);
    const group = attributes({ "fill-opacity": alpha, "stroke-opacity": alpha, "clip-path": this.clipped ? `url(#${this.clipped})` : null });
    if (group !== this.group) {
      if (this.group) this.parts.push("</g>");
      if (group) this.parts.push(`<g${group}>`);
      this.group = group;
    }
    this.parts.push(element);
  }
}
