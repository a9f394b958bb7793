/** One plane: its data, its three canvases (ground, points, what lies over them) and what is where on it. */
import { el, number, sizeCanvas } from "./dom.js";
import { drawAxes, margins } from "./axes.js";
import { colouring } from "./colouring.js";
import { Density } from "./contours.js";
import { Frames } from "./frames.js";
import { Grid, nearestRows } from "./picking.js";
import { Lens } from "./lens.js";
import { DecodedTiles, Lattice } from "./tiles.js";
import { MOVING, PointLayer, STILL } from "./points.js";
import { Thumbnails } from "./thumbnails.js";
import { Way } from "./latent.js";
import { drawOver, drawPseudoLayer } from "./overview.js";
import { loadBytes, loadPicture, loadTensors } from "./source.js";
import { loadProgram } from "./interpreter.js";
import { redrawable } from "./vector.js";

const REACH = 10; // pixels within which a point is meant
export const HOLES = [202, 0, 32]; // the red end of a diverging scale: more prior than data
export const ON_TILES = "#2fb391"; // contours over decoded pictures, which are dark in light and dark themes
export const TILE = 34; // CSS pixels of a decoded tile, about

export class PlaneView {
  /** @param {Object} about one of `planes` in `createCanvas` @param {Object} stage what the planes share (canvas.js) */
  constructor(about, stage, parent) {
    this.about = about;
    this.stage = stage;
    this.camera = null;
    this.ground = el("canvas", "lx-ground", { "aria-hidden": "true" });
    this.dots = el("canvas", "lx-dots", { "aria-hidden": "true" });
    this.over = el("canvas", "lx-over", {
      tabindex: "0",
      role: "application",
      "aria-roledescription": "latent plane",
      "aria-label": `Test images in the latent space of ${about.name}. Arrow keys move the probe, question mark lists the keys.`,
    });
    this.thinned = el("div", "lx-thinned", { "aria-hidden": "true" });
    this.plot = el("div", "lx-plot", {}, this.dots, this.thinned, this.over);
    this.note = el("div", "lx-note", { role: "status" });
    this.cell = el("div", "lx-cell", {}, this.ground, this.plot, this.note);
    this.title = el("div", "lx-title", { text: about.title });
    this.title.hidden = !about.title;
    this.box = el("section", "lx-plane", {}, this.title, this.cell);
    parent.append(this.box);
    this.layer = new PointLayer();
    this.lens = new Lens(this.plot, about.shape, stage.settings.lens);
    this.decoder = null;
    this.decoderWhy = null;
    this.densities = {};
    this.values = null;
    this.asked = new Set();
    this.dirty = { ground: true, dots: true, over: true };
    this.thumbnails = about.sprite ? new Thumbnails(about.sprite, () => stage.pictured()) : null;
    this.pseudoThumbnails = about.pseudoSprite ? new Thumbnails(about.pseudoSprite, () => stage.pictured()) : null;
    this.tiles = null;
    this.lattice = null;
    this.frames = null;
    this.frame = null; // the frame that is shown, or null for the points of the finished model
    this.error = null;
    this.last = null; // what was decoded last: {x, y, z, pixels}
    this.n = 0;
    this.margin = margins(1);
    redrawable(this);
  }

  // -- data --------------------------------------------------------------------------------------------------

  async load() {
    this.say("Placing the test images …");
    try {
      this.take(await loadTensors(this.about.points));
      this.say("");
    } catch (error) {
      this.fail(`The points of ${this.about.name} cannot be shown. ${error.message}`);
      return;
    }
    this.stage.arrived(this);
    if (this.about.decoder)
      try {
        this.decoder = loadProgram(await loadBytes(this.about.decoder));
        this.tiles = new DecodedTiles(this.about.shape);
      } catch (error) {
        this.decoderWhy = error.message;
        this.say(`Nothing is decoded here. ${error.message}`, true);
      }
    if (!this.way.linear) this.need("codes");
    this.mark("ground", "over");
    this.stage.changed();
  }

