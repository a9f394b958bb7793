/**
 * The dots: every visible point is blended into one picture, pixel by pixel, and put on the canvas at once.
 *
 * Plain 2-D canvas, no WebGL: measured in docs/canvas.md. Points are drawn in a fixed scattered order, so that no
 * class covers the others and the first share of them is a fair sample: as many as a frame has time for while something
 * moves, and the rest in the frames after it.
 */
import { Stamps, phase } from "./stamps.js";

export const MOVING = 9; // milliseconds of drawing in a frame while the camera moves,
export const STILL = 30; // and while it stands
/** Opacity of the dots that are not selected, where some are. @param {boolean} dark */
export const faint = (dark) => (dark ? 0.2 : 0.14);
const FEW = 300; // selected dots that would be lost among thousands at their usual size
/** How many times larger the selected dots are. @param {Uint8Array|null} chosen 1 for what is selected */
export const grown = (chosen) => (chosen ? Math.min(2.6, Math.max(1, Math.sqrt(FEW / Math.max(1, chosen.reduce((sum, one) => sum + one, 0))))) : 1);
const OFTEN = 4096; // points between two looks at the clock
const CROWD = 40; // pixels per dot at which dots have their nominal size

/** A step through 0..n-1 that visits each once, far from the one before: n times the golden section, coprime to n. */
export function scatteredStep(n) {
  const common = (a, b) => (b ? common(b, a % b) : a);
  let step = Math.max(1, Math.round(n * 0.6180339887));
  while (common(step, n) !== 1) step++;
  return step;
}

export class PointLayer {
  constructor() {
    this.stamps = new Stamps();
    this.image = null;
    this.xy = new Float32Array(0);
    this.n = 0;
    this.step = 1;
    this.drawn = 0;
    this.reached = 0; // of the dots in scattered order, in view or not
    this.stopped = { round: 0, k: 0 };
    this.unfinished = false;
  }

  /** @param {Float32Array} xy [N, 2], row by row; a new array or the same one with other numbers */
  place(xy) {
    this.xy = xy;
    if (xy.length / 2 !== this.n) {
      this.n = xy.length / 2;
      this.step = scatteredStep(this.n);
    }
  }

  /** How many of a sample of the points are in view, scaled to all. */
  inView(camera) {
    const { xy, n } = this;
    const every = Math.max(1, Math.floor(n / 4000));
    const [[left, right], [low, high]] = camera.view();
    let seen = 0;
    for (let i = 0; i < n; i += every) {
      const x = xy[2 * i];
      const y = xy[2 * i + 1];
      if (x >= left && x <= right && y >= low && y <= high) seen++;
    }
    return Math.max(1, seen * every);
  }

  /** Radius in CSS pixels and opacity of a dot: larger and denser where few are in view. */
  look(camera, size) {
    const room = (camera.width * camera.height) / (this.inView(camera) * CROWD);
    const radius = (size / 2) * Math.min(2.2, Math.max(0.6, Math.sqrt(room)));
    return { radius, opacity: Math.min(0.9, Math.max(0.3, 0.72 * room ** 0.2)) };
  }

