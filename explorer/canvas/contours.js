/** A log density on a grid: its value anywhere, and the lines that enclose given shares of its mass. */

export class Density {
  /**
   * @param {{metadata: Object, tensors: Object}} file `log_density` [Y, X] in nats; `frame` [x0, dx, y0, dy], the first
   *   grid point and the steps; `thresholds`: the log densities of the lines
   */
  constructor({ tensors }) {
    const grid = tensors.log_density;
    const frame = tensors.frame;
    const thresholds = tensors.thresholds;
    if (!grid || grid.shape.length !== 2 || !frame || frame.data.length !== 4 || !thresholds) throw new Error("The density's data are incomplete.");
    [this.rows, this.columns] = grid.shape;
    this.values = grid.data;
    [this.x0, this.dx, this.y0, this.dy] = frame.data;
    this.lines = Object.assign(new Path2D(), { pieces: [] }); // a path cannot be read again: these are its ends, for files
    for (const level of thresholds.data) this.march(level);
  }

  /** The log density at a place by bilinear interpolation, nats; null off the grid. */
  at(x, y) {
    const u = (x - this.x0) / this.dx;
    const v = (y - this.y0) / this.dy;
    const c = Math.floor(u);
    const r = Math.floor(v);
    if (!(c >= 0 && r >= 0 && c < this.columns - 1 && r < this.rows - 1)) return null;
    const [fx, fy] = [u - c, v - r];
    const get = (row, column) => this.values[row * this.columns + column];
    return (1 - fy) * ((1 - fx) * get(r, c) + fx * get(r, c + 1)) + fy * ((1 - fx) * get(r + 1, c) + fx * get(r + 1, c + 1));
  }

  /** Marching squares: adds the line of one level to the path, in the plane's units. */
  march(level) {
    const { columns, rows, values, x0, dx, y0, dy, lines } = this;
    for (let r = 0; r + 1 < rows; r++)
      for (let c = 0; c + 1 < columns; c++) {
        const at = r * columns + c;
        const corner = [values[at], values[at + 1], values[at + columns + 1], values[at + columns]];
        let code = 0;
        for (let k = 0; k < 4; k++) if (corner[k] > level) code |= 1 << k;
        if (code === 0 || code === 15) continue;
        const edges = [];
        for (let k = 0; k < 4; k++) {
          const next = (k + 1) % 4;
          if (((code >> k) & 1) === ((code >> next) & 1)) continue;
          const share = (level - corner[k]) / (corner[next] - corner[k]);
          const [ax, ay] = CORNERS[k];
          const [bx, by] = CORNERS[next];
          edges.push([x0 + dx * (c + ax + (bx - ax) * share), y0 + dy * (r + ay + (by - ay) * share)]);
        }
        for (let k = 0; k + 1 < edges.length; k += 2) {
          lines.moveTo(edges[k][0], edges[k][1]);
          lines.lineTo(edges[k + 1][0], edges[k + 1][1]);
          lines.pieces.push(...edges[k], ...edges[k + 1]);
        }
      }
  }

  /** Tints the plane: exp of the values is the opacity's share. @param {number[]} rgb 0 to 255 */
  tint(context, camera, [r, g, b], most = 0.6) {
    const { rows, columns, values, x0, dx, y0, dy } = this;
    if (!this.picture) {
      const pixels = new ImageData(columns, rows);
      for (let row = 0; row < rows; row++)
        for (let column = 0; column < columns; column++) {
          const share = Math.exp(values[(rows - 1 - row) * columns + column]);
          pixels.data.set([r, g, b, Math.round(255 * most * Math.min(1, Math.sqrt(share)))], 4 * (row * columns + column));
        }
      this.picture = new OffscreenCanvas(columns, rows);
      this.picture.getContext("2d").putImageData(pixels, 0, 0);
    }
    const [left, top] = [camera.sx(x0 - dx / 2), camera.sy(y0 + dy * (rows - 0.5))];
    context.drawImage(this.picture, left, top, columns * dx * camera.scale, rows * dy * camera.scale);
  }

  /** @param {CanvasRenderingContext2D} context scaled to CSS pixels */
  draw(context, camera, colour, width = 1, dash = []) {
    context.save();
    context.translate(camera.sx(0), camera.sy(0));
    context.scale(camera.scale, -camera.scale);
    context.lineWidth = width / camera.scale;
    context.setLineDash(dash.map((length) => length / camera.scale));
    context.strokeStyle = colour;
    context.stroke(this.lines);
    context.restore();
  }
}

const CORNERS = [[0, 0], [1, 0], [1, 1], [0, 1]];