  /** The points' file, checked: what does not fit throws an Error with one sentence. */
  take({ metadata, tensors }) {
    const { places, group } = tensors;
    if (!places || places.shape.length !== 2 || places.shape[1] !== 2) throw new Error("The file has no places of points.");
    const n = places.shape[0];
    if (group && group.data.length !== n) throw new Error(`There are ${n} points, but the classes of ${group.data.length}.`);
    if (group && group.data.some((place) => place >= this.stage.classes.length)) throw new Error("The classes of the points are damaged.");
    for (const name of ["spread"]) if (tensors[name] && tensors[name].shape[0] !== n) throw new Error(`There are ${n} points, but ${name} is given for ${tensors[name].shape[0]}.`);
    if (tensors.shares && tensors.shares.data.length * 2 !== tensors.pseudo?.data.length) throw new Error("The shares of the pseudo-inputs do not fit their number.");
    if (tensors.axes && tensors.axes.data.length !== 2 * tensors.centre?.data.length) throw new Error("The way back from the plane is damaged.");
    this.n = n;
    this.xy = places.data;
    this.group = group ? group.data : new Uint8Array(n);
    this.spread = tensors.spread?.data ?? null;
    this.pseudo = tensors.pseudo?.data ?? null;
    this.shares = tensors.shares?.data ?? null;
    this.kind = metadata.kind ?? "";
    this.way = new Way(tensors, metadata.space ?? "euclidean");
    this.flat = metadata.kind === "units";
    if (this.flat) this.way.give(this.xy, 2);
    this.layer.place(this.xy);
    this.whole = null;
    this.name();
    this.mark("ground", "dots", "over");
  }

  /** What those hear who do not see it: how many points there are, and from where to where. */
  name() {
    const along = (axis) => {
      let [low, high] = [Infinity, -Infinity];
      for (let i = axis; i < 2 * this.n; i += 2) [low, high] = [Math.min(low, this.xy[i]), Math.max(high, this.xy[i])];
      return `from ${number(low, 1)} to ${number(high, 1)} along ${axis ? this.about.yTitle : this.about.xTitle}`;
    };
    const where = this.n ? `: ${this.n.toLocaleString("en")}, ${along(0)} and ${along(1)}` : "";
    this.over.setAttribute("aria-label", `Test images in the latent space of ${this.about.name}${where}. Arrow keys move the probe, question mark lists the keys.`);
  }

  /** The same plane with other values to colour by, or with other contours. */
  refresh(about) {
    for (const kind of Object.keys({ ...this.about.contours, ...about.contours }))
      if (this.about.contours[kind] !== about.contours[kind]) {
        delete this.densities[kind];
        this.asked.delete(kind);
      }
    for (const name of Object.keys({ ...this.about.values, ...about.values }))
      if (this.about.values?.[name] !== about.values?.[name]) {
        this.asked.delete(name);
        if (this.values?.name === name) this.values = this.coloured = null;
      }
    this.about = { ...this.about, contours: about.contours, values: about.values };
  }

  /** Ask once for a part that comes when it is needed: "codes", "frames", "lattice", "prior", "aggregate", a value. */
  need(part) {
    if (this.asked.has(part)) return;
    this.asked.add(part);
    const { about } = this;
    const loads = {
      codes: async () => {
        const { codes } = (await loadTensors(about.codes)).tensors;
        if (!codes || codes.shape[0] !== this.n) throw new Error(`There are ${this.n} points, but the codes of ${codes ? codes.shape[0] : 0}.`);
        this.way.give(codes.data, codes.shape[1]);
      },
      frames: async () => {
        this.frames = new Frames(await loadTensors(about.frames));
        this.stage.arrived(this);
      },
      lattice: async () => {
        this.lattice = new Lattice(about.lattice, await loadPicture(about.lattice.image));
      },
    };
    const source = about[part] ?? about.contours[part] ?? about.values?.[part];
    if (!source) return;
    const load =
      loads[part] ??
      (async () => {
        const file = await loadTensors(source);
        if (about.contours[part]) this.densities[part] = this.density(file);
        else {
          if (file.tensors.value?.data.length !== this.n) throw new Error("The values do not fit the number of points.");
          this.values = { name: part, data: file.tensors.value.data };
        }
      });
    load().then(
      () => {
        this.mark("ground", "dots", "over");
        this.stage.changed();
      },
      (error) => {
        if (part === "codes") this.decoderWhy = error.message;
        this.say(`Something is missing here (${part}). ${error.message}`, true);
      },
    );
  }

