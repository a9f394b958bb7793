/** What the planes of a canvas share: settings, classes, selection, hover, probe, cameras, and the clock of drawing. */
import { Camera } from "./camera.js";
import { attachKeyboard } from "./keyboard.js";
import { attachPointer } from "./pointer.js";
import { el, number } from "./dom.js";
import { Help, Player, Toolbar } from "./tools.js";
import { choosing } from "./choosing.js";
import { Legend } from "./legend.js";
import { along } from "./overlays.js";
import { describe } from "./describe.js";
import { viewOf } from "./views.js";
import { pointing } from "./pointing.js";
import { readTones } from "./theme.js";
import { style } from "./style.js";
import { tracking } from "./track.js";

const DEFAULTS = {
  height: 558, size: 3.5, shapes: false, colour: "class", colourTitle: "", points: true, decoded: false,
  prior: true, aggregate: false, holes: false, pseudo: true, pseudoShares: true, thumbnails: true, neighbours: 6, links: null,
  linked: true, lens: 112, tools: true, frames: false, rest: false, exact: null, ends: null, paths: null, bead: null, track: null, hint: null,
  probe: null, bare: false, pseudoWord: "pseudo-input", pseudoChosen: null, pseudoClicks: false,
};
const QUIET = 140; // milliseconds after the last move at which all points are drawn again

export class Stage {
  constructor(element, options, callbacks) {
    this.callbacks = callbacks;
    this.settings = { ...DEFAULTS, ...options.settings };
    this.classes = [];
    this.hidden = new Array(256).fill(false);
    this.selection = [];
    this.mask = null;
    this.hover = null; // {view, image}
    this.hoverPseudo = null; // {view, k}
    this.pointer = null; // {view, x, y, px, py} in the plane's units and in pixels
    this.probe = null; // {view, x, y}: put down by a click or moved by keys
    this.outline = null;
    this.beading = null; // where the bead is while it is led along its path, counted in the path's points
    this.posteriors = []; // of a drawing, for each plane, or null
    this.mode = "pan";
    this.time = null;
    this.views = [];
    this.probes = Date.now(); // the number of the last probe that was told: another one after each mount
    this.moved = 0;
    this.asking = true;
    this.build(element);
    this.update(options);
  }

  build(element) {
    this.style = el("style", "", { text: style });
    this.top = el("div", "lx-top");
    this.row = el("div", "lx-planes");
    this.aside = el("aside", "lx-aside");
    this.aside.hidden = true;
    this.words = el("div", "lx-reading");
    this.live = el("div", "lx-live", { "aria-live": "polite" });
    this.middle = el("div", "lx-middle", {}, this.row, this.aside);
    this.root = el("div", "lx", {}, this.top, this.middle);
    this.legend = new Legend(this.top, { toggle: (place) => this.toggle(place), isolate: (place) => this.isolate(place) });
    this.toolbar = new Toolbar(this.top, {
      mode: (mode) => this.setMode(mode),
      zoom: (factor) => this.zoom(this.views[0], factor),
      home: () => this.home(),
      fit: () => this.fit(this.views[0]),
      help: () => this.help(),
    });
    this.player = new Player(this.root, (time) => this.seek(time));
    this.root.append(this.words, this.live);
    this.helpBox = new Help(this.root);
    element.append(this.style, this.root);
    this.watcher = new ResizeObserver(() => this.layout());
    this.watcher.observe(this.root);
    this.watcher.observe(this.row);
  }

  /** Change any of the options; planes are loaded again only when they are others. */
  update(changes) {
    this.take(changes.settings ?? {});
    if (changes.classes) this.classes = changes.classes;
    const { settings } = this;
    this.tones = readTones(this.root);
    const key = changes.planes ? JSON.stringify([changes.planes.map((plane) => withoutBytes(plane)), changes.region]) : this.key;
    if (changes.planes && key !== this.key) this.setPlanes(changes.planes, changes.region);
    else if (changes.planes) this.views.forEach((view, i) => view.refresh(changes.planes[i]));
    this.key = key;
    if (changes.message !== undefined) this.setMessage(changes.message);
    if (changes.selection && !same(changes.selection, this.selection)) this.setSelection(changes.selection);
    this.toolbar.box.hidden = !settings.tools;
    this.top.hidden = this.words.hidden = settings.bare;
    const given = settings.probe ?? null;
    if (given && this.views.length && !same(given, this.givenProbe ?? [])) this.probe = { view: this.views[0], x: given[0], y: given[1] };
    this.givenProbe = given;
    for (const view of this.views) {
      if (settings.frames && view.about.frames) view.need("frames");
      else view.seek(null);
    }
    if (!settings.frames) this.time = null;
    this.readyFrames();
    if (settings.exact) this.showExact(settings.exact);
    this.dress();
    this.layout();
    this.changed();
  }

