/** A sphere: its map or its globe, with all that a plane has (points, hover, lasso, probe). It turns when it is dragged. */
import { MAPS, angles, between, greatCircle, lines, spread, turned, unit, vector } from "./maps.js";
import { HOLES, ON_TILES, PlaneView } from "./planeview.js";
import { grown } from "./points.js";
import { SphereDensity } from "./spheredensity.js";
import { Pair } from "./spherepair.js";
import { SpherePanel, round } from "./spherepanel.js";
import { SphereWay } from "./sphereway.js";
import { Turning } from "./turning.js";
import { drawSphere } from "./sphereover.js";

const AIR = { left: 4, right: 4, top: 4, bottom: 4 };
const ROOM = 1.03; // the region in view against the map
const BEHIND = 0.3; // opacity of lines behind the globe
const TILE = 36; // CSS pixels of a decoded picture, about
const [MOVING, STILL] = [6, 20]; // milliseconds of decoding in a frame
const DEGREES = Math.PI / 180;
const MERIDIANS = Array.from({ length: 12 }, (_, i) => Array.from({ length: 61 }, (_, j) => vector(30 * i - 180, 3 * j - 90)));
const PARALLELS = [-60, -30, 0, 30, 60].map((latitude) => Array.from({ length: 121 }, (_, i) => vector(3 * i - 180, latitude)));

export class SphereView extends PlaneView {
  constructor(about, stage, parent) {
    super(about, stage, parent);
    this.sphere = true;
    this.globe = about.view === "globe";
    this.margin = AIR;
    this.turning = Turning.of(stage);
    this.pair = Pair.of(stage);
    this.box.classList.add(this.globe ? "lx-globe" : "lx-map");
    this.over.setAttribute("aria-roledescription", this.globe ? "globe" : "map of a sphere");
    this.panel = about.panel ? new SpherePanel(this) : null;
    if (this.panel) this.box.append(this.panel.box);
    this.lattices = new Map();
  }

  // -- data --------------------------------------------------------------------------------------------------

  /** The points' file of a sphere, checked: `globe` F32 [N, 3] and what explorer/canvas/globes.py says. */
  take({ metadata, tensors }) {
    const { globe, group, pseudo, shares, concentration, caps, reach, axes } = tensors;
    if (!globe || globe.shape.length !== 2 || globe.shape[1] !== 3) throw new Error("The file has no points of a sphere.");
    const n = globe.shape[0];
    for (const [name, one, each] of [["classes", group, 1], ["concentrations", concentration, 1], ["caps", caps, 2], ["lengths", reach, 1]])
      if (one && one.data.length !== each * n) throw new Error(`There are ${n} points, but the ${name} do not fit their number.`);
    if (shares && 3 * shares.data.length !== pseudo?.data.length) throw new Error("The shares of the pseudo-inputs do not fit their number.");
    if (axes && axes.shape[0] !== 3) throw new Error("The way back from the sphere is damaged.");
    this.n = n;
    this.unit = globe.data;
    this.group = group ? group.data : new Uint8Array(n);
    this.concentration = concentration?.data ?? null;
    this.caps = caps?.data ?? null;
    this.reach = reach?.data ?? null;
    this.pseudoUnit = pseudo?.data ?? null;
    this.shares = shares?.data ?? null;
    this.spread = null;
    this.kind = metadata.kind ?? "";
    this.flat = false;
    this.way = new SphereWay(tensors, (x, y) => this.there(x, y), metadata.space ?? "sphere");
    if (this.way.axes && this.way.size === 3) this.way.give(this.unit, 3);
    this.front = new Uint8Array(n);
    this.xy = new Float32Array(2 * n);
    this.pseudo = this.pseudoUnit && new Float32Array((2 * this.pseudoUnit.length) / 3);
    this.placed = "";
    this.name();
    this.sync();
  }