  density(file) {
    return new Density(file);
  }

  say(sentence, small = false) {
    this.note.textContent = sentence;
    this.note.hidden = !sentence;
    this.note.classList.toggle("lx-small", small);
  }

  fail(sentence) {
    this.error = sentence;
    this.say(sentence);
    this.stage.arrived(this);
  }

  // -- places ------------------------------------------------------------------------------------------------

  /** The places that are drawn now, [n, 2]: of all test images, or of those followed during training. */
  get shownXy() {
    return this.frame ? this.frame.xy : this.xy;
  }

  /** The test image of a drawn point. */
  imageOf(point) {
    return this.frame ? this.frames.index[point] : point;
  }

  /** Where test image i is now, [x, y], or null. */
  placeOf(i) {
    let point = i;
    if (this.frame) {
      this.order ??= new Map([...this.frames.index].map((image, place) => [image, place]));
      point = this.order.get(i);
    }
    const xy = this.shownXy;
    return point === undefined || !(point >= 0 && 2 * point < xy.length) ? null : [xy[2 * point], xy[2 * point + 1]];
  }

  /** What to look at for chosen images, [[left, right], [low, high]]: one with its neighbours and its ellipse; or null. */
  extent(images) {
    const [only] = images;
    const shown = images.length === 1 ? [only, ...this.neighbours(only, this.stage.settings.neighbours)] : images;
    const box = [[Infinity, -Infinity], [Infinity, -Infinity]];
    const hold = (place, reach) =>
      place.forEach((value, axis) => {
        box[axis] = [Math.min(box[axis][0], value - reach), Math.max(box[axis][1], value + reach)];
      });
    for (const i of shown) {
      const place = this.xy ? this.placeOf(i) : null;
      if (place) hold(place, i === only && images.length === 1 && this.spread ? 1.5 * Math.sqrt(Math.max(this.spread[3 * i], this.spread[3 * i + 2])) : 0);
    }
    return box[0][0] <= box[0][1] ? box : null;
  }

  get grid() {
    if (!this.frame) return (this.whole ??= new Grid(this.xy));
    if (this.gridTime !== this.stage.time) {
      this.gridTime = this.stage.time;
      this.frameGrid = new Grid(this.frame.xy);
    }
    return this.frameGrid;
  }

  visible(point) {
    return !this.stage.hidden[this.group[this.imageOf(point)]];
  }

  /** The test image at (or nearest to) a place of the screen; null where none is within reach. */
  pick(px, py, reach = REACH) {
    if (!this.stage.settings.points) return null;
    const { camera } = this;
    const found = this.grid.nearest(camera.wx(px), camera.wy(py), 1, (point) => this.visible(point), reach / camera.scale)[0];
    return found ? this.imageOf(found.index) : null;
  }

  /** The pseudo-input at (or nearest to) a place of the screen; null where none is within reach. */
  pickPseudo(px, py, reach = 5) {
    const xy = this.pseudoXy;
    if (!xy) return null;
    let best = null;
    for (let k = 0; 2 * k < xy.length; k++) {
      const distance = Math.hypot(this.camera.sx(xy[2 * k]) - px, this.camera.sy(xy[2 * k + 1]) - py);
      if (distance < reach && (!best || distance < best.distance)) best = { k, distance };
    }
    return best ? best.k : null;
  }

