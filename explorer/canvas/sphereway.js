/**
 * From a direction of the globe to z. On S^2 the direction is z. In more dimensions the globe is a great sphere of the
 * model's, z = g A with the orthonormal rows of A; through a held image z_i runs the parallel sphere
 * z = |A z_i| g A + (z_i - A^T A z_i), whose points are of length one too. Without A, a map that only keeps
 * neighbours, z is a mean of the nearest points' codes, brought back to the sphere.
 */
import { Way, nearestPoint } from "./latent.js";

export class SphereWay extends Way {
  /**
   * @param {Object} tensors `axes` [3, m] where there is a linear way
   * @param {(x: number, y: number) => number[]|null} there
   * @param {string} space where z lives: what is nearest to a mean of codes
   */
  constructor(tensors, there, space = "sphere") {
    super({}, space);
    this.axes = tensors.axes?.data ?? null;
    this.there = there;
    if (this.axes) this.size = this.axes.length / 3;
    this.z = new Float32Array(this.size);
    this.length = 1;
  }

  hold(i) {
    const { codes, size, axes } = this;
    if (i < 0 || !codes || !axes || size === 3) {
      this.held = null;
      this.length = 1;
      this.heldFor = -1;
    } else if (i !== this.heldFor) {
      const z = codes.subarray(i * size, (i + 1) * size);
      const g = this.onAxes(z);
      this.length = Math.hypot(...g);
      this.held = Float32Array.from(z, (value, u) => value - g[0] * axes[u] - g[1] * axes[size + u] - g[2] * axes[2 * size + u]);
      this.heldFor = i;
    }
  }

  /** z at a place of the map; null outside of it. */
  toZ(x, y, grid) {
    const g = this.there(x, y);
    if (!g) return null;
    if (this.axes) return this.at(g);
    if (!this.codes) return null;
    this.average(grid.nearest(x, y, 8));
    return nearestPoint(this.z, this.space);
  }

  /** z at a direction [3] of the globe, the same array at each call. */
  at(g) {
    const { z, size, axes, held, length } = this;
    for (let u = 0; u < size; u++) z[u] = length * (g[0] * axes[u] + g[1] * axes[size + u] + g[2] * axes[2 * size + u]) + (held ? held[u] : 0);
    return nearestPoint(z, "sphere");
  }

  /** A z, [3], not brought to length one. */
  onAxes(z) {
    const { axes, size } = this;
    const g = [0, 0, 0];
    for (let k = 0; k < 3; k++) for (let u = 0; u < size; u++) g[k] += axes[k * size + u] * z[u];
    return g;
  }

  toPlane() {
    return null;
  }

  spread() {
    return null;
  }
}