  /** What those hear who do not see it. */
  name() {
    const { concentration, globe, n } = this;
    const sorted = concentration && Float32Array.from(concentration).sort();
    const kappa = sorted ? `, of concentration ${round(sorted[n >> 1], 2)} in the median` : "";
    const keys = globe ? "Arrow keys turn it" : "Arrow keys move the probe";
    this.over.setAttribute("aria-label", `${globe ? "Globe" : "Map"} of ${n.toLocaleString("en")} test images on the sphere of ${this.about.name}${kappa}. ${keys}, question mark lists the keys.`);
  }

  get map() {
    return MAPS[this.globe ? "globe" : (this.stage.settings.projection ?? "hammer")] ?? MAPS.hammer;
  }

  /** Follow the settings and the turning: place all points again where one of them has changed. */
  sync() {
    this.turning.hear();
    const { map, turning, camera } = this;
    if (camera && (this.regionOf !== map || this.regionFor !== camera)) {
      [this.regionOf, this.regionFor] = [map, camera];
      const [width, height] = [map.width * ROOM, map.height * ROOM];
      this.cell.style.setProperty("--lx-ratio", String(width / height));
      camera.region = [[-width, width], [-height, height]];
      camera.home();
      this.mark("ground", "dots", "over");
    }
    if (!this.unit || (this.placedMap === map && this.placed === turning.version)) return;
    this.carryProbe();
    this.placedMap = map;
    this.placed = turning.version;
    this.R = turning.R;
    this.place(this.unit, this.xy, this.front);
    if (this.pseudoUnit) this.place(this.pseudoUnit, this.pseudo, null);
    this.layer.place(this.xy);
    this.whole = null;
    this.mark("ground", "dots", "over");
  }

  place(units, xy, front) {
    const { map, R } = this;
    for (let i = 0, n = units.length / 3; i < n; i++) {
      const [a, b, c] = [units[3 * i], units[3 * i + 1], units[3 * i + 2]];
      const x = R[0] * a + R[1] * b + R[2] * c;
      map.forward(x, R[3] * a + R[4] * b + R[5] * c, R[6] * a + R[7] * b + R[8] * c, xy, 2 * i);
      if (front) front[i] = x >= 0 ? 1 : 0;
      else if (this.globe && x < 0) xy[2 * i] = NaN; // a pseudo-input behind the globe is not drawn
    }
  }

  /** The probe stays on its point of the sphere when the sphere is turned or drawn in another way. */
  carryProbe() {
    const { probe } = this.stage;
    if (!probe || probe.view !== this) return;
    if (this.R && this.placedMap) probe.g ??= this.direction(probe.x, probe.y);
    if (!probe.g) return;
    const g = turned(this.turning.R, probe.g);
    const out = [0, 0];
    this.map.forward(g[0], g[1], g[2], out, 0);
    [probe.x, probe.y] = out;
  }

  layout() {
    this.sync();
    return super.layout();
  }

  draw(moving) {
    this.sync();
    if (this.panel) this.turning.hearZooms();
    return super.draw(moving);
  }

  // -- places ------------------------------------------------------------------------------------------------

  /** The unit vector at a place of the map as it was last placed; null outside of it. */
  direction(x, y) {
    const out = [0, 0, 0];
    return this.placedMap.inverse(x, y, out) ? turned(this.R, out, true) : null;
  }

  there(x, y) {
    this.sync();
    return this.direction(x, y);
  }

  /** The unit vector of test image i. */
  unitOf(i) {
    return Array.from(this.unit.subarray(3 * i, 3 * i + 3));
  }

  /** Where a unit vector is, [x, y], and whether it is in front of the globe. */
  at(g) {
    const seen = turned(this.R, g);
    const out = [0, 0];
    this.map.forward(seen[0], seen[1], seen[2], out, 0);
    return { place: out, front: !this.globe || seen[0] >= 0 };
  }

  visible(point) {
    return super.visible(point) && (!this.globe || this.front[point] === 1);
  }