  /** The pseudo-inputs that are drawn now, or null. */
  get pseudoXy() {
    if (!this.stage.settings.pseudo) return null;
    return this.frame ? this.frame.pseudoXy : this.pseudo;
  }

  /** The k test images nearest to image i: by all its coordinates where they are there, else those Python has named. */
  neighbours(i, k) {
    const { codes, size } = this.way;
    if (codes) {
      if (this.nearestOf?.i !== i || this.nearestOf.k !== k || this.nearestOf.codes !== codes) this.nearestOf = { i, k, codes, found: nearestRows(codes, size, i, k) };
      return this.nearestOf.found;
    }
    if (this.about.codes) this.need("codes");
    return this.stage.settings.links?.[this.about.name] ?? [];
  }

  // -- decoding ----------------------------------------------------------------------------------------------

  /** The decoder's pixels at a place, with all other directions held at image `held` (the mean for -1); or null. */
  decodeAt(x, y, held) {
    if (!this.decoder || !this.way.ready) return null;
    if (held >= 0 && !this.way.codes && this.about.codes && this.way.linear) this.need("codes");
    this.way.hold(held);
    const z = this.way.toZ(x, y, this.whole ?? this.grid);
    if (!z || z.length !== this.decoder.inputs.z) return null;
    const { pixels } = this.decoder.run({ z });
    return { z, pixels };
  }

  /** What to show at a place: {pixels, z} from the decoder, a part of the lattice, or null. */
  answer(x, y, held) {
    if (this.frame) return null; // the decoder is that of the finished model
    const found = this.decodeAt(x, y, held);
    if (found) {
      this.last = { x, y, z: Array.from(found.z), pixels: found.pixels };
      return { picture: found.pixels, exact: true };
    }
    if (this.about.lattice && !this.about.decoder) {
      if (this.lattice) return { picture: this.lattice.at(x, y), exact: false };
      this.need("lattice");
    }
    return null;
  }

  // -- drawing -----------------------------------------------------------------------------------------------

  mark(...layers) {
    for (const layer of layers) this.dirty[layer] = true;
  }

  /** The room around the plot. */
  room() {
    return margins(this.stage.tones.larger);
  }

  /** Fit the canvases to their cell. @returns {boolean} whether their size has changed */
  layout() {
    const width = Math.floor(this.cell.clientWidth);
    const height = Math.floor(this.cell.clientHeight);
    if (width < 40 || height < 40) return false;
    const margin = this.room();
    const plotWidth = width - margin.left - margin.right;
    const plotHeight = height - margin.top - margin.bottom;
    const same = margin.left === this.margin.left && width === this.width && height === this.height && this.ratio === Math.min(window.devicePixelRatio || 1, 3);
    this.width = width;
    this.height = height;
    this.margin = margin;
    if (same) return false;
    this.ratio = sizeCanvas(this.ground, width, height);
    sizeCanvas(this.dots, plotWidth, plotHeight);
    sizeCanvas(this.over, plotWidth, plotHeight);
    Object.assign(this.plot.style, { left: `${margin.left}px`, top: `${margin.top}px`, width: `${plotWidth}px`, height: `${plotHeight}px` });
    this.camera.resize(plotWidth, plotHeight);
    this.mark("ground", "dots", "over");
    return true;
  }

  draw(moving) {
    if (!this.width || !this.camera) return false;
    let more = false;
    if (this.dirty.ground) more = this.drawGround(moving) || more;
    const goOn = !this.dirty.dots && this.layer.unfinished;
    if (this.xy && (this.dirty.dots || (goOn && !moving))) this.drawDots(moving, goOn);
    if (this.dirty.over && this.xy) this.drawOver();
    this.dirty.dots = this.dirty.over = false;
    this.dirty.ground = more;
    return more || (this.layer.unfinished && !moving);
  }