  /** New settings. Ends that were dragged stay where they are until others are given. */
  take(settings) {
    const given = JSON.stringify(settings.ends ?? null);
    const ends = "ends" in settings && given !== this.givenEnds ? settings.ends : this.settings.ends;
    if ("ends" in settings) this.givenEnds = given;
    if ("bead" in settings) this.freeBead();
    this.settings = { ...this.settings, ...settings, ends };
  }

  setPlanes(planes, region) {
    for (const view of this.views) view.box.remove();
    this.region = region;
    this.pointer = this.probe = this.hover = this.hoverPseudo = null;
    this.views = planes.map((about) => viewOf(about, this, this.row));
    this.root.dataset.planes = String(planes.length);
    this.connectCameras();
    for (const view of this.views) {
      attachPointer(view);
      attachKeyboard(view);
      view.load();
    }
  }

  connectCameras() {
    const shared = new Camera(this.region);
    this.views.forEach((view) => (view.camera = this.settings.linked ? shared : new Camera(view.about.region ?? this.region)));
    this.wasLinked = this.settings.linked;
    for (const view of this.views) view.width = 0;
  }

  setMessage(sentence) {
    this.message ??= el("div", "lx-message", { role: "status" });
    this.message.textContent = sentence;
    if (sentence && !this.message.parentNode) this.row.append(this.message);
    if (!sentence) this.message.remove();
  }

  /** A plane's points (or frames) are there, or never will be. */
  arrived() {
    this.setMask();
    this.readyFrames();
    this.dress();
    this.changed("ground", "dots", "over");
  }

  readyFrames() {
    const found = this.views.find((view) => view.frames);
    this.player.update(this.settings.frames && found ? found.frames.epochs : null);
  }

  /** Legend and toolbar as the settings are. */
  dress() {
    const { settings } = this;
    const valued = settings.colour !== "class" && this.views.find((view) => view.values?.name === settings.colour);
    const [low, high] = valued ? valued.valueRange() : [0, 0];
    const digits = high - low < 20 ? (high - low < 2 ? 2 : 1) : 0;
    const scale = valued ? { title: settings.colourTitle, low: number(low, digits), high: number(high, digits), cycle: settings.cycle ?? [] } : null;
    const present = this.views.filter((view) => view.group).length > 0;
    this.legend.update(
      present && settings.points ? this.classes : [],
      {
        hidden: this.hidden.slice(0, this.classes.length),
        shapes: settings.shapes,
        pseudo: settings.pseudo && this.views.some((view) => view.pseudo),
        scale,
      },
      this.tones,
    );
    this.toolbar.update(this.mode);
    if (this.views.length && this.wasLinked !== settings.linked) this.connectCameras();
  }

  layout() {
    const narrow = this.root.clientWidth > 0 && this.root.clientWidth < 640;
    this.root.classList.toggle("lx-narrow", narrow);
    const stacked = narrow ? Math.max(1, 0.66 * this.views.length) : 1; // on a phone planes stand one above the other
    this.root.style.height = `${Math.round(this.settings.height * stacked)}px`;
    let changed = false;
    for (const view of this.views) changed = view.layout() || changed;
    if (changed) this.request();
  }

  // -- the clock ---------------------------------------------------------------------------------------------

  /** Something has changed: draw these layers at the next frame; without names, all of them. */
  changed(...layers) {
    if (layers.length === 0) {
      this.dress();
      this.asking = true; // what has arrived may be what the pointer is on
      layers = ["ground", "dots", "over"];
    }
    for (const view of this.views) view.mark(...layers);
    this.request();
  }

  /** A sheet of thumbnails has come: the one that is wanted now may be on it. */
  pictured() {
    this.asking = true;
    this.request();
  }

  request() {
    if (!this.frame && !this.ended) this.frame = requestAnimationFrame(() => this.tick());
  }

  tick() {
    this.frame = 0;
    if (this.asking) this.ask();
    const moving = performance.now() - this.moved < QUIET;
    let more = false;
    for (const view of this.views) more = view.draw(moving) || more;
    if (more) this.request();
  }

  /** The camera moves: everything is drawn, as many points as there is time for until it is quiet. */
  cameraMoved() {
    this.moved = performance.now();
    this.asking = this.asking || this.pointer !== null || this.probe !== null;
    for (const view of this.views) view.mark("ground", "dots", "over");
    this.request();
    clearTimeout(this.quiet);
    this.quiet = setTimeout(() => this.request(), QUIET + 20); // what there was no time for
  }