  chosen() {
    const picked = super.chosen();
    if (!this.globe) return picked;
    return picked ? this.front.map((front, i) => front & picked[i]) : this.front;
  }

  /** How many times larger selected dots are: on the globe what is in front is no selection. */
  get larger() {
    return grown(super.chosen());
  }

  /** Turn by so many pixels: what is dragged follows. */
  turn(dx, dy) {
    const [longitude, latitude] = this.turning.centre;
    const each = 1 / (this.camera.scale * DEGREES);
    this.turning.to([longitude - (dx * each) / Math.max(0.25, Math.cos(latitude * DEGREES)), latitude + dy * each]);
  }

  /** Bring what is selected to the middle. */
  face(selection) {
    if (selection.length === 0) return this.stage.home(this);
    const sum = selection.reduce((total, i) => total.map((value, k) => value + this.unit[3 * i + k]), [0, 0, 0]);
    this.turning.to(angles(unit(sum)));
  }

  /** What the reading says of a place. */
  says(x, y) {
    const g = this.direction(x, y);
    if (!g) return "outside of the map";
    const [longitude, latitude] = angles(g).map((degrees) => degrees.toFixed(1).replace("-", "\u2212"));
    const z = this.way.axes && this.way.size === 3 ? `z = (${g.map((value) => value.toFixed(2).replace("-", "\u2212")).join(", ")})  ·  ` : "";
    const image = this.stage.hover?.image;
    const kappa = image !== undefined && this.concentration ? `  ·  κ = ${round(this.concentration[image], 3)}` : "";
    const log = this.densities.prior?.towards(g) ?? null;
    const prior = log === null ? "" : `  ·  log p(z) = ${log.toFixed(1).replace("-", "\u2212")} nats`;
    return `${z}longitude ${longitude}°, latitude ${latitude}°${kappa}${prior}`;
  }

  describe() {
    return { view: this.about.view, projection: this.globe ? "globe" : (this.stage.settings.projection ?? "hammer"), centre: [...this.turning.centre], panel: this.panel?.describe() ?? null };
  }

  // -- decoding ----------------------------------------------------------------------------------------------

  decodeAt(x, y, held) {
    this.sync();
    return this.R ? super.decodeAt(x, y, held) : null;
  }

  /** Pixels of a z [m]; null where the browser cannot decode. */
  decode(z) {
    return this.decoder && z.length === this.decoder.inputs.z ? this.decoder.run({ z: Float32Array.from(z) }).pixels : null;
  }

  /** All coordinates of test image i, [m]; null until they have come. */
  codeOf(i) {
    const { codes, size } = this.way;
    if (!codes) {
      if (this.about.codes) this.need("codes");
      return null;
    }
    return Array.from(codes.subarray(i * size, (i + 1) * size));
  }

  /** The angle (radians) of the part of image i's cap that lies on the sphere that is drawn. which: 0 or 1 */
  capOf(i, which) {
    const length = this.reach ? this.reach[i] : 1;
    const cosine = 1 - (1 - Math.cos(this.caps[2 * i + which])) / (length * length);
    return cosine <= -1 ? null : Math.acos(cosine);
  }

  // -- drawing -----------------------------------------------------------------------------------------------