  /** The pen of a canvas that is drawn anew, in CSS pixels. (The drawing functions take any pen: see vector.js.) */
  fresh(canvas) {
    const pen = canvas.getContext("2d");
    pen.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    pen.clearRect(0, 0, canvas.width, canvas.height);
    return pen;
  }

  /** Axes, decoded tiles, contours. @param {boolean} moving whether the camera moves @returns {boolean} whether more tiles are to come */
  drawGround(moving, pen = this.fresh(this.ground)) {
    const { settings, tones } = this.stage;
    const { camera } = this;
    pen.translate(this.margin.left, this.margin.top);
    drawAxes(pen, camera, { x: this.about.xTitle, y: this.about.yTitle }, tones);
    if (!this.xy) return false;
    pen.save();
    pen.beginPath();
    pen.rect(0, 0, camera.width, camera.height);
    pen.clip();
    let more = false;
    if (settings.decoded && !this.frame) more = this.drawDecoded(pen, moving);
    if (settings.holes && !this.frame && this.about.contours.holes) {
      if (!this.densities.holes) this.need("holes");
      else this.densities.holes.tint(pen, camera, HOLES);
    }
    if (!this.frame)
      for (const [kind, dash] of [["prior", []], ["aggregate", [4, 3]]]) {
        if (!settings[kind] || !this.about.contours[kind]) continue;
        if (!this.densities[kind]) this.need(kind);
        else this.densities[kind].draw(pen, camera, settings.decoded ? ON_TILES : tones.contour, settings.decoded ? 1.5 : 1, dash);
      }
    pen.restore();
    return more;
  }

  drawDecoded(pen, moving) {
    if (this.decoder && this.way.ready) {
      const held = this.stage.held;
      this.tiles.sync(`${held}`);
      return !this.tiles.draw(pen, this.camera, TILE, (x, y) => this.decodeAt(x, y, held)?.pixels ?? null, moving);
    }
    if (this.about.lattice) {
      if (this.lattice) this.lattice.draw(pen, this.camera);
      else this.need("lattice");
    }
    return false;
  }

  /** goOn: draw what the last frame had no time for. */
  drawDots(moving, goOn = false) {
    const { settings, hidden, classes } = this.stage;
    const pen = this.dots.getContext("2d");
    pen.setTransform(1, 0, 0, 1, 0, 0);
    this.drawn = 0;
    if (settings.points) {
      this.layer.place(this.shownXy);
      const look = {
        colours: this.colours(),
        group: this.frame ? this.frameGroup : this.group,
        hidden,
        shapes: settings.shapes ? classes.map((one) => one.shape) : null,
        size: settings.size,
        ratio: this.ratio,
        chosen: this.chosen(),
        larger: this.larger,
        dark: this.stage.tones.dark,
      };
      this.layer.draw(pen, this.camera, look, moving ? MOVING : STILL, goOn);
      this.drawn = this.layer.drawn;
      this.sayThinned();
    } else {
      pen.clearRect(0, 0, this.dots.width, this.dots.height);
      this.layer.unfinished = false;
      this.sayThinned();
    }
    pen.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    drawPseudoLayer(pen, this);
  }

  /** How many of the dots there was time for, while not all are drawn. */
  sayThinned() {
    const { unfinished, reached, n } = this.layer;
    this.thinned.textContent = unfinished ? `showing ${reached.toLocaleString("en")} of ${n.toLocaleString("en")}` : "";
  }

  drawOver(pen = this.fresh(this.over)) {
    drawOver(pen, this);
  }

  /** Show the state of training at a time (null: the finished model). */
  seek(time) {
    if (!this.xy || (time === null ? this.frame === null : !this.frames)) return;
    const frame = time === null ? null : this.frames.at(time);
    if ((frame === null) !== (this.frame === null)) this.coloured = null;
    this.frame = frame;
    this.colours();
    this.mark("ground", "dots", "over");
  }
}

Object.assign(PlaneView.prototype, colouring);
