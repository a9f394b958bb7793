/** The map between the plane's units and the screen's pixels: pan, zoom, and a smooth flight to a region. */

const MOST = 4000; // how far one may zoom in, against the first view
const LEAST = 0.2;

export class Camera {
  /** @param {number[][]} region [[left, right], [low, high]]: shown whole at first */
  constructor(region) {
    this.region = region;
    this.width = this.height = 1;
    this.x = this.y = 0;
    this.scale = 1; // pixels per unit
    this.flight = 0;
    this.home();
  }

  resize(width, height) {
    if (width === this.width && height === this.height) return;
    const factor = fitted(this.region, width, height) / fitted(this.region, this.width, this.height);
    this.width = width;
    this.height = height;
    this.scale *= factor;
  }

  home() {
    Object.assign(this, this.target(this.region));
  }

  /** Centre and scale at which a region is just seen whole. */
  target([[left, right], [low, high]]) {
    return {
      x: (left + right) / 2,
      y: (low + high) / 2,
      scale: this.bounded(fitted([[left, right], [low, high]], this.width, this.height)),
    };
  }

  bounded(scale) {
    const first = fitted(this.region, this.width, this.height);
    return Math.min(first * MOST, Math.max(first * LEAST, scale));
  }

  sx(x) {
    return this.width / 2 + (x - this.x) * this.scale;
  }

  sy(y) {
    return this.height / 2 - (y - this.y) * this.scale;
  }

  wx(px) {
    return this.x + (px - this.width / 2) / this.scale;
  }

  wy(py) {
    return this.y - (py - this.height / 2) / this.scale;
  }

  /** What is in view, [[left, right], [low, high]]. */
  view() {
    return [
      [this.wx(0), this.wx(this.width)],
      [this.wy(this.height), this.wy(0)],
    ];
  }

  pan(dx, dy) {
    this.land();
    this.x -= dx / this.scale;
    this.y += dy / this.scale;
  }

  /** Zoom about a place of the screen, which stays where it is. */
  zoom(factor, px = this.width / 2, py = this.height / 2) {
    this.land();
    const x = this.wx(px);
    const y = this.wy(py);
    this.scale = this.bounded(this.scale * factor);
    this.x = x - (px - this.width / 2) / this.scale;
    this.y = y + (py - this.height / 2) / this.scale;
  }

  /** Fly to a region; `step` is called at each frame. No flight for those who asked for less motion. */
  fly(region, step, milliseconds = 450) {
    this.land();
    const goal = this.target(region);
    const start = { x: this.x, y: this.y, scale: this.scale };
    const begun = performance.now();
    const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    const frame = (now) => {
      const t = still ? 1 : Math.min(1, Math.max(0, (now - begun) / milliseconds));
      const eased = t * t * (3 - 2 * t);
      this.scale = start.scale * (goal.scale / start.scale) ** eased;
      // The centre moves so that it and the scale arrive together without a swing at the end.
      const share = goal.scale === start.scale ? eased : (1 / this.scale - 1 / start.scale) / (1 / goal.scale - 1 / start.scale);
      this.x = start.x + (goal.x - start.x) * share;
      this.y = start.y + (goal.y - start.y) * share;
      this.flight = t < 1 ? requestAnimationFrame(frame) : 0;
      step();
    };
    this.flight = requestAnimationFrame(frame);
  }

  /** End a flight where it is. */
  land() {
    if (this.flight) cancelAnimationFrame(this.flight);
    this.flight = 0;
  }
}

function fitted([[left, right], [low, high]], width, height) {
  return Math.min(width / Math.max(right - left, 1e-9), height / Math.max(high - low, 1e-9));
}
