/** What the planes of a canvas share: settings, classes, selection, hover, probe, cameras, and the clock of drawing. */
import { Camera } from "./camera.js";
import { attachKeyboard } from "./keyboard.js";
import { attachPointer } from "./pointer.js";
import { el, number } from "./dom.js";
import { Help, Player, Toolbar } from "./tools.js";
import { inPolygon } from "./picking.js";
import { Legend } from "./legend.js";
import { along } from "./overlays.js";
import { describe } from "./describe.js";
import { loadPicture } from "./source.js";
import { viewOf } from "./views.js";
import { reading } from "./reading.js";
import { readTones } from "./theme.js";
import { style } from "./style.js";

const DEFAULTS = {
  height: 558, size: 3.5, shapes: false, colour: "class", colourTitle: "", points: true, decoded: false,
  prior: true, aggregate: false, pseudo: true, pseudoShares: true, thumbnails: true, neighbours: 6, links: null,
  linked: true, lens: 112, tools: true, frames: false, rest: false, exact: null, ends: null, paths: null, bead: null,
  probe: null,
};
const REST = 320; // milliseconds after which the pointer rests
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
    this.key = key;
    if (changes.message !== undefined) this.setMessage(changes.message);
    if (changes.selection && !same(changes.selection, this.selection)) this.setSelection(changes.selection);
    this.toolbar.box.hidden = !settings.tools;
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
    const scale = valued ? { title: settings.colourTitle, low: number(low, 0), high: number(high, 0) } : null;
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

  // -- pointing ----------------------------------------------------------------------------------------------

  /** Whether a place of one plane means something on the other: where their axes are the same z. */
  belongs(view, other) {
    return view === other || (view.flat && other.flat);
  }

  point(view, px, py) {
    this.pointer = { view, px, py, x: view.camera.wx(px), y: view.camera.wy(py) };
    this.asking = true;
    this.resting = false;
    clearTimeout(this.rest);
    this.rest = setTimeout(() => this.rested(), REST);
    this.request();
  }

  leave(view) {
    if (this.pointer?.view !== view) return;
    clearTimeout(this.rest);
    this.pointer = null;
    this.asking = true;
    this.request();
  }

  /** Put the probe at a place of the screen and say so. */
  pin(view, px, py, how) {
    this.probe = { view, x: view.camera.wx(px), y: view.camera.wy(py) };
    if (how !== "click") this.pointer = null;
    this.asking = true;
    this.marked("over");
    this.tellProbe(this.probe, how);
  }

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
  }

  /** Tell Python of a place, and remember which it was: an exact picture may come back for it. */
  tellProbe(at, how) {
    this.probes += 1;
    const z = at.view.decodeAt(at.x, at.y, this.held)?.z;
    this.callbacks.onProbe?.({ plane: at.view.about.name, x: at.x, y: at.y, z: z ? Array.from(z) : null, how, number: this.probes });
  }

  /** The pointer (or the finger) has stood still for a while. */
  rested() {
    this.resting = true;
    this.live.textContent = this.words.textContent;
    if (!this.pointer) return;
    if (this.hover) this.callbacks.onHover?.(this.hover.image);
    if (this.settings.rest && !this.hover && this.pointer.view.about.lattice) this.tellProbe(this.pointer, "rest");
  }

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
  }

  /** The image at which all other directions are held: the hovered, else the one that is selected; -1: the mean. */
  get held() {
    return this.selection.length === 1 ? this.selection[0] : -1;
  }

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
    const at = pointer ?? this.probe;
    for (const view of this.views) this.show(view, at);
    this.words.textContent = reading(this, at);
    if (!pointer) {
      clearTimeout(this.saying);
      this.saying = setTimeout(() => (this.live.textContent = this.words.textContent), REST);
    }
    this.marked("over");
  }

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
  }

  /** A test image in words: its class and number. */
  named(view, image) {
    const one = this.classes[view.group[image]];
    return `${one ? `${one.name} · ` : ""}image ${image.toLocaleString("en")}`;
  }

  // -- choosing ----------------------------------------------------------------------------------------------

  click(view, px, py, event) {
    const image = view.pick(px, py, event.pointerType === "touch" ? 16 : undefined);
    if (image === null) {
      if (this.selection.length > 1) this.select([], "clear");
      this.pin(view, px, py, "click");
      return;
    }
    this.probe = null;
    if (event.pointerType === "touch") this.point(view, px, py); // a finger does not hover: its tap shows the picture
    if (event.ctrlKey || event.metaKey) {
      const rest = this.selection.filter((i) => i !== image);
      this.select(rest.length < this.selection.length ? rest : [...this.selection, image], "click");
    } else this.select([image], "click");
  }

  selectNearest(view) {
    const at = this.probe ?? this.pointer;
    if (!at) return;
    const found = view.grid.nearest(at.x, at.y, 1, (point) => view.visible(point))[0];
    if (found) this.select([view.imageOf(found.index)], "key");
  }

  /** What lies in a lasso or a box becomes the selection; with Ctrl it is added. */
  enclose(view, corners, how, event) {
    this.draw(view, null);
    const { camera } = view;
    const found = inPolygon(view.shownXy, corners.map(([px, py]) => [camera.wx(px), camera.wy(py)]), (point) => view.visible(point)).map((point) => view.imageOf(point));
    this.select(event.ctrlKey || event.metaKey ? [...new Set([...this.selection, ...found])] : found, how);
  }

  /** What is being drawn to select, in pixels; null when it is done. */
  draw(view, corners) {
    this.outline = corners ? { view, corners } : null;
    this.asking = true;
    this.marked("over");
  }

  select(indices, how) {
    this.setSelection(indices);
    this.live.textContent = `${this.selection.length} selected`;
    this.callbacks.onSelect?.({ indices: [...this.selection], how });
  }

  setSelection(indices) {
    this.selection = [...indices].sort((a, b) => a - b);
    this.setMask();
    this.asking = true;
    this.changed();
  }

  setMask() {
    const n = Math.max(0, ...this.views.map((view) => view.n));
    this.mask = new Uint8Array(n);
    for (const i of this.selection) if (i < n) this.mask[i] = 1;
  }

  forget() {
    this.helpBox.show(false);
    this.probe = null;
    this.pointer = null;
    this.select([], "clear");
  }

  toggle(place) {
    this.hidden[place] = !this.hidden[place];
    this.changed();
  }

  /** Show one class alone; once more: all of them. */
  isolate(place) {
    const alone = this.classes.every((_, other) => this.hidden[other] === (other !== place));
    this.classes.forEach((_, other) => (this.hidden[other] = alone ? false : other !== place));
    this.changed();
  }

  setMode(mode) {
    this.mode = mode;
    this.root.dataset.mode = mode;
    this.toolbar.update(mode);
  }

  help() {
    this.helpBox.show();
  }

  // -- ends, path, posterior, frames -------------------------------------------------------------------------

  moveEnd(view, end, px, py) {
    const ends = this.settings.ends.map((place) => [...place]);
    ends[end] = [view.camera.wx(px), view.camera.wy(py)];
    this.settings = { ...this.settings, ends };
    this.pointer = { view, px, py, x: ends[end][0], y: ends[end][1] };
    this.asking = true;
    this.marked("over");
  }

  dropEnd() {
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
    for (const timer of [this.rest, this.quiet, this.keyed, this.saying]) clearTimeout(timer);
    for (const view of this.views) view.camera.land();
    this.style.remove();
    this.root.remove();
  }
}

/** What a decoded picture is, under it. */
function wordsFor(view, exact, image = false) {
  if (!exact) return "nearest decoded tile";
  if (view.about.decoded === "sample") return "a sample, decoded";
  return image ? "its code, decoded" : "decoded here";
}

function pseudoWords(view, k) {
  const share = view.shares ? ` · ${(100 * view.shares[k]).toFixed(2)} %` : "";
  return `pseudo-input ${k}${share}`;
}

function same(a, b) {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}

/** A plane's description with bytes by their length: what tells whether it is another plane. */
function withoutBytes(plane) {
  return JSON.parse(JSON.stringify(plane, (_, value) => (value instanceof Uint8Array || value instanceof ArrayBuffer ? `bytes ${value.byteLength}` : value)));
}
