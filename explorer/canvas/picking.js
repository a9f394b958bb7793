/** Which points are where: a grid of cells for the nearest ones, polygons and boxes for many. */

export class Grid {
  /** @param {Float32Array} xy [N, 2] */
  constructor(xy) {
    this.xy = xy;
    const n = (this.n = xy.length / 2);
    let [left, low, right, high] = [Infinity, Infinity, -Infinity, -Infinity];
    for (let i = 0; i < n; i++) {
      left = Math.min(left, xy[2 * i]);
      right = Math.max(right, xy[2 * i]);
      low = Math.min(low, xy[2 * i + 1]);
      high = Math.max(high, xy[2 * i + 1]);
    }
    const side = Math.max(right - left, high - low, 1e-9);
    const along = Math.min(1024, Math.max(1, Math.ceil(Math.sqrt(n))));
    this.left = n ? left : 0;
    this.low = n ? low : 0;
    this.cell = (side / along) * 1.0001;
    this.columns = n ? Math.floor((right - left) / this.cell) + 1 : 1;
    this.rows = n ? Math.floor((high - low) / this.cell) + 1 : 1;
    this.starts = new Int32Array(this.columns * this.rows + 1);
    this.order = new Int32Array(n);
    const cells = new Int32Array(n);
    for (let i = 0; i < n; i++) {
      cells[i] = this.cellOf(xy[2 * i], xy[2 * i + 1]);
      this.starts[cells[i] + 1]++;
    }
    for (let c = 0; c < this.columns * this.rows; c++) this.starts[c + 1] += this.starts[c];
    const next = this.starts.slice();
    for (let i = 0; i < n; i++) this.order[next[cells[i]]++] = i;
  }

  cellOf(x, y) {
    const column = Math.min(this.columns - 1, Math.max(0, Math.floor((x - this.left) / this.cell)));
    const row = Math.min(this.rows - 1, Math.max(0, Math.floor((y - this.low) / this.cell)));
    return row * this.columns + column;
  }

  /**
   * The k points nearest to (x, y) for which `wanted(i)` holds, nearest first.
   * @returns {{index: number, distance: number}[]}
   */
  nearest(x, y, k = 1, wanted = () => true, within = Infinity) {
    const found = [];
    const column = Math.floor((x - this.left) / this.cell);
    const row = Math.floor((y - this.low) / this.cell);
    const rings = Math.max(column, this.columns - 1 - column, row, this.rows - 1 - row, 0);
    // outside of the grid the first rings hold no cells
    const first = Math.max(0, -column, column - this.columns + 1, -row, row - this.rows + 1);
    for (let ring = first; ring <= rings; ring++) {
      const sure = (ring - 1) * this.cell; // all that is nearer has been seen
      if (sure > within || (found.length === k && found[k - 1].distance <= sure)) break;
      for (let r = Math.max(0, row - ring); r <= Math.min(this.rows - 1, row + ring); r++) {
        const edge = Math.abs(r - row) === ring;
        for (let c = column - ring; c <= column + ring; c += edge ? 1 : 2 * ring || 1) {
          if (c >= 0 && c < this.columns) this.look(r * this.columns + c, x, y, k, wanted, within, found);
        }
      }
    }
    return found;
  }

  look(cell, x, y, k, wanted, within, found) {
    for (let at = this.starts[cell]; at < this.starts[cell + 1]; at++) {
      const index = this.order[at];
      const distance = Math.hypot(this.xy[2 * index] - x, this.xy[2 * index + 1] - y);
      if (distance > within || (found.length === k && distance >= found[k - 1].distance) || !wanted(index)) continue;
      let place = found.length;
      while (place > 0 && found[place - 1].distance > distance) place--;
      found.splice(place, 0, { index, distance });
      if (found.length > k) found.pop();
    }
  }
}

/** The points within a closed polygon [[x, y], ...], ascending (even-odd rule). */
export function inPolygon(xy, corners, wanted = () => true) {
  const xs = corners.map(([x]) => x);
  const ys = corners.map(([, y]) => y);
  const [left, right, low, high] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const found = [];
  for (let i = 0; i < xy.length / 2; i++) {
    const x = xy[2 * i];
    const y = xy[2 * i + 1];
    if (x < left || x > right || y < low || y > high || !wanted(i)) continue;
    let inside = false;
    for (let a = 0, b = xs.length - 1; a < xs.length; b = a++)
      if (ys[a] > y !== ys[b] > y && x < ((xs[b] - xs[a]) * (y - ys[a])) / (ys[b] - ys[a]) + xs[a]) inside = !inside;
    if (inside) found.push(i);
  }
  return found;
}

/** The points within a box, given by two opposite corners, ascending. */
export function inBox(xy, [x0, y0], [x1, y1], wanted = () => true) {
  return inPolygon(xy, [[x0, y0], [x1, y0], [x1, y1], [x0, y1]], wanted);
}

/** The k rows of codes [N, d] nearest to row i by Euclidean distance, nearest first, without i itself. */
export function nearestRows(codes, d, i, k) {
  const found = [];
  const n = codes.length / d;
  for (let j = 0; j < n; j++) {
    if (j === i) continue;
    let square = 0;
    for (let u = 0; u < d; u++) square += (codes[j * d + u] - codes[i * d + u]) ** 2;
    if (found.length === k && square >= found[k - 1].square) continue;
    let place = found.length;
    while (place > 0 && found[place - 1].square > square) place--;
    found.splice(place, 0, { index: j, square });
    if (found.length > k) found.pop();
  }
  return found.map(({ index }) => index);
}
