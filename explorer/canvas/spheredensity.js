/** A log density on the sphere, on a grid of longitudes and latitudes: its value, its contours, its tint. */
import { angles, vector } from "./maps.js";

const [FINE, COARSE] = [3, 8]; // pixels of a cell of the tint, while the sphere stands and while it turns
const DEGREES = Math.PI / 180;
const SWIFT = 1500; // points of all lines that are drawn while the sphere turns, about
const FAR = 0.5; // of the map's width: a piece of a contour that is longer crosses the cut of the map
const EDGES = [[[0, 0], [1, 0]], [[1, 0], [1, 1]], [[1, 1], [0, 1]], [[0, 1], [0, 0]]];

export class SphereDensity {
  /**
   * @param {{metadata: Object, tensors: Object}} file `log_density` [Y, X] in nats per steradian; `frame` [x0, dx, y0,
   *   dy], degrees of longitude (all around) and latitude; `thresholds`: the log densities of the contours
   */
  constructor({ tensors }) {
    const { log_density: grid, frame, thresholds } = tensors;
    if (!grid || grid.shape.length !== 2 || !frame || frame.data.length !== 4 || !thresholds) throw new Error("The density's data are incomplete.");
    [this.rows, this.columns] = grid.shape;
    this.values = Float32Array.from(grid.data);
    [this.x0, this.dx, this.y0, this.dy] = frame.data;
    if (Math.abs(this.columns * this.dx - 360) > 0.5) throw new Error("The density does not reach around the sphere.");
    this.size = 0;
    this.lines = [...thresholds.data].flatMap((level) => this.march(level));
    for (const line of this.lines) this.size += line.length / 3;
  }

  value(row, column) {
    return this.values[row * this.columns + ((column % this.columns) + this.columns) % this.columns];
  }

  /** (What a plane's density says of a place: here `towards` says it of a direction.) */
  at() {
    return null;
  }

  /** The log density at a unit vector, bilinear, nats per steradian. */
  towards(g) {
    const [longitude, latitude] = angles(g);
    const u = (longitude - this.x0) / this.dx;
    const v = Math.min(this.rows - 1.001, Math.max(0, (latitude - this.y0) / this.dy));
    const [c, r] = [Math.floor(u), Math.floor(v)];
    const [fx, fy] = [u - c, v - r];
    return (1 - fy) * ((1 - fx) * this.value(r, c) + fx * this.value(r, c + 1)) + fy * ((1 - fx) * this.value(r + 1, c) + fx * this.value(r + 1, c + 1));
  }

  /** Marching squares: the lines of one level, each the unit vectors of its points one after another. */
  march(level) {
    const { rows, columns } = this;
    const points = new Map(); // by the edge of the grid that a line crosses: where
    const joined = new Map(); // and the edges that it goes on to
    for (let r = 0; r + 1 < rows; r++)
      for (let c = 0; c < columns; c++) {
        const corner = [this.value(r, c), this.value(r, c + 1), this.value(r + 1, c + 1), this.value(r + 1, c)];
        const edges = [2 * (r * columns + c), 2 * (r * columns + ((c + 1) % columns)) + 1, 2 * ((r + 1) * columns + c), 2 * (r * columns + c) + 1];
        const crossed = [];
        for (let k = 0; k < 4; k++) {
          const [from, to] = [corner[k], corner[(k + 1) % 4]];
          if (from > level === to > level) continue;
          const share = (level - from) / (to - from);
          const [[ax, ay], [bx, by]] = EDGES[k];
          points.set(edges[k], vector(this.x0 + this.dx * (c + ax + (bx - ax) * share), this.y0 + this.dy * (r + ay + (by - ay) * share)));
          crossed.push(edges[k]);
        }
        for (let k = 0; k + 1 < crossed.length; k += 2) {
          const [one, other] = [crossed[k], crossed[k + 1]];
          joined.set(one, [...(joined.get(one) ?? []), other]);
          joined.set(other, [...(joined.get(other) ?? []), one]);
        }
      }
    return chains(joined).map((line) => Float32Array.from(line.flatMap((edge) => points.get(edge))));
  }