  drawGround(moving, pen = this.fresh(this.ground)) {
    const { tones, settings } = this.stage;
    const { camera, margin, map } = this;
    pen.translate(margin.left, margin.top);
    if (!this.R) return false;
    pen.save();
    pen.beginPath();
    pen.rect(0, 0, camera.width, camera.height);
    pen.clip();
    for (const corners of map.outline) {
      pen.beginPath();
      corners.forEach(([x, y], i) => (i ? pen.lineTo(camera.sx(x), camera.sy(y)) : pen.moveTo(camera.sx(x), camera.sy(y))));
      pen.closePath();
      pen.fillStyle = this.globe ? this.shade(pen) : tones.dark ? "rgba(255, 255, 255, 0.025)" : "rgba(255, 255, 255, 0.75)";
      pen.fill();
      pen.lineWidth = 1.5;
      pen.strokeStyle = tones.contour;
      pen.stroke();
    }
    const net = tones.dark ? "rgba(190, 205, 230, 0.22)" : "rgba(90, 80, 60, 0.2)";
    for (const line of [...MERIDIANS, ...PARALLELS]) this.trace(pen, line, net, 1);
    if (settings.holes) this.drawDensity("holes", (one) => one.tint(pen, this, HOLES, moving));
    this.label(pen);
    const more = settings.decoded ? this.drawLattice(pen, moving) : false;
    const [ink, width] = settings.decoded ? [ON_TILES, 1.5] : [tones.contour, 1];
    for (const [kind, dash] of [["prior", []], ["aggregate", [4, 3]]]) if (settings[kind]) this.drawDensity(kind, (one) => one.draw(pen, this, ink, width, dash, moving));
    pen.restore();
    return more;
  }

  density(file) {
    return new SphereDensity(file);
  }

  drawDensity(kind, draw) {
    if (!this.about.contours[kind]) return;
    if (this.densities[kind]) draw(this.densities[kind]);
    else this.need(kind);
  }

  shade(pen) {
    const { camera } = this;
    const { tones } = this.stage;
    const [x, y, radius] = [camera.sx(0), camera.sy(0), camera.scale];
    const light = pen.createRadialGradient(x - radius * 0.35, y - radius * 0.4, radius * 0.1, x, y, radius);
    const [near, far] = tones.dark ? ["rgba(255, 255, 255, 0.09)", "rgba(255, 255, 255, 0.015)"] : ["rgba(255, 255, 255, 0.95)", "rgba(120, 110, 90, 0.14)"];
    light.addColorStop(0, near);
    light.addColorStop(1, far);
    return light;
  }

  /** Strokes a line of unit vectors; what lies behind the globe is faint. */
  trace(pen, vectors, colour, width, dash = []) {
    const seen = vectors.map((g) => turned(this.R, g));
    const parts = this.globe ? halves(seen) : [{ front: true, line: seen }];
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.setLineDash(dash);
    for (const { front, line } of parts) {
      pen.globalAlpha = front ? 1 : BEHIND;
      pen.beginPath();
      for (const places of lines(this.map, line)) places.forEach(([x, y], i) => (i ? pen.lineTo(this.camera.sx(x), this.camera.sy(y)) : pen.moveTo(this.camera.sx(x), this.camera.sy(y))));
      pen.stroke();
    }
    pen.globalAlpha = 1;
    pen.setLineDash([]);
  }

  /** The room around the map: no axes stand there. */
  room() {
    return AIR;
  }

  /** Degrees along the equator and the meridian in the middle. */
  label(pen) {
    const { camera } = this;
    const { tones } = this.stage;
    if (camera.scale < 70) return; // too small for them
    pen.font = `${(this.globe ? 11 : 12) * tones.larger}px ${tones.font}`;
    pen.fillStyle = tones.muted;
    pen.textAlign = "left";
    pen.textBaseline = "bottom";
    const middle = 60 * Math.round(this.turning.centre[0] / 60);
    const marks = [-120, -60, 0, 60, 120, 180].map((degrees) => [degrees, 0, degrees]);
    for (const latitude of [-60, 60]) marks.push([middle, latitude, latitude]);
    for (const [longitude, latitude, degrees] of marks) {
      const g = vector(longitude, latitude);
      const { place, front } = this.at(g);
      const rim = this.globe ? 0.25 : -0.95; // close to the edge there is no room
      if (front && turned(this.R, g)[0] > rim) pen.fillText(`${degrees}°`.replace("-", "\u2212"), camera.sx(place[0]) + 3, camera.sy(place[1]) - 1);
    }
  }