  marked(...layers) {
    for (const view of this.views) view.mark(...layers);
    this.request();
  }

  // -- the camera --------------------------------------------------------------------------------------------

  pan(view, dx, dy) {
    if (view.turn) return view.turn(dx, dy); // a sphere
    view.camera.pan(dx, dy);
    this.cameraMoved();
  }

  zoom(view, factor, px, py) {
    if (!view) return;
    view.camera.zoom(factor, px, py);
    this.cameraMoved();
  }

  home(view = null) {
    for (const one of this.settings.linked ? this.views.slice(0, 1) : view ? [view] : this.views) one.camera.fly(one.camera.region, () => this.cameraMoved());
  }

  /** Fly to what is selected; to the whole plane where nothing is. */
  fit(view) {
    if (!view) return;
    if (view.face) return view.face(this.selection);
    const boxes = this.views.filter((one) => one.camera === view.camera).map((one) => one.extent(this.selection)).filter(Boolean);
    if (boxes.length === 0) return this.home(view);
    const least = 1e-3 * (this.region[0][1] - this.region[0][0]);
    const ends = [0, 1].map((axis) => [Math.min(...boxes.map((box) => box[axis][0])), Math.max(...boxes.map((box) => box[axis][1]))]);
    const side = Math.max(...ends.map(([low, high]) => high - low), least);
    view.camera.fly(ends.map(([low, high]) => [(low + high) / 2 - side * 0.62, (low + high) / 2 + side * 0.62]), () => this.cameraMoved());
  }

  /** The image at which all other directions are held: the hovered, else the one that is selected; -1: the mean. */
  get held() {
    return this.selection.length === 1 ? this.selection[0] : -1;
  }

  // -- ends, path, posterior, frames -------------------------------------------------------------------------

  moveEnd(view, end, px, py) {
    if (view.sphere) return view.pair.drag(view, end, px, py);
    const ends = this.settings.ends.map((place) => [...place]);
    ends[end] = [view.camera.wx(px), view.camera.wy(py)];
    this.settings = { ...this.settings, ends };
    this.pointer = { view, px, py, x: ends[end][0], y: ends[end][1] };
    this.asking = true;
    this.marked("over");
  }

  dropEnd(view) {
    if (view.sphere) return view.pair.drop();
    this.callbacks.onEnds?.(this.settings.ends.map((place) => [...place]));
  }

  showPosterior(posterior, plane) {
    this.posteriors[plane] = posterior;
    this.marked("over");
  }

  play() {
    if (!this.player.box.hidden) this.player.toggle();
  }

  step(by) {
    if (!this.player.box.hidden) this.player.jump(Math.round(this.player.time) + by);
    else this.stepBead(by);
  }

  seek(time) {
    this.time = time;
    for (const view of this.views) view.seek(this.settings.frames ? time : null);
    this.asking = this.pointer !== null || this.probe !== null;
    this.request();
  }

  // -- for others --------------------------------------------------------------------------------------------

  decoded(plane) {
    const last = this.views[plane]?.last;
    return last ? { ...last, pixels: Array.from(last.pixels) } : null;
  }

  places(plane) {
    const xy = this.views[plane]?.shownXy;
    return xy ? Array.from(xy) : [];
  }

  screen(x, y, plane) {
    const { camera, over } = this.views[plane];
    const box = over.getBoundingClientRect();
    return [box.left + camera.sx(x), box.top + camera.sy(y)];
  }

  bead(plane) {
    const path = this.settings.paths?.[plane];
    return path && this.settings.bead !== null ? along(path, this.settings.bead) : null;
  }

  describe() {
    return describe(this);
  }

  destroy() {
    this.ended = true;
    this.watcher.disconnect();
    cancelAnimationFrame(this.frame);
    this.player.stop();
    for (const timer of [this.rest, this.quiet, this.keyed, this.saying, this.stepped, this.leading]) clearTimeout(timer);
    for (const view of this.views) view.camera.land();
    this.style.remove();
    this.root.remove();
  }
}

Object.assign(Stage.prototype, pointing, choosing, tracking);

function same(a, b) {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}

/** A plane's description with bytes by their length: what tells whether it is another plane. */
function withoutBytes(plane) {
  const { values, contours, ...lasting } = plane; // those two may change on the planes there are
  return JSON.parse(JSON.stringify(lasting, (_, value) => (value instanceof Uint8Array || value instanceof ArrayBuffer ? `bytes ${value.byteLength}` : value)));
}
