/**
 * Maps of the sphere on a plane with their exact inverses: the counterpart of latents/maps.py, which says what they are.
 *
 * A point is a unit vector (x, y, z); a map is seen from (1, 0, 0), its middle, with z up. `forward(x, y, z, out, at)`
 * writes two numbers to `out` from `at` on; `inverse(X, Y, out)` writes a unit vector to `out` and returns true, or
 * returns false outside of the map. `seam` says where a map is cut open: "meridian" opposite to its middle, "rim"
 * between its two discs, or null.
 */
export const GAP = 0.04;
const ROOT = Math.SQRT2;
const SERIES = 0.2;

const ellipse = (X, Y) => (X * X) / 8 + (Y * Y) / 2 <= 1;
const oval = Array.from({ length: 181 }, (_, i) => [2 * ROOT * Math.cos((i * Math.PI) / 90), ROOT * Math.sin((i * Math.PI) / 90)]);
const circle = (radius, X = 0) => Array.from({ length: 181 }, (_, i) => [X + radius * Math.cos((i * Math.PI) / 90), radius * Math.sin((i * Math.PI) / 90)]);

function byAngles(longitude, z, out) {
  const flat = Math.sqrt(Math.max(0, 1 - z * z));
  out[0] = flat * Math.cos(longitude);
  out[1] = flat * Math.sin(longitude);
  out[2] = z;
}

/** e - sin e without cancellation. */
function excess(e) {
  if (Math.abs(e) >= SERIES) return e - Math.sin(e);
  const square = e * e;
  return ((e * square) / 6) * (1 - (square / 20) * (1 - (square / 42) * (1 - square / 72)));
}

