/** Thumbnails in sheets of some hundred pictures each, fetched when one of their pictures is first wanted. */
import { loadPicture } from "./source.js";

const AGAIN = 3000; // milliseconds until a sheet that failed is asked for again

export class Thumbnails {
  /** @param {{tiles: string[], columns: number, rows: number, shape: number[], count: number}} sprite */
  constructor(sprite, onload) {
    this.sprite = sprite;
    this.sheets = new Array(sprite.tiles.length).fill(null);
    this.onload = onload;
  }

  /** Where picture i is: {bitmap, x, y, width, height}; null while its sheet is on the way. */
  at(i) {
    const { columns, rows, shape, count } = this.sprite;
    if (i < 0 || i >= count) return null;
    const sheet = Math.floor(i / (columns * rows));
    const bitmap = this.sheet(sheet);
    if (!bitmap) return null;
    const place = i % (columns * rows);
    const [, height, width] = shape;
    return { bitmap, x: (place % columns) * width, y: Math.floor(place / columns) * height, width, height };
  }

  sheet(number) {
    const found = this.sheets[number];
    if (found instanceof ImageBitmap) return found;
    if (found === null || (typeof found === "number" && performance.now() > found)) {
      this.sheets[number] = loadPicture(this.sprite.tiles[number]).then(
        (bitmap) => {
          this.sheets[number] = bitmap;
          this.onload();
        },
        () => {
          this.sheets[number] = performance.now() + AGAIN; // a thumbnail that is missing is no reason to stop
        },
      );
    }
    return null;
  }
}
