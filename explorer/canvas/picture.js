// From a picture file to a model's image: scaled by area averaging, centred, light on dark or dark on light as the
// model's data are. Everything but `readPicture` is plain arithmetic.

const MOST_BYTES = 20e6;
const MOST_PIXELS = 40e6;
const INK = 0.12; // what differs less from the tone of the border is not ink
const UNIFORM = 0.75; // a border of which this share has one tone lies around a figure, not in a photograph

// The file's pixels: {width, height, channels: [r, g, b] Float32Arrays in [0, 1]}, on white where it is transparent.
// Throws an Error with one sentence.
export async function readPicture(file) {
  if (!file.type.startsWith("image/")) throw new Error(`${file.name} is not a picture: drop a PNG, JPEG, WebP or GIF.`);
  if (file.size > MOST_BYTES) {
    throw new Error(`${file.name} is ${(file.size / 1e6).toFixed(0)} MB: pictures may have at most 20 MB.`);
  }
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new Error(`${file.name} cannot be read as a picture: drop a PNG, JPEG, WebP or GIF that is whole.`);
  }
  const { width, height } = bitmap;
  if (width * height > MOST_PIXELS) {
    bitmap.close();
    throw new Error(`${file.name} has ${width} × ${height} pixels: at most 40 million can be read here.`);
  }
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const { data } = context.getImageData(0, 0, width, height);
  const channels = [0, 1, 2].map((c) => {
    const values = new Float32Array(width * height);
    for (let i = 0; i < values.length; i++) values[i] = data[4 * i + c] / 255;
    return values;
  });
  return { width, height, channels };
}

// The picture as a model's image.
// shape: [C, H, W]; ground: the tone around the figures of the model's data (0 black, 1 white), or null where they
// have none (photographs); margin: the empty part of the side around a figure, 0 to 0.4.
// Returns {pixels: Float32Array [C * H * W], words}: what was done, for the page.
export function fitPicture(picture, shape, { ground = 0, margin = 0 } = {}) {
  const [C, H, W] = shape;
  const { width, height } = picture;
  const same = width === W && height === H;
  const words = same ? [] : [`scaled from ${width} × ${height} to ${W} × ${H} pixels`];
  if (C === 3) {
    const box = fit(width, height, 0, 0, width, height, W, H);
    const pixels = new Float32Array(3 * H * W);
    picture.channels.forEach((values, c) => {
      pixels.set(resample(values, width, height, box, W, H, median(border(values, width, height))), c * H * W);
    });
    return { pixels, words: [...words, "whole and centred"].join(", ") };
  }
  let values = gray(picture);
  const around = border(values, width, height);
  const tone = median(around);
  const figure = ground !== null && share(around, tone) > UNIFORM;
  if (!figure) {
    const box = fit(width, height, 0, 0, width, height, W, H);
    return { pixels: resample(values, width, height, box, W, H, tone), words: [...words, "whole and centred"].join(", ") };
  }
  // A figure on one tone: how far each pixel is from that tone, on the side of the tone where there is more.
  const [darker, lighter] = [mean(values, (v) => Math.max(0, tone - v)), mean(values, (v) => Math.max(0, v - tone))];
  const dark = darker > lighter;
  const strength = values.map((v) => Math.max(0, dark ? tone - v : v - tone));
  const most = strength.reduce((a, b) => Math.max(a, b), 0);
  if (most < INK) return { pixels: new Float32Array(H * W).fill(ground), words: "the picture is empty: all of one tone" };
  values = strength.map((v) => (v < INK * most ? 0 : v / most));
  if (dark !== ground > 0.5) words.push(dark ? "inverted because it is dark on light" : "inverted because it is light on dark");
  const box = same ? [0, 0, width, height] : aroundInk(values, width, height, W, H, margin);
  if (!same) words.push("cropped to its figure and centred");
  const ink = resample(values, width, height, box, W, H, 0);
  return { pixels: ground > 0.5 ? ink.map((v) => 1 - v) : ink, words: words.join(", ") };
}

