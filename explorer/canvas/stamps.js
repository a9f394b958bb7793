/** Markers as small masks of coverage, drawn once per shape, size and place within a pixel, then written per point. */

export const SHAPES = ["circle", "square", "diamond", "cross", "x", "triangle-up", "triangle-down", "pentagon", "star", "hexagram"];
const PHASES = 2; // places within a pixel, along each axis

/** A closed outline around the origin; radius 1 is that of the circle of about the same area. */
export function outline(shape) {
  const turn = (n, inner = 0, from = -Math.PI / 2, size = 1.25) =>
    Array.from({ length: inner ? 2 * n : n }, (_, i) => {
      const radius = size * (inner && i % 2 ? inner : 1);
      const angle = from + (i * Math.PI * (inner ? 1 : 2)) / n;
      return [radius * Math.cos(angle), radius * Math.sin(angle)];
    });
  const arm = 0.36;
  const reach = 1.2;
  const plus = [[-arm, -reach], [arm, -reach], [arm, -arm], [reach, -arm], [reach, arm], [arm, arm], [arm, reach], [-arm, reach], [-arm, arm], [-reach, arm], [-reach, -arm], [-arm, -arm]];
  const half = Math.SQRT1_2;
  switch (shape) {
    case "square": return turn(4, 0, -Math.PI / 4);
    case "diamond": return turn(4);
    case "cross": return plus;
    case "x": return plus.map(([x, y]) => [(x - y) * half, (x + y) * half]);
    case "triangle-up": return turn(3, 0, -Math.PI / 2, 1.45);
    case "triangle-down": return turn(3, 0, Math.PI / 2, 1.45);
    case "pentagon": return turn(5);
    case "star": return turn(5, 0.45, -Math.PI / 2, 1.5);
    case "hexagram": return turn(6, 0.58, -Math.PI / 2, 1.35);
    default: return null;
  }
}

/** Adds the outline of a marker to the path of a 2-D context. */
export function trace(context, shape, x, y, radius) {
  const corners = outline(shape);
  if (!corners) {
    context.moveTo(x + radius, y);
    context.arc(x, y, radius, 0, 2 * Math.PI);
    return;
  }
  corners.forEach(([dx, dy], i) => (i ? context.lineTo(x + radius * dx, y + radius * dy) : context.moveTo(x + radius * dx, y + radius * dy)));
  context.closePath();
}

export class Stamps {
  constructor() {
    this.made = new Map();
    this.pad = null;
  }

  /**
   * The masks of a marker for a picture of this width: one for each of PHASES x PHASES places within a pixel.
   * @returns {{reach: number, masks: {offsets: Int32Array, dx: Int8Array, dy: Int8Array, cover: Float32Array}[]}}
   */
  of(shape, radius, width) {
    const size = Math.max(0.5, Math.round(radius * 8) / 8);
    const key = `${shape} ${size} ${width}`;
    if (!this.made.has(key)) {
      if (this.made.size > 200) this.made.clear();
      this.made.set(key, this.make(shape, size, width));
    }
    return this.made.get(key);
  }

  make(shape, radius, width) {
    const reach = Math.ceil(radius * 1.5) + 1;
    const side = 2 * reach + 1;
    this.pad ??= document.createElement("canvas");
    this.pad.width = this.pad.height = side;
    const context = this.pad.getContext("2d", { willReadFrequently: true });
    const masks = [];
    for (let py = 0; py < PHASES; py++)
      for (let px = 0; px < PHASES; px++) {
        context.clearRect(0, 0, side, side);
        context.beginPath();
        trace(context, shape, reach + 0.5 + (px + 0.5) / PHASES - 0.5, reach + 0.5 + (py + 0.5) / PHASES - 0.5, radius);
        context.fill();
        masks.push(mask(context.getImageData(0, 0, side, side).data, side, reach, width));
      }
    return { reach, masks };
  }
}

function mask(pixels, side, reach, width) {
  const found = [];
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) {
      const cover = pixels[4 * (y * side + x) + 3] / 255;
      if (cover > 0.02) found.push([x - reach, y - reach, cover]);
    }
  return {
    offsets: Int32Array.from(found, ([x, y]) => 4 * (y * width + x)),
    dx: Int8Array.from(found, ([x]) => x),
    dy: Int8Array.from(found, ([, y]) => y),
    cover: Float32Array.from(found, ([, , cover]) => cover),
  };
}

/** Which of the masks of `Stamps.of` belongs to a place within a pixel (both shares in [0, 1)). */
export function phase(fx, fy) {
  return (fy < 0.5 ? 0 : PHASES) + (fx < 0.5 ? 0 : 1);
}
