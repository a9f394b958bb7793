/** What a stage does where the visitor points: the probe, the pictures at the pointer, what Python is told and answers. */
import { loadPicture } from "./source.js";
import { reading } from "./reading.js";

const REST = 320; // milliseconds after which the pointer rests

/** Methods of `Stage`. */
export const pointing = {
  /** Whether a place of one plane means something on the other: where their axes are the same z. */
  belongs(view, other) {
    return view === other || (view.flat && other.flat);
  },

  point(view, px, py) {
    this.pointer = { view, px, py, x: view.camera.wx(px), y: view.camera.wy(py) };
    this.asking = true;
    this.resting = false;
    clearTimeout(this.rest);
    this.rest = setTimeout(() => this.rested(), REST);
    this.request();
  },

  leave(view) {
    if (this.pointer?.view !== view) return;
    clearTimeout(this.rest);
    this.pointer = null;
    this.asking = true;
    this.request();
  },

  /** Put the probe at a place of the screen and say so. */
  pin(view, px, py, how) {
    this.probe = { view, x: view.camera.wx(px), y: view.camera.wy(py) };
    if (how !== "click") this.pointer = null;
    this.asking = true;
    this.marked("over");
    this.tellProbe(this.probe, how);
  },

  /** Move the probe by pixels; it starts where it last was, or in the middle. */
  nudge(view, dx, dy) {
    if (view.globe) return view.turn(-dx, -dy);
    const { camera } = view;
    const from = this.probe && this.probe.view === view ? this.probe : { x: camera.x, y: camera.y };
    const px = Math.min(camera.width - 1, Math.max(1, camera.sx(from.x) + dx));
    const py = Math.min(camera.height - 1, Math.max(1, camera.sy(from.y) + dy));
    this.probe = { view, x: camera.wx(px), y: camera.wy(py) };
    this.pointer = null;
    this.asking = true;
    this.marked("over");
    clearTimeout(this.keyed);
    this.keyed = setTimeout(() => this.tellProbe(this.probe, "key"), REST);
  },

  /** Tell Python of a place, and remember which it was: an exact picture may come back for it. */
  tellProbe(at, how) {
    this.probes += 1;
    const z = at.view.decodeAt(at.x, at.y, this.held)?.z;
    this.callbacks.onProbe?.({ plane: at.view.about.name, x: at.x, y: at.y, z: z ? Array.from(z) : null, how, number: this.probes });
  },

  /** The pointer (or the finger) has stood still for a while. */
  rested() {
    this.resting = true;
    this.live.textContent = this.words.textContent;
    if (!this.pointer) return;
    if (this.hover) this.callbacks.onHover?.(this.hover.image);
    if (this.settings.rest && !this.hover && this.pointer.view.about.lattice) this.tellProbe(this.pointer, "rest");
  },

  /** The server's exact pictures, if the pointer is still where it was when they were asked for. */
  async showExact({ number: asked, images }) {
    if (asked !== this.probes || this.exactShown === asked) return;
    this.exactShown = asked;
    await Promise.all(
      images.map(async (source, i) => {
        const view = this.views[i];
        if (!view || !source) return;
        const bitmap = await loadPicture(source).catch(() => null);
        if (bitmap && asked === this.probes && (this.resting || this.probe)) {
          view.lens.showDecoded({ bitmap, x: 0, y: 0, width: bitmap.width, height: bitmap.height }, wordsFor(view, true));
          view.exact = asked;
        }
      }),
    );
  },

  /** What is under the pointer (or the probe), and what the decoder draws there: once per frame at most. */
  ask() {
    this.asking = false;
    const { pointer } = this;
    if (pointer && !this.outline) {
      pointer.x = pointer.view.camera.wx(pointer.px);
      pointer.y = pointer.view.camera.wy(pointer.py);
    }
    const k = pointer ? pointer.view.pickPseudo(pointer.px, pointer.py) : null;
    const image = pointer && k === null ? pointer.view.pick(pointer.px, pointer.py) : null;
    this.hover = image === null ? null : { view: pointer.view, image };
    this.hoverPseudo = k === null ? null : { view: pointer.view, k };
    if (this.beading !== null) return this.showBead();
    const at = pointer ?? this.probe;
    for (const view of this.views) this.show(view, at);
    this.words.textContent = reading(this, at);
    if (!pointer) {
      clearTimeout(this.saying);
      this.saying = setTimeout(() => (this.live.textContent = this.words.textContent), REST);
    }
    this.marked("over");
  },

  /** The pictures of one plane at the pointer, the hovered image or the probe. */
  show(view, at) {
    const { lens } = view;
    const hovered = this.hover ? view.placeOf(this.hover.image) : null;
    const linkedHover = hovered && (view === this.hover.view || view.n === this.hover.view.n);
    const here = linkedHover ? { x: hovered[0], y: hovered[1] } : at && this.belongs(at.view, view) && !this.hover ? at : null;
    if (!here || this.outline || !view.xy || (this.turning && this.hover && this.hover.view !== view)) return lens.hide(); // under a sphere's map stand the pictures of all
    const image = linkedHover ? this.hover.image : null;
    const pseudo = this.hoverPseudo?.view === view ? this.hoverPseudo.k : null;
    const found = view.answer(here.x, here.y, image ?? this.held);
    const exact = found?.exact || (view.exact === this.probes && this.probes > 0 && !found?.exact && this.resting);
    if (found && !(exact && !found.exact)) lens.showDecoded(found.picture, wordsFor(view, found.exact, image !== null));
    else if (!found) lens.showDecoded(null, "");
    if (image !== null && this.settings.thumbnails && view.thumbnails) lens.showImage(view.thumbnails.at(image), this.named(view, image), true);
    else if (pseudo !== null && view.pseudoThumbnails) lens.showImage(view.pseudoThumbnails.at(pseudo), pseudoWords(view, pseudo), true);
    else lens.showImage(null, "");
    lens.place(view.camera.sx(here.x), view.camera.sy(here.y), view.camera.width, view.camera.height);
  },

  /** A test image in words: its class and number. */
  named(view, image) {
    const one = this.classes[view.group[image]];
    return `${one ? `${one.name} · ` : ""}image ${image.toLocaleString("en")}`;
  },
};

/** What a decoded picture is, under it. */
function wordsFor(view, exact, image = false) {
  if (!exact) return "nearest decoded tile";
  if (view.about.words) return view.about.words[image ? 1 : 0];
  if (view.about.decoded === "sample") return "a sample, decoded";
  return image ? "its code, decoded" : "decoded here";
}

function pseudoWords(view, k) {
  const share = view.shares ? ` · ${(100 * view.shares[k]).toFixed(2)} %` : "";
  return `${view.stage.settings.pseudoWord} ${k}${share}`;
}