  /**
   * @param {CanvasRenderingContext2D} context of a canvas that holds nothing else
   * @param {Object} style
   *   colours: Uint8Array [N, 3]; group: Uint8Array [N] of each dot's class place; hidden: boolean by class place;
   *   shapes: a marker by class place, or null for circles; size: CSS pixels; ratio: of device to CSS pixels;
   *   chosen: Uint8Array [N] that is 1 for what is selected, or null; dark: whether the page is
   * @param {number} milliseconds after which it stops
   * @param {boolean} goOn add to what was drawn before, where it stopped
   * @returns {boolean} whether all dots are drawn; `drawn` says how many that are in view
   */
  draw(context, camera, style, milliseconds, goOn = false) {
    const { width, height } = context.canvas;
    const fits = this.image && this.image.width === width && this.image.height === height;
    if (!goOn || !fits) {
      if (fits) this.image.data.fill(0);
      else this.image = context.createImageData(width, height);
      this.drawn = 0;
      this.stopped = { round: 0, k: 0 };
    }
    const until = performance.now() + milliseconds;
    const { radius, opacity } = this.look(camera, style.size);
    const rounds = style.chosen ? 2 : 1;
    const larger = style.larger ?? grown(style.chosen);
    let done = true;
    for (let { round, k } = this.stopped; done && round < rounds; round++, k = 0) {
      // with a selection, what is not selected is drawn first, and faint
      const alpha = style.chosen ? (round === 0 ? faint(style.dark) : Math.min(1, opacity + 0.15)) : opacity;
      k = this.round(width, height, camera, style, round === 1 ? radius * larger : radius, alpha, round, k, until);
      done = k >= this.n;
      if (!done) this.stopped = { round, k };
    }
    context.putImageData(this.image, 0, 0);
    this.unfinished = !done;
    this.reached = done || this.stopped.round > 0 ? this.n : this.stopped.k;
    return done;
  }

  /** Draws the dots from place k of the scattered order on; returns where it stopped. */
  round(width, height, camera, style, radius, alpha, round, k, until) {
    const pixels = this.image.data;
    const { xy, n, step } = this;
    const { colours, group, hidden, chosen, ratio } = style;
    const stampOf = (shape) => this.stamps.of(shape, radius * ratio * (style.shapes ? 1.25 : 1), width);
    const stamps = style.shapes ? style.shapes.map(stampOf) : null;
    const circle = stampOf("circle");
    const scale = camera.scale * ratio;
    const ox = (camera.width / 2) * ratio - camera.x * scale;
    const oy = (camera.height / 2) * ratio + camera.y * scale;
    for (let i = Number((BigInt(k) * BigInt(step)) % BigInt(Math.max(1, n))); k < n; k++, i = (i + step) % n) {
      if (k % OFTEN === 0 && performance.now() > until) break;
      if (chosen && chosen[i] !== round) continue;
      const of = group[i];
      if (hidden[of]) continue;
      const px = xy[2 * i] * scale + ox;
      const py = oy - xy[2 * i + 1] * scale;
      const stamp = stamps ? stamps[of] : circle;
      const reach = stamp.reach;
      if (!(px > -reach && py > -reach && px < width + reach && py < height + reach)) continue;
      const cx = Math.floor(px);
      const cy = Math.floor(py);
      const mask = stamp.masks[phase(px - cx, py - cy)];
      const whole = cx >= reach && cy >= reach && cx < width - reach && cy < height - reach;
      blend(pixels, mask, cx, cy, width, height, whole, colours[3 * i], colours[3 * i + 1], colours[3 * i + 2], alpha);
      this.drawn++;
    }
    return k;
  }
}

/** Blends one marker over what is there ("source over" on a picture that starts transparent). */
function blend(pixels, mask, cx, cy, width, height, whole, r, g, b, alpha) {
  const { offsets, cover, dx, dy } = mask;
  const base = 4 * (cy * width + cx);
  for (let s = 0; s < offsets.length; s++) {
    if (!whole) {
      const x = cx + dx[s];
      const y = cy + dy[s];
      if (x < 0 || y < 0 || x >= width || y >= height) continue;
    }
    const p = base + offsets[s];
    const a = cover[s] * alpha;
    const below = pixels[p + 3];
    if (below === 0) {
      pixels[p] = r;
      pixels[p + 1] = g;
      pixels[p + 2] = b;
      pixels[p + 3] = a * 255;
    } else {
      const out = a + (below / 255) * (1 - a);
      const share = a / out;
      pixels[p] += (r - pixels[p]) * share;
      pixels[p + 1] += (g - pixels[p + 1]) * share;
      pixels[p + 2] += (b - pixels[p + 2]) * share;
      pixels[p + 3] = out * 255;
    }
  }
}
