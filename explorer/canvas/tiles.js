/**
 * The decoder's pictures over the plane. In the browser: tiles on a grid that belongs to the plane, of a size that fits
 * the zoom, decoded a few milliseconds per frame and kept. From Python: one picture of a region that holds a lattice.
 */
const SIDE = 1536; // pixels of the picture that holds the tiles
const BUDGET = 7; // milliseconds of decoding per frame while the camera moves,
const STILL = 24; // and while it stands

export class DecodedTiles {
  /** @param {number[]} shape [C, H, W] of an image */
  constructor(shape) {
    this.shape = shape;
    const [, height, width] = shape;
    this.across = Math.max(1, Math.floor(SIDE / width));
    this.slots = this.across * Math.max(1, Math.floor(SIDE / height));
    this.store = document.createElement("canvas");
    this.store.width = this.across * width;
    this.store.height = Math.max(1, Math.floor(SIDE / height)) * height;
    this.pen = this.store.getContext("2d");
    this.image = this.pen.createImageData(width, height);
    this.places = new Map(); // "level column row" -> slot, the one used last at the end
    this.version = "";
  }

  /** Forget all tiles when what they show has changed (another image is held). */
  sync(version) {
    if (version !== this.version) this.places.clear();
    this.version = version;
  }

  /**
   * Draws the tiles in view.
   * @param {number} target size of a tile in CSS pixels, about
   * @param {(x: number, y: number) => Float32Array|null} decode pixels at a place
   * @param {boolean} moving whether the camera moves
   * @returns {boolean} whether all of them are there
   */
  draw(context, camera, target, decode, moving) {
    const [, height, width] = this.shape;
    const level = Math.round(Math.log2(target / camera.scale));
    const dx = 2 ** level;
    const dy = (dx * height) / width;
    const [[left, right], [low, high]] = camera.view();
    const [c0, c1] = [Math.floor(left / dx), Math.floor(right / dx)];
    const [r0, r1] = [Math.floor(low / dy), Math.floor(high / dy)];
    const until = performance.now() + (moving ? BUDGET : STILL);
    let whole = true;
    context.imageSmoothingEnabled = false;
    // from the middle outwards: what is looked at comes first
    const wanted = [];
    for (let r = r0; r <= r1; r++) for (let c = c0; c <= c1; c++) wanted.push([c, r]);
    const [mc, mr] = [(c0 + c1) / 2, (r0 + r1) / 2];
    wanted.sort(([a, b], [c, d]) => Math.hypot(a - mc, b - mr) - Math.hypot(c - mc, d - mr));
    // first all that is new is written, then all is drawn: to draw from a canvas that has changed copies the whole of it
    const found = [];
    for (const [c, r] of wanted.slice(0, this.slots)) {
      const key = `${level} ${c} ${r}`;
      let slot = this.places.get(key);
      if (slot === undefined) {
        if (performance.now() > until) {
          whole = false;
          continue;
        }
        const pixels = decode((c + 0.5) * dx, (r + 0.5) * dy);
        if (!pixels) return true;
        slot = this.keep(key, pixels);
      } else {
        this.places.delete(key);
        this.places.set(key, slot);
      }
      found.push([c, r, slot]);
    }
    for (const [c, r, slot] of found) {
      const x0 = Math.round(camera.sx(c * dx));
      const x1 = Math.round(camera.sx((c + 1) * dx));
      const y0 = Math.round(camera.sy((r + 1) * dy));
      const y1 = Math.round(camera.sy(r * dy));
      context.drawImage(this.store, (slot % this.across) * width, Math.floor(slot / this.across) * height, width, height, x0, y0, x1 - x0, y1 - y0);
    }
    return whole;
  }

  keep(key, pixels) {
    const [, height, width] = this.shape;
    let slot = this.places.size;
    if (slot >= this.slots) {
      const [oldest] = this.places.keys();
      slot = this.places.get(oldest);
      this.places.delete(oldest);
    }
    this.places.set(key, slot);
    paint(this.image.data, pixels, this.shape);
    this.pen.putImageData(this.image, (slot % this.across) * width, Math.floor(slot / this.across) * height);
    return slot;
  }
}

/** Pixels [C, H, W] in [0, 1] into the bytes of an ImageData, gray or in colour. */
export function paint(bytes, pixels, [channels, height, width]) {
  const n = height * width;
  for (let i = 0; i < n; i++) {
    const r = pixels[i] * 255;
    bytes[4 * i] = r;
    bytes[4 * i + 1] = channels === 3 ? pixels[n + i] * 255 : r;
    bytes[4 * i + 2] = channels === 3 ? pixels[2 * n + i] * 255 : r;
    bytes[4 * i + 3] = 255;
  }
}

/** A lattice that Python has decoded: all of it, and the tile at a place. */
export class Lattice {
  /** @param {{region: number[][], columns: number, rows: number, shape: number[]}} about */
  constructor(about, bitmap) {
    const [, height, width] = about.shape;
    if (bitmap.width !== about.columns * width || bitmap.height !== about.rows * height) throw new Error("The lattice of decoded pictures has another size than it says.");
    Object.assign(this, about, { bitmap });
  }

  draw(context, camera) {
    const [[left, right], [low, high]] = this.region;
    context.imageSmoothingEnabled = false;
    context.drawImage(this.bitmap, camera.sx(left), camera.sy(high), (right - left) * camera.scale, (high - low) * camera.scale);
  }

  /** Where the picture at a place is, or at the nearest place of the region: as `Thumbnails.at`. */
  at(x, y) {
    const [[left, right], [low, high]] = this.region;
    const [, height, width] = this.shape;
    const within = (share, n) => Math.min(n - 1, Math.max(0, Math.floor(share * n)));
    const column = within((x - left) / (right - left), this.columns);
    const row = within((high - y) / (high - low), this.rows);
    return { bitmap: this.bitmap, x: column * width, y: row * height, width, height };
  }
}
