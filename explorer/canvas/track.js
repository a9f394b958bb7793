/** The bead of a path: it is dragged or stepped along, and the decoder draws where it is, without the server. */
import { along } from "./overlays.js";
import { nearestPoint } from "./latent.js";
import { number } from "./dom.js";
import { loadPicture, loadTensors } from "./source.js";

const GRIP = 12; // pixels around the bead that can be gripped
const REST = 320; // milliseconds after which a bead that keys have moved is told
const ANSWER = 3000; // milliseconds after which a page has not answered
const SLACK = 3; // pixels by which a far part of the path must be nearer than the part where the bead is
export const MOVED = "latent-bead"; // an event of the window: other parts of the page follow the bead

/** Methods of `Stage`. The path is the first plane's; `settings.track` says where its steps are and what they are. */
export const tracking = {
  /** Whether the bead is there. Its codes are asked for as soon as the pointer is on it. */
  onBead(view, px, py) {
    const { track } = this.settings;
    const at = track && view === this.views[0] ? this.bead(0) : null;
    if (!at || Math.hypot(view.camera.sx(at[0]) - px, view.camera.sy(at[1]) - py) >= GRIP) return false;
    this.readyTrack();
    return true;
  },

  moveBead(view, px, py) {
    this.gripping = true;
    const places = this.settings.paths[0];
    const { camera } = view;
    const near = places.slice(1).map((to, i) => nearestOn(screen(camera, places[i]), screen(camera, to), [px, py]));
    const least = Math.min(...near.map(({ distance }) => distance));
    const now = this.beading ?? indexOf(places, this.settings.bead);
    let best = null;
    near.forEach(({ distance, share }, i) => {
      const index = i + share;
      if (distance <= least + SLACK && (best === null || Math.abs(index - now) < Math.abs(best - now))) best = index;
    });
    this.placeBead(best ?? now);
  },

  /** Put the bead at a place of the path, counted in its points, between them too. */
  placeBead(index) {
    this.readyTrack();
    this.beading = index;
    this.pointer = this.probe = null;
    this.hover = this.hoverPseudo = null;
    this.settings = { ...this.settings, bead: shareOf(this.settings.paths[0], index) };
    this.asking = true;
    this.marked("over");
  },

  /** Let go: the bead goes to the nearest step, which is told. */
  dropBead() {
    const { stops } = this.settings.track;
    const step = nearestStop(stops, this.beading);
    this.placeBead(stops[step]);
    this.showBead(); // what the page will answer, so that nothing flickers until it does
    this.beading = null;
    this.gripping = this.led = false;
    this.callbacks.onBead?.(step);
  },

  /** To a step that a control of the page is at, until the page answers. */
  leadBead(step) {
    const { track, paths, bead } = this.settings;
    if (!track || bead === null || this.gripping || step >= track.stops.length) return;
    if (this.beading === null && nearestStop(track.stops, indexOf(paths[0], bead)) === step) return;
    this.placeBead(track.stops[step]);
    this.led = true;
    clearTimeout(this.leading);
    this.leading = setTimeout(() => this.freeBead(), ANSWER);
  },

  /** The page has answered, or never will. */
  freeBead() {
    if (!this.led) return;
    this.led = false;
    this.beading = null;
    this.asking = true;
    this.request();
  },

  /** One step on or back, by a key. */
  stepBead(by) {
    const { track, paths, bead } = this.settings;
    if (!track || bead === null) return;
    const now = nearestStop(track.stops, this.beading ?? indexOf(paths[0], bead));
    this.placeBead(track.stops[Math.min(track.stops.length - 1, Math.max(0, now + by))]);
    clearTimeout(this.stepped);
    this.stepped = setTimeout(() => this.beading !== null && this.dropBead(), REST);
  },

  /** Fetch the codes of the path, or the pictures of its steps where no browser can decode them; once for each path. */
  readyTrack() {
    const { codes, sheet } = this.settings.track;
    const wanted = codes ?? sheet;
    if (!wanted || this.trackFor === wanted) return;
    this.trackFor = wanted;
    this.trackCodes = this.trackSheet = null;
    const load = codes ? loadTensors(codes) : loadPicture(sheet);
    load.then(
      (found) => {
        if (this.trackFor !== wanted) return;
        if (codes) this.trackCodes = found.tensors.codes ?? null;
        else this.trackSheet = found;
        this.asking = true;
        this.request();
      },
      () => (this.trackFor = null), // the next move asks again
    );
  },

  /** The picture where the bead is, beside it and for those who listen. */
  showBead() {
    const view = this.views[0];
    const { paths, track, bead } = this.settings;
    const { camera, lens } = view;
    const [x, y] = along(paths[0], bead);
    const words = wordsAt(track, this.beading);
    const pixels = this.decodeBead(view, x, y);
    const step = nearestStop(track.stops, this.beading);
    const [, height, width] = view.about.shape;
    const part = !pixels && this.trackSheet ? { bitmap: this.trackSheet, x: step * width, y: 0, width, height } : null;
    lens.showImage(null, "");
    lens.showDecoded(pixels ?? part, words);
    if (this.led) lens.hide(); // the eyes are on the slider, and the picture stands large beside it
    else lens.place(camera.sx(x), camera.sy(y), camera.width, camera.height);
    this.words.textContent = words;
    const at = valueAt(track, this.beading);
    window.dispatchEvent(new CustomEvent(MOVED, { detail: { model: view.about.name, at, words, pixels, part, shape: view.about.shape } }));
    this.marked("over");
  },

  /** What the decoder draws there; null while the codes are not there, and where no browser can decode. */
  decodeBead(view, x, y) {
    const codes = this.trackCodes;
    const size = codes?.shape[1];
    if (!view.decoder || size !== view.decoder.inputs.z || codes.shape[0] !== this.settings.paths[0].length) return null;
    const low = Math.min(Math.floor(this.beading), codes.shape[0] - 2);
    const share = this.beading - low;
    const z = Float32Array.from({ length: size }, (_, u) => codes.data[low * size + u] * (1 - share) + codes.data[(low + 1) * size + u] * share);
    const { pixels } = view.decoder.run({ z: nearestPoint(z, view.way.space) });
    view.last = { x, y, z: Array.from(z), pixels };
    return pixels;
  },
};

