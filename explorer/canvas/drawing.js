// A drawing of a model's image size: a pen with soft edges, an eraser, undo. Nothing here knows the page.

const UNDOS = 50;

// shape: [C, H, W]; paper: the value of an empty pixel (0 for light on dark). `pixels` is Float32Array [C * H * W].
export class Drawing {
  constructor(shape, paper = 0) {
    [this.channels, this.height, this.width] = shape;
    this.paper = paper;
    this.pixels = new Float32Array(this.channels * this.height * this.width).fill(paper);
    this.past = [];
  }

  // What follows, until the next begin, is one step to undo.
  begin() {
    this.past.push(this.pixels.slice());
    if (this.past.length > UNDOS) this.past.shift();
    this.under = this.pixels.slice();
    this.cover = new Float32Array(this.height * this.width);
  }

  // A line from a to b ([x, y] in pixels, the top left corner is [0, 0]); radius in pixels; colour: one value a channel.
  // A pixel is covered by how far its middle lies inside the line: the edge is one pixel soft. Lines of one step do
  // not add up where they cross.
  line(a, b, radius, colour) {
    const reach = radius + 1;
    const left = Math.max(0, Math.floor(Math.min(a[0], b[0]) - reach));
    const right = Math.min(this.width - 1, Math.ceil(Math.max(a[0], b[0]) + reach));
    const top = Math.max(0, Math.floor(Math.min(a[1], b[1]) - reach));
    const bottom = Math.min(this.height - 1, Math.ceil(Math.max(a[1], b[1]) + reach));
    for (let y = top; y <= bottom; y++) {
      for (let x = left; x <= right; x++) {
        const covered = Math.min(1, radius + 0.5 - distance([x + 0.5, y + 0.5], a, b));
        const at = y * this.width + x;
        if (covered <= this.cover[at]) continue;
        this.cover[at] = covered;
        for (let c = 0; c < this.channels; c++) {
          const i = c * this.cover.length + at;
          this.pixels[i] = this.under[i] + (colour[c] - this.under[i]) * covered;
        }
      }
    }
  }

  // Put a whole picture in its place, as one step.
  set(pixels) {
    if (pixels.length !== this.pixels.length) {
      throw new Error(`The picture has ${pixels.length} numbers, the drawing ${this.pixels.length}.`);
    }
    this.begin();
    this.pixels = Float32Array.from(pixels);
  }

  clear() {
    this.set(new Float32Array(this.pixels.length).fill(this.paper));
  }

  // Whether there was anything to undo.
  undo() {
    if (!this.past.length) return false;
    this.pixels = this.past.pop();
    return true;
  }

  get empty() {
    return this.pixels.every((value) => value === this.paper);
  }
}

// From a point to a stretch of line.
function distance(p, a, b) {
  const along = [b[0] - a[0], b[1] - a[1]];
  const squared = along[0] ** 2 + along[1] ** 2;
  const t = squared ? Math.min(1, Math.max(0, ((p[0] - a[0]) * along[0] + (p[1] - a[1]) * along[1]) / squared)) : 0;
  return Math.hypot(p[0] - a[0] - t * along[0], p[1] - a[1] - t * along[1]);
}

// The drawing as a model of binary images sees it: a pixel is on with the probability of its gray value, by one fixed
// draw (zeros and ones stay what they are). The same uniforms each time, so that nothing flickers while the pen moves.
export function binarised(pixels, uniforms, seen) {
  for (let i = 0; i < pixels.length; i++) seen[i] = uniforms[i] < pixels[i] ? 1 : 0;
  return seen;
}