// The box of the source [left, top, right, bottom] in which the ink fills all but the margin, with its centre of mass in
// the pixel right below the middle (index W/2, H/2), as far as that leaves nothing outside: as MNIST's digits were made.
function aroundInk(values, width, height, W, H, margin) {
  let [left, top, right, bottom, sum, mx, my] = [width, height, 0, 0, 0, 0, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const v = values[y * width + x];
      if (!v) continue;
      [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x + 1), Math.min(top, y), Math.max(bottom, y + 1)];
      sum += v;
      mx += v * (x + 0.5);
      my += v * (y + 0.5);
    }
  }
  const scale = Math.max((right - left) / (W * (1 - 2 * margin)), (bottom - top) / (H * (1 - 2 * margin)));
  const [w, h] = [scale * W, scale * H];
  const x = clamp(mx / sum - (w + scale) / 2, right - w, left);
  const y = clamp(my / sum - (h + scale) / 2, bottom - h, top);
  return [x, y, x + w, y + h];
}

// The smallest box around [left, top, right, bottom] with the proportions of W x H and the same middle.
function fit(width, height, left, top, right, bottom, W, H) {
  const scale = Math.max((right - left) / W, (bottom - top) / H);
  const [x, y] = [(left + right - scale * W) / 2, (top + bottom - scale * H) / 2];
  return [x, y, x + scale * W, y + scale * H];
}

// Area averages: each of W x H outputs is the mean of its part of the box; outside the picture lies `fill`.
export function resample(values, width, height, [left, top, right, bottom], W, H, fill) {
  const columns = weights(left, right, width, W);
  const rows = weights(top, bottom, height, H);
  const narrow = new Float64Array(height * W);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < W; x++) {
      const { from, parts, outside } = columns[x];
      let sum = outside * fill;
      for (let k = 0; k < parts.length; k++) sum += parts[k] * values[y * width + from + k];
      narrow[y * W + x] = sum;
    }
  }
  const out = new Float32Array(H * W);
  for (let y = 0; y < H; y++) {
    const { from, parts, outside } = rows[y];
    for (let x = 0; x < W; x++) {
      let sum = outside * fill;
      for (let k = 0; k < parts.length; k++) sum += parts[k] * narrow[(from + k) * W + x];
      out[y * W + x] = sum;
    }
  }
  return out;
}

// For each of `outputs` equal parts of [from, to]: which of `size` source cells it covers, and by what share of itself.
function weights(from, to, size, outputs) {
  const step = (to - from) / outputs;
  return Array.from({ length: outputs }, (_, i) => {
    const [a, b] = [from + i * step, from + (i + 1) * step];
    const first = clamp(Math.floor(a), 0, size);
    const last = clamp(Math.ceil(b), 0, size);
    const parts = [];
    for (let k = first; k < last; k++) parts.push(Math.max(0, Math.min(b, k + 1) - Math.max(a, k)) / step);
    const inside = parts.reduce((sum, part) => sum + part, 0);
    return { from: first, parts, outside: Math.max(0, 1 - inside) };
  });
}

// Luma as televisions weigh it (ITU-R BT.601).
function gray({ channels: [r, g, b] }) {
  return r.map((value, i) => 0.299 * value + 0.587 * g[i] + 0.114 * b[i]);
}

function border(values, width, height) {
  const found = [];
  for (let x = 0; x < width; x++) found.push(values[x], values[(height - 1) * width + x]);
  for (let y = 0; y < height; y++) found.push(values[y * width], values[y * width + width - 1]);
  return found;
}

function median(values) {
  return Float32Array.from(values).sort()[Math.floor(values.length / 2)];
}

function mean(values, of) {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += of(values[i]);
  return sum / values.length;
}

// Of the values, how large a share lies at this tone.
function share(values, tone) {
  return mean(values, (v) => (Math.abs(v - tone) < INK ? 1 : 0));
}

function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}