  /** Decoded pictures at directions that are spread evenly over the sphere. @returns {boolean} whether more are to come */
  drawLattice(pen, moving) {
    if (!this.decoder || !this.way.ready) return false;
    const { camera, tiles } = this;
    const [, height, width] = this.about.shape;
    const held = this.stage.held;
    if (held >= 0 && !this.way.codes) this.codeOf(held);
    this.way.hold(held);
    tiles.sync(`${held} ${this.way.codes !== null}`);
    const rough = (4 * Math.PI * camera.scale ** 2) / TILE ** 2;
    const n = Math.min(tiles.slots, Math.round(100 * 2 ** Math.max(0, Math.round(2 * Math.log2(rough / 100)) / 2)));
    if (!this.lattices.has(n)) this.lattices.set(n, spread(n));
    const directions = this.lattices.get(n);
    const side = 0.8 * camera.scale * Math.sqrt((4 * Math.PI) / n);
    const [w, h] = [side * Math.min(1, width / height), side * Math.min(1, height / width)];
    const wanted = [];
    for (let i = 0; i < n; i++) {
      const seen = turned(this.R, directions.subarray(3 * i, 3 * i + 3));
      if (this.globe && seen[0] < 0.12) continue;
      const out = [0, 0];
      this.map.forward(seen[0], seen[1], seen[2], out, 0);
      const [x, y] = [camera.sx(out[0]), camera.sy(out[1])];
      if (x > -w && y > -h && x < camera.width + w && y < camera.height + h) wanted.push({ i, x, y, depth: seen[0] });
    }
    wanted.sort((a, b) => b.depth - a.depth);
    const until = performance.now() + (moving ? MOVING : STILL);
    let more = false;
    const found = [];
    for (const one of wanted) {
      const key = `${n} ${one.i}`;
      let slot = tiles.places.get(key);
      if (slot === undefined) {
        if (performance.now() > until) {
          more = true;
          continue;
        }
        slot = tiles.keep(key, this.decoder.run({ z: this.way.at(directions.subarray(3 * one.i, 3 * one.i + 3)) }).pixels);
      }
      found.push({ ...one, slot });
    }
    pen.imageSmoothingEnabled = false;
    for (const { x, y, depth, slot } of found.reverse()) {
      const scale = this.globe ? 0.5 + 0.5 * depth : 1;
      pen.globalAlpha = this.globe ? 0.35 + 0.65 * depth : 1;
      pen.drawImage(tiles.store, (slot % tiles.across) * width, Math.floor(slot / tiles.across) * height, width, height, Math.round(x - (w * scale) / 2), Math.round(y - (h * scale) / 2), Math.round(w * scale), Math.round(h * scale));
    }
    pen.globalAlpha = 1;
    return more;
  }

  drawOver(pen = this.fresh(this.over)) {
    if (this.panel) this.stage.settings.paths = this.pair.straight();
    if (this.R) drawSphere(pen, this);
    this.panel?.update();
  }

  /** A z on the model's own way from a to b: a great circle, or straight where its space is none. */
  between(a, b, t) {
    return this.straight ? a.map((value, u) => value + t * (b[u] - value)) : greatCircle(a, b, t);
  }

  /** Whether the model's own space is no sphere (only its map is one). */
  get straight() {
    return this.way.space !== "sphere";
  }

  /** The angle between two test images on the model's own sphere, radians. */
  angle(i, j) {
    const [a, b] = [this.codeOf(i), this.codeOf(j)];
    return a && b && !this.straight ? between(a, b) : null;
  }
}

/** A line, as the globe sees it, in its parts before and behind. */
function halves(seen) {
  const found = [];
  for (const g of seen) {
    const front = g[0] >= 0;
    const last = found[found.length - 1];
    if (last && last.front === front) last.line.push(g);
    else {
      if (last) last.line.push(g);
      found.push({ front, line: [g] });
    }
  }
  return found;
}