  /** @param {import("./sphereview.js").SphereView} view @param {boolean} moving then coarsely: of long lines each few points */
  draw(pen, view, colour, width, dash, moving) {
    const { camera, map, R } = view;
    const most = FAR * map.width;
    const [here, before] = [[0, 0], [0, 0]];
    pen.save();
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    const step = moving ? 3 * Math.ceil(this.size / SWIFT) : 3;
    pen.setLineDash(step === 3 ? dash : []);
    pen.beginPath();
    for (const line of this.lines) {
      let drawing = false;
      const last = line.length - 3;
      for (let k = 0; k < last + step; k += step) {
        const i = Math.min(k, last);
        const [x, y, z] = [line[i], line[i + 1], line[i + 2]];
        const front = R[0] * x + R[1] * y + R[2] * z;
        if (view.globe && front < 0) {
          drawing = false;
          continue;
        }
        map.forward(front, R[3] * x + R[4] * y + R[5] * z, R[6] * x + R[7] * y + R[8] * z, here, 0);
        const cut = Math.abs(here[0] - before[0]) > most || Math.abs(here[1] - before[1]) > most;
        if (drawing && !cut) pen.lineTo(camera.sx(here[0]), camera.sy(here[1]));
        else pen.moveTo(camera.sx(here[0]), camera.sy(here[1]));
        drawing = true;
        [before[0], before[1]] = here;
      }
    }
    pen.stroke();
    pen.restore();
  }

  /** Tints the map: exp of the values is the opacity's share. @param {number[]} rgb 0 to 255 */
  tint(pen, view, [r, g, blue], moving, most = 0.6) {
    const { camera, R } = view;
    const cell = moving ? COARSE : FINE;
    const [columns, rows] = [Math.ceil(camera.width / cell), Math.ceil(camera.height / cell)];
    const pixels = new ImageData(columns, rows);
    const out = [0, 0, 0];
    for (let row = 0, at = 0; row < rows; row++)
      for (let column = 0; column < columns; column++, at += 4) {
        if (!view.map.inverse(camera.wx((column + 0.5) * cell), camera.wy((row + 0.5) * cell), out)) continue;
        const [x, y, z] = out;
        const [a, b, c] = [R[0] * x + R[3] * y + R[6] * z, R[1] * x + R[4] * y + R[7] * z, R[2] * x + R[5] * y + R[8] * z];
        const line = Math.round((Math.asin(Math.max(-1, Math.min(1, c))) / DEGREES - this.y0) / this.dy);
        const value = this.value(Math.min(this.rows - 1, Math.max(0, line)), Math.round((Math.atan2(b, a) / DEGREES - this.x0) / this.dx));
        pixels.data[at] = r;
        pixels.data[at + 1] = g;
        pixels.data[at + 2] = blue;
        pixels.data[at + 3] = 255 * most * Math.min(1, Math.exp(value / 2));
      }
    this.tinted ??= new OffscreenCanvas(1, 1);
    Object.assign(this.tinted, { width: columns, height: rows });
    this.tinted.getContext("2d").putImageData(pixels, 0, 0);
    pen.imageSmoothingEnabled = true;
    pen.drawImage(this.tinted, 0, 0, columns * cell, rows * cell);
  }
}

/** Edges that are joined in pairs, as lines: open ones from end to end, closed ones back to where they began. */
function chains(joined) {
  const left = new Map([...joined].map(([edge, others]) => [edge, [...others]]));
  const walk = (edge) => {
    const line = [edge];
    for (let next = left.get(edge).pop(); next !== undefined; next = left.get(edge).pop()) {
      const back = left.get(next);
      back.splice(back.indexOf(edge), 1);
      line.push(next);
      edge = next;
    }
    return line;
  };
  const found = [];
  for (const [edge, others] of joined) if (others.length === 1 && left.get(edge).length) found.push(walk(edge));
  for (const edge of joined.keys()) while (left.get(edge).length) found.push(walk(edge));
  return found;
}
