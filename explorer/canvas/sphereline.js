/** Pictures decoded along the middle line of a map, each below its place; they follow when the sphere is turned. */
import { el } from "./dom.js";
import { paint } from "./tiles.js";

const SIDE = 75; // CSS pixels of a picture, at most
const GAP = 2;
const WORDS = 19; // CSS pixels of the line of words
const [MOVING, STILL] = [2.5, 20]; // milliseconds of decoding in a frame

export class MiddleLine {
  /** @param {import("./sphereview.js").SphereView} view the map */
  constructor(view) {
    this.view = view;
    this.canvas = el("canvas", "lx-line", { role: "img" });
    this.words = el("figcaption", "", { text: "Decoded along the middle line of the map, each picture below its place." });
    this.box = el("figure", "lx-middle-line", {}, this.canvas, this.words);
    this.shown = "";
    this.pictures = [];
    this.next = 0;
  }

  /** Where the pictures belong on the map, pixels from its left edge; and their side. */
  get row() {
    const { camera } = this.view;
    const key = `${camera.width} ${camera.height} ${this.box.parentNode !== null}`;
    if (this.laid?.key !== key) this.laid = { key, ...this.layout() }; // (to ask for sizes in each frame costs the browser a layout)
    return this.laid;
  }

  layout() {
    const { camera } = this.view;
    const room = this.box.parentNode ? this.box.parentNode.clientHeight - WORDS * this.view.stage.tones.larger - 6 : SIDE;
    const side = Math.max(16, Math.min(SIDE, room));
    const n = Math.max(1, Math.floor((camera.width + GAP) / (side + GAP)));
    return { side, places: Array.from({ length: n }, (_, k) => ((k + 0.5) * camera.width) / n) };
  }

  update() {
    const { view } = this;
    const { camera, stage } = view;
    const { side, places } = this.row;
    if (!view.decoder || !view.way.ready || camera.width < 40) return;
    const key = [view.turning.version, view.map.width, view.map.seam, camera.x, camera.y, camera.scale, camera.width, side, stage.held, view.way.codes !== null].join(" ");
    if (key !== this.shown) this.next = 0;
    else if (this.next >= places.length) return;
    this.shown = key;
    const until = performance.now() + (performance.now() - stage.moved < 150 ? MOVING : STILL);
    this.start = this.next === 0 && this.late ? this.late : this.start ?? 0;
    while (this.next < places.length && (this.next === 0 || performance.now() < until)) {
      const k = (this.next + this.start) % places.length; // where there was no time, another one is first next time
      const found = view.decodeAt(camera.wx(places[k]), camera.y, stage.held);
      this.pictures[k] = found ? Float32Array.from(found.pixels) : null;
      this.next += 1;
    }
    this.late = this.next < places.length ? (this.next + this.start) % places.length : 0;
    this.pictures.length = places.length;
    this.draw(side, places);
    if (this.next < places.length) requestAnimationFrame(() => stage.ended || stage.marked("over"));
  }

  draw(side, places) {
    const { view, canvas } = this;
    const [, height, width] = view.about.shape;
    const ratio = Math.min(window.devicePixelRatio || 1, 3);
    const whole = Math.round(view.camera.width * ratio);
    if (canvas.width !== whole || canvas.height !== Math.round(side * ratio)) {
      canvas.width = whole;
      canvas.height = Math.round(side * ratio);
      canvas.style.width = `${view.camera.width}px`;
      canvas.style.height = `${side}px`;
    }
    canvas.setAttribute("aria-label", `${places.length} pictures decoded along the middle line of the map`);
    const pen = canvas.getContext("2d");
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.imageSmoothingEnabled = false;
    this.tile ??= Object.assign(document.createElement("canvas"), { width, height });
    const small = this.tile.getContext("2d");
    const image = small.createImageData(width, height);
    const [w, h] = [side * Math.min(1, width / height), side * Math.min(1, height / width)];
    this.pictures.forEach((pixels, k) => {
      if (!pixels) return;
      paint(image.data, pixels, view.about.shape);
      small.putImageData(image, 0, 0);
      pen.drawImage(this.tile, Math.round((places[k] - w / 2) * ratio), 0, Math.round(w * ratio), Math.round(h * ratio));
    });
  }

  /** The middle line on the map, with a tick above each picture. */
  mark(pen) {
    const { camera, stage, map } = this.view;
    const y = camera.height / 2;
    const out = [0, 0, 0];
    const inside = (px) => map.inverse(camera.wx(px), camera.y, out);
    pen.save();
    for (const [colour, width] of [[stage.tones.halo, 4], [stage.tones.ink, 1.5]]) {
      pen.strokeStyle = colour;
      pen.lineWidth = width;
      pen.beginPath();
      for (const x of this.row.places)
        if (inside(x)) {
          pen.moveTo(x, y - 4);
          pen.lineTo(x, y + 4);
        }
      pen.stroke();
    }
    pen.restore();
  }
}
