/** The pictures at the pointer: what the decoder draws there and, on a point, the test image itself. */
import { el } from "./dom.js";
import { paint } from "./tiles.js";

const AWAY = 18; // pixels between the pointer and the pictures

export class Lens {
  /** @param {HTMLElement} parent the plot @param {number[]} shape [C, H, W] */
  constructor(parent, shape, size) {
    this.shape = shape;
    const [, height, width] = shape;
    const scale = size / Math.max(height, width);
    const picture = () => {
      const canvas = el("canvas", "lx-picture");
      canvas.width = width;
      canvas.height = height;
      canvas.style.width = `${Math.round(width * scale)}px`;
      canvas.style.height = `${Math.round(height * scale)}px`;
      return canvas;
    };
    this.image = picture();
    this.decoded = picture();
    this.imageWords = el("figcaption", "");
    this.decodedWords = el("figcaption", "");
    this.imageFigure = el("figure", "", {}, this.image, this.imageWords);
    this.decodedFigure = el("figure", "", {}, this.decoded, this.decodedWords);
    this.box = el("div", "lx-lens", { "aria-hidden": "true" }, this.imageFigure, this.decodedFigure);
    this.box.hidden = true;
    parent.append(this.box);
    this.pen = this.decoded.getContext("2d");
    this.pixels = this.pen.createImageData(width, height);
  }

  /** Pixels [C, H, W] in [0, 1], or a part of a picture as `Thumbnails.at` gives it, or null. */
  showDecoded(what, words) {
    this.decodedFigure.hidden = !what;
    if (!what) return;
    if (what.bitmap) copy(this.pen, what, this.decoded);
    else {
      paint(this.pixels.data, what, this.shape);
      this.pen.putImageData(this.pixels, 0, 0);
    }
    if (this.decodedWords.textContent !== words) this.decodedWords.textContent = words;
  }

  /** A thumbnail (as `Thumbnails.at` gives it), or null; `coming`: keep its place until it is there. */
  showImage(part, words, coming = false) {
    this.imageFigure.hidden = !part && !coming;
    const pen = this.image.getContext("2d");
    if (part) copy(pen, part, this.image);
    else pen.clearRect(0, 0, this.image.width, this.image.height);
    if (this.imageWords.textContent !== words) this.imageWords.textContent = words;
  }

  /** Beside (x, y) of the plot, on the side where there is room. */
  place(x, y, width, height) {
    const empty = this.imageFigure.hidden && this.decodedFigure.hidden;
    this.box.hidden = empty;
    if (empty) return;
    const w = this.box.offsetWidth;
    const h = this.box.offsetHeight;
    const left = x + AWAY + w <= width ? x + AWAY : Math.max(0, x - AWAY - w);
    const top = y - AWAY - h >= 0 ? y - AWAY - h : y + AWAY + h <= height ? y + AWAY : Math.max(0, height - h);
    this.box.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
  }

  hide() {
    this.box.hidden = true;
  }
}

function copy(pen, { bitmap, x, y, width, height }, canvas) {
  pen.imageSmoothingEnabled = false;
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(bitmap, x, y, width, height, 0, 0, canvas.width, canvas.height);
}
