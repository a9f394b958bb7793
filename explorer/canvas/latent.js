/**
 * From a place of the plane to z. Three ways, each said in the caption:
 * the place is z itself; on a linear plane z = centre + y A (+ what the held image has besides), then the point of the
 * space nearest to it; on a map that only keeps neighbours z is a mean of the nearest points' codes.
 */

export const AROUND = 8; // points whose codes are averaged on a map without a way back

export class Way {
  /**
   * @param {Object} tensors of the points' file: `centre` [n] and `axes` [2, n] where there is a linear way back
   * @param {string} space "euclidean", "sphere", "simplex"
   */
  constructor(tensors, space) {
    this.centre = tensors.centre?.data ?? null;
    this.axes = tensors.axes?.data ?? null;
    this.space = space;
    this.codes = null;
    this.size = this.centre ? this.centre.length : 0;
    this.z = new Float32Array(this.size);
    this.held = null;
    this.heldFor = -1;
  }

  /** The coordinates of all images [N, n], which arrive later. */
  give(codes, size) {
    this.codes = codes;
    this.size = size;
    if (this.z.length !== size) this.z = new Float32Array(size);
  }

  get linear() {
    return this.axes !== null;
  }

  get ready() {
    return this.linear || this.codes !== null;
  }

  /** Hold all other directions at image i; at the mean of the points for i < 0 or while the codes are not there. */
  hold(i) {
    if (i < 0 || !this.codes || !this.linear || this.size <= 2) {
      this.held = null;
      this.heldFor = -1;
    } else if (i !== this.heldFor) {
      const { codes, centre, axes, size } = this;
      const rest = new Float32Array(size);
      let [first, second] = [0, 0];
      for (let u = 0; u < size; u++) {
        rest[u] = codes[i * size + u] - centre[u];
        first += rest[u] * axes[u];
        second += rest[u] * axes[size + u];
      }
      for (let u = 0; u < size; u++) rest[u] -= first * axes[u] + second * axes[size + u];
      this.held = rest;
      this.heldFor = i;
    }
  }

  /** z at a place, the same array at each call; null while the codes are not there. grid: of the points on the map. */
  toZ(x, y, grid) {
    const { z, size } = this;
    if (this.linear) {
      const { centre, axes, held } = this;
      for (let u = 0; u < size; u++) z[u] = centre[u] + x * axes[u] + y * axes[size + u] + (held ? held[u] : 0);
    } else if (this.codes) {
      this.average(grid.nearest(x, y, AROUND));
    } else {
      return null;
    }
    return nearestPoint(z, this.space);
  }

  /** A mean of the codes of some points, weighted by their inverse squared distance on the map. */
  average(found) {
    const { z, codes, size } = this;
    z.fill(0);
    let total = 0;
    const soft = 1e-12 + (found.length ? (found[found.length - 1].distance * 0.05) ** 2 : 0);
    for (const { index, distance } of found) {
      const weight = 1 / (distance * distance + soft);
      total += weight;
      for (let u = 0; u < size; u++) z[u] += weight * codes[index * size + u];
    }
    for (let u = 0; u < size; u++) z[u] /= total || 1;
  }

  /** Where z [n] falls on a linear plane, [x, y]; null on a map. */
  toPlane(z) {
    if (!this.linear) return null;
    let [x, y] = [0, 0];
    for (let u = 0; u < this.size; u++) {
      x += (z[u] - this.centre[u]) * this.axes[u];
      y += (z[u] - this.centre[u]) * this.axes[this.size + u];
    }
    return [x, y];
  }

  /** The covariance [xx, xy, yy] on a linear plane of independent coordinates with these standard deviations. */
  spread(stddev) {
    if (!this.linear) return null;
    let [xx, xy, yy] = [0, 0, 0];
    for (let u = 0; u < this.size; u++) {
      const [a, b, variance] = [this.axes[u], this.axes[this.size + u], stddev[u] ** 2];
      xx += a * a * variance;
      xy += a * b * variance;
      yy += b * b * variance;
    }
    return [xx, xy, yy];
  }
}

/** The point of the space nearest to z, in place: as `Space.from_coordinates` in Python. */
export function nearestPoint(z, space) {
  if (space === "sphere") {
    const norm = Math.hypot(...z);
    if (norm > 0) for (let u = 0; u < z.length; u++) z[u] /= norm;
    else z[0] = 1;
  } else if (space === "simplex") {
    let total = 0;
    for (let u = 0; u < z.length; u++) total += z[u] = Math.max(0, z[u]);
    for (let u = 0; u < z.length; u++) z[u] = total > 0 ? z[u] / total : 1 / z.length;
  }
  return z;
}