function screen(camera, [x, y]) {
  return [camera.sx(x), camera.sy(y)];
}

/** The nearest place of a stretch from a to b: its share of the stretch, and how far it is. */
function nearestOn(a, b, p) {
  const way = [b[0] - a[0], b[1] - a[1]];
  const long = way[0] ** 2 + way[1] ** 2;
  const share = long ? Math.min(1, Math.max(0, ((p[0] - a[0]) * way[0] + (p[1] - a[1]) * way[1]) / long)) : 0;
  return { share, distance: Math.hypot(p[0] - a[0] - share * way[0], p[1] - a[1] - share * way[1]) };
}

function lengthsOf(places) {
  return places.slice(1).map(([x, y], i) => Math.hypot(x - places[i][0], y - places[i][1]));
}

/** The share of the path's length at a place counted in its points. */
function shareOf(places, index) {
  const lengths = lengthsOf(places);
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const before = lengths.reduce((sum, length, i) => sum + length * Math.min(1, Math.max(0, index - i)), 0);
  return total > 0 ? before / total : 0;
}

/** The other way round. */
function indexOf(places, share) {
  const lengths = lengthsOf(places);
  let left = share * lengths.reduce((sum, length) => sum + length, 0);
  for (let i = 0; i < lengths.length; i++) {
    if (left <= lengths[i] && lengths[i] > 0) return i + left / lengths[i];
    left -= lengths[i];
  }
  return places.length - 1;
}

function nearestStop(stops, index) {
  return stops.reduce((best, stop, i) => (Math.abs(stop - index) < Math.abs(stops[best] - index) ? i : best), 0);
}

/** The number of a place: between those of its two steps. */
function valueAt({ stops, values }, index) {
  const next = stops.findIndex((stop) => stop >= index);
  if (next <= 0) return next < 0 ? values[values.length - 1] : values[0];
  const share = (index - stops[next - 1]) / (stops[next] - stops[next - 1]);
  return values[next - 1] + share * (values[next] - values[next - 1]);
}

/** "t = 0.43"; where only steps have names that of the nearest, "step 4". */
function wordsAt(track, index) {
  const step = nearestStop(track.stops, index);
  if (!track.symbol || track.stops[step] === index) return track.names[step];
  return `${track.symbol} = ${number(valueAt(track, index))}`;
}
