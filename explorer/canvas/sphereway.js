/**
 * From a direction of the globe to z. On S^2 the direction is z. In more dimensions the globe is a great sphere of the
 * model's, z = g A with the orthonormal rows of A; through a held image z_i runs the parallel sphere
 * z = |A z_i| g A + (z_i - A^T A z_i), whose points are of length one too. Without A, a map that only keeps
 * neighbours, z is a mean of the nearest points' codes, brought back to the sphere.
 */
import { AROUND, Way, nearestPoint } from "./latent.js";

export class SphereWay extends Way {
  /**
   * @param {Object} tensors `globe` [N, 3], and `axes` [3, m] where there is a linear way
   * @param {(x: number, y: number) => number[]|null} there
   * @param {string} space where z lives: what is nearest to a mean of codes
   */
  constructor(tensors, there, space = "sphere") {
    super({}, space);
    this.axes = tensors.axes?.data ?? null;
    this.there = there;
    this.unit = tensors.globe.data;
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
  toZ(x, y) {
    const g = this.there(x, y);
    return g && this.ready ? this.at(g) : null;
  }

  /** z at a direction [3] of the globe, the same array at each call. */
  at(g) {
    const { z, size, axes, held, length } = this;
    if (axes) for (let u = 0; u < size; u++) z[u] = length * (g[0] * axes[u] + g[1] * axes[size + u] + g[2] * axes[2 * size + u]) + (held ? held[u] : 0);
    else this.average(this.near(g));
    return nearestPoint(this.z, this.space);
  }

  /** The images nearest to a direction on the globe, the nearest first, with their distances (chords). */
  near(g) {
    const { unit } = this;
    const found = [];
    let least = -2;
    for (let i = 0, n = unit.length / 3; i < n; i++) {
      const cosine = unit[3 * i] * g[0] + unit[3 * i + 1] * g[1] + unit[3 * i + 2] * g[2];
      if (cosine <= least) continue;
      let place = found.length;
      while (place > 0 && found[place - 1].cosine < cosine) place -= 1;
      found.splice(place, 0, { index: i, cosine, distance: Math.sqrt(Math.max(0, 2 - 2 * cosine)) });
      if (found.length > AROUND) found.pop();
      if (found.length === AROUND) least = found[AROUND - 1].cosine;
    }
    return found;
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