export const MAPS = {
  hammer: {
    width: 2 * ROOT, height: ROOT, seam: "meridian", outline: [oval],
    forward(x, y, z, out, at) {
      // across = cos(latitude); its products with cosine and sine of half the longitude, by half-angle formulas that
      // lose no digits: ten thousand arc tangents take too much of a frame
      const across = Math.sqrt(x * x + y * y);
      const far = Math.abs(x) + across || 1;
      const [large, small] = [Math.sqrt((across * far) / 2), Math.abs(y) * Math.sqrt(across / (2 * far))];
      const scale = ROOT / Math.sqrt(1 + (x >= 0 ? large : small));
      const side = y < 0 || (y === 0 && 1 / y < 0) ? -1 : 1;
      out[at] = 2 * scale * side * (x >= 0 ? small : large);
      out[at + 1] = scale * z;
    },
    inverse(X, Y, out) {
      if (!ellipse(X, Y)) return false;
      const q = Math.sqrt(1 - (X * X) / 16 - (Y * Y) / 4);
      byAngles(2 * Math.atan2(q * X, 2 * (2 * q * q - 1)), Math.min(1, Math.max(-1, q * Y)), out);
      return true;
    },
  },
  mollweide: {
    width: 2 * ROOT, height: ROOT, seam: "meridian", outline: [oval],
    forward(x, y, z, out, at) {
      const wanted = (Math.PI * (x * x + y * y)) / (1 + Math.abs(z));
      let e = Math.cbrt(6 * wanted);
      for (let i = 0; i < 8; i++) {
        const slope = 2 * Math.sin(e / 2) ** 2;
        if (!(slope > 0)) break;
        const step = (excess(e) - wanted) / slope;
        e -= step;
        if (Math.abs(step) < 1e-14) break;
      }
      out[at] = ((2 * ROOT) / Math.PI) * Math.atan2(y, x) * Math.sin(e / 2);
      out[at + 1] = Math.sign(z) * ROOT * Math.cos(e / 2);
    },
    inverse(X, Y, out) {
      if (!ellipse(X, Y)) return false;
      const theta = Math.asin(Math.min(1, Math.max(-1, Y / ROOT)));
      const flat = Math.cos(theta);
      const longitude = flat > 0 ? Math.min(Math.PI, Math.max(-Math.PI, (Math.PI * X) / (2 * ROOT * flat))) : 0;
      const rest = excess(Math.PI - 2 * Math.abs(theta)) / Math.PI;
      const width = Math.sqrt(rest * (2 - rest));
      out[0] = width * Math.cos(longitude);
      out[1] = width * Math.sin(longitude);
      out[2] = Math.sign(Y) * (1 - rest);
      return true;
    },
  },
  lambert: {
    width: 2, height: 2, seam: null, outline: [circle(2)],
    forward(x, y, z, out, at) {
      const away = Math.sqrt(y * y + z * z);
      const scale = x > 0 ? Math.sqrt(2 / (1 + x)) : away > 0 ? Math.sqrt(2 * (1 - x)) / away : 0;
      out[at] = away === 0 && x < 0 ? 2 : scale * y;
      out[at + 1] = scale * z;
    },
    inverse(X, Y, out) {
      const square = X * X + Y * Y;
      if (!(square <= 4)) return false;
      const scale = Math.sqrt(Math.max(0, 1 - square / 4));
      out[0] = 1 - square / 2;
      out[1] = X * scale;
      out[2] = Y * scale;
      return true;
    },
  },
  orthographic: {
    width: 2 + GAP, height: 1, seam: "rim", outline: [circle(1, -1 - GAP), circle(1, 1 + GAP)],
    forward(x, y, z, out, at) {
      out[at] = x >= 0 ? y - 1 - GAP : 1 + GAP - y;
      out[at + 1] = z;
    },
    inverse(X, Y, out) {
      const front = X < 0;
      const y = front ? X + 1 + GAP : 1 + GAP - X;
      if (!(y * y + Y * Y <= 1)) return false;
      const x = Math.sqrt(Math.max(0, 1 - y * y - Y * Y));
      out[0] = front ? x : -x;
      out[1] = y;
      out[2] = Y;
      return true;
    },
  },
  equirectangular: {
    width: Math.PI, height: Math.PI / 2, seam: "meridian",
    outline: [[[-Math.PI, -Math.PI / 2], [Math.PI, -Math.PI / 2], [Math.PI, Math.PI / 2], [-Math.PI, Math.PI / 2], [-Math.PI, -Math.PI / 2]]],
    forward(x, y, z, out, at) {
      out[at] = Math.atan2(y, x);
      out[at + 1] = Math.atan2(z, Math.sqrt(x * x + y * y));
    },
    inverse(X, Y, out) {
      if (!(Math.abs(X) <= Math.PI && Math.abs(Y) <= Math.PI / 2)) return false;
      byAngles(X, Math.sin(Y), out);
      return true;
    },
  },
  // The globe as it is seen from outside: its front half. Points behind are drawn, but not pointed at.
  globe: {
    width: 1, height: 1, seam: null, outline: [circle(1)],
    forward(x, y, z, out, at) {
      out[at] = y;
      out[at + 1] = z;
    },
    inverse(X, Y, out) {
      const square = X * X + Y * Y;
      if (!(square <= 1)) return false;
      out[0] = Math.sqrt(1 - square);
      out[1] = X;
      out[2] = Y;
      return true;
    },
  },
};

/** The rotation (row by row) that brings the point at these angles, in degrees, to the middle of a map, north up. */
export function turn([longitude, latitude]) {
  const [c, s] = [Math.cos((longitude * Math.PI) / 180), Math.sin((longitude * Math.PI) / 180)];
  const [u, v] = [Math.cos((latitude * Math.PI) / 180), Math.sin((latitude * Math.PI) / 180)];
  return [u * c, u * s, v, -s, c, 0, -v * c, -v * s, u];
}

/** R g, as the map sees g; with `back` R^T g. */
export function turned(R, [x, y, z], back = false) {
  return back
    ? [R[0] * x + R[3] * y + R[6] * z, R[1] * x + R[4] * y + R[7] * z, R[2] * x + R[5] * y + R[8] * z]
    : [R[0] * x + R[1] * y + R[2] * z, R[3] * x + R[4] * y + R[5] * z, R[6] * x + R[7] * y + R[8] * z];
}

