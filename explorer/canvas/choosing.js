/** What a stage does when test images are chosen, by clicks, lassos and keys, and classes hidden. */
import { inPolygon } from "./picking.js";
import { EMPTY } from "./reading.js";

const TOLD = 5000; // milliseconds that it is said where nothing lay in a lasso

const CLOSE = 12; // pixels within which a click means a pseudo-input

/** Methods of `Stage`. */
export const choosing = {
  click(view, px, py, event) {
    if (this.settings.pseudoClicks) {
      const k = view.pickPseudo(px, py, event.pointerType === "touch" ? 24 : CLOSE);
      return k === null ? this.pin(view, px, py, "click") : this.choosePseudo(k);
    }
    const image = view.pick(px, py, event.pointerType === "touch" ? 16 : undefined);
    if (image === null) {
      if (this.selection.length > 1) this.select([], "clear");
      this.pin(view, px, py, "click");
      return;
    }
    this.probe = null;
    if (event.pointerType === "touch") this.point(view, px, py); // a finger does not hover: its tap shows the picture
    if (event.ctrlKey || event.metaKey || this.pair?.armed) {
      const rest = this.selection.filter((i) => i !== image);
      this.select(rest.length < this.selection.length ? rest : [...this.selection, image], "click");
    } else this.select([image], "click");
  },

  /** A pseudo-input is chosen: its ring moves at once, the page answers later. */
  choosePseudo(k) {
    if (k === null) return;
    this.probe = null;
    this.settings = { ...this.settings, pseudoChosen: k };
    this.live.textContent = `${this.settings.pseudoWord} ${k}`;
    this.marked("over");
    this.callbacks.onPseudo?.(k);
  },

  selectNearest(view) {
    const at = this.probe ?? this.pointer;
    if (!at) return;
    if (this.settings.pseudoClicks) return this.choosePseudo(view.pickPseudo(view.camera.sx(at.x), view.camera.sy(at.y), Infinity));
    const found = view.grid.nearest(at.x, at.y, 1, (point) => view.visible(point))[0];
    if (found) this.select([...new Set([...(this.pair?.armed ? this.selection : []), view.imageOf(found.index)])], "key");
  },

  /** What lies in a lasso or a box becomes the selection; with Ctrl it is added. */
  enclose(view, corners, how, event) {
    this.draw(view, null);
    const { camera } = view;
    const found = inPolygon(view.shownXy, corners.map(([px, py]) => [camera.wx(px), camera.wy(py)]), (point) => view.visible(point)).map((point) => view.imageOf(point));
    this.missed = found.length ? 0 : performance.now() + TOLD;
    this.select(event.ctrlKey || event.metaKey ? [...new Set([...this.selection, ...found])] : found, how);
    if (!found.length) this.live.textContent = EMPTY;
  },

  /** What is being drawn to select, in pixels; null when it is done. */
  draw(view, corners) {
    this.outline = corners ? { view, corners } : null;
    this.asking = true;
    this.marked("over");
  },

  select(indices, how) {
    this.setSelection(indices);
    this.live.textContent = `${this.selection.length} selected`;
    this.callbacks.onSelect?.({ indices: [...this.selection], how });
  },

  setSelection(indices) {
    this.selection = [...indices].sort((a, b) => a - b);
    this.setMask();
    this.asking = true;
    this.changed();
  },

  setMask() {
    const n = Math.max(0, ...this.views.map((view) => view.n));
    this.mask = new Uint8Array(n);
    for (const i of this.selection) if (i < n) this.mask[i] = 1;
  },

  forget() {
    this.helpBox.show(false);
    this.pair?.arm(false);
    this.probe = null;
    this.pointer = null;
    this.select([], "clear");
  },

  toggle(place) {
    this.hidden[place] = !this.hidden[place];
    this.changed();
  },

  /** Show one class alone; once more: all of them. */
  isolate(place) {
    const alone = this.classes.every((_, other) => this.hidden[other] === (other !== place));
    this.classes.forEach((_, other) => (this.hidden[other] = alone ? false : other !== place));
    this.changed();
  },

  setMode(mode) {
    this.mode = mode;
    this.root.dataset.mode = mode;
    this.toolbar.update(mode);
  },

  help() {
    this.helpBox.show();
  },
};