/** Longitude and latitude in degrees. */
export function angles([x, y, z]) {
  return [(Math.atan2(y, x) * 180) / Math.PI, (Math.atan2(z, Math.hypot(x, y)) * 180) / Math.PI];
}

export function vector(longitude, latitude) {
  const out = [0, 0, 0];
  byAngles((longitude * Math.PI) / 180, Math.sin((latitude * Math.PI) / 180), out);
  return out;
}

/** The angle between two vectors, radians. */
export function between(a, b) {
  return 2 * Math.atan2(Math.hypot(...a.map((value, i) => value - b[i])), Math.hypot(...a.map((value, i) => value + b[i])));
}

/** n directions spread evenly over the sphere, [n, 3] (latents/maps.py). */
export function spread(n) {
  const golden = (1 + Math.sqrt(5)) / 2;
  const found = new Float64Array(3 * n);
  for (let i = 0; i < n; i++) {
    const z = 1 - (2 * i + 1) / n;
    const longitude = 2 * Math.PI * ((i / golden) % 1);
    const across = Math.sqrt(1 - z * z);
    found.set([across * Math.cos(longitude), across * Math.sin(longitude), z], 3 * i);
  }
  return found;
}

/** The point at share t of the great circle between unit vectors (of any length); straight where they are one point. */
export function greatCircle(a, b, t) {
  const angle = between(a, b);
  const sine = Math.sin(angle);
  if (sine < 1e-9) return a.map((value, i) => (angle < 1 ? value + t * (b[i] - value) : value));
  const [p, q] = [Math.sin((1 - t) * angle) / sine, Math.sin(t * angle) / sine];
  return a.map((value, i) => p * value + q * b[i]);
}

/** A closed circle of angular radius `angle` (radians) around g, as unit vectors. */
export function circleAround(g, angle, steps = 96) {
  const axis = Math.abs(g[2]) < 0.8 ? [0, 0, 1] : [1, 0, 0];
  const u = unit(cross(axis, g));
  const v = cross(g, u);
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  return Array.from({ length: steps + 1 }, (_, i) => {
    const [p, q] = [s * Math.cos((2 * Math.PI * i) / steps), s * Math.sin((2 * Math.PI * i) / steps)];
    return g.map((value, k) => c * value + p * u[k] + q * v[k]);
  });
}

export function unit(g) {
  const length = Math.hypot(...g) || 1;
  return g.map((value) => value / length);
}

function cross([a, b, c], [x, y, z]) {
  return [b * z - c * y, c * x - a * z, a * y - b * x];
}

/**
 * Unit vectors, as the map sees them, as lines on the map: cut open where the map is, and drawn up to the cut.
 * @returns {number[][][]} lines of places [X, Y]
 */
export function lines(map, vectors) {
  const found = [];
  let line = [];
  const place = (g) => {
    const out = [0, 0];
    map.forward(g[0], g[1], g[2], out, 0);
    return out;
  };
  vectors.forEach((g, i) => {
    const before = vectors[i - 1];
    const cut = before && crossing(map.seam, before, g);
    if (cut) {
      line.push(place(cut[0]));
      found.push(line);
      line = [place(cut[1])];
    }
    line.push(place(g));
  });
  found.push(line);
  return found;
}

/** Where the way from a to b crosses the seam: the points just before and just behind it; null where it does not. */
function crossing(seam, a, b) {
  const [k, other] = seam === "meridian" ? [1, 0] : seam === "rim" ? [0, 1] : [null, null];
  if (k === null || a[k] >= 0 === b[k] >= 0) return null;
  const t = a[k] / (a[k] - b[k]);
  const at = unit(a.map((value, i) => value + t * (b[i] - value)));
  if (seam === "meridian" && at[other] >= 0) return null; // the meridian in the middle is no seam
  const side = (sign) => at.map((value, i) => (i === k ? sign * 1e-9 : value));
  return [side(a[k] >= 0 ? 1 : -1), side(b[k] >= 0 ? 1 : -1)];
}
