// The operations of portable programs, as latents/portable/operations.py documents them.
//
// Each is given the buffers of the values that it takes, its fields and a look-up of its tensors, and gives
// [size, step]: how many numbers it makes, and the function that fills a buffer with them.

import { isCount, need } from "./safetensors.js";

export const LARGEST = 1 << 22; // numbers of a value at most

const sigmoid = (v) => 1 / (1 + Math.exp(-v));
const softplus = (v) => (v > 0 ? v + Math.log1p(Math.exp(-v)) : Math.log1p(Math.exp(v)));

// log Gamma(x), x > 0: the approximation of Lanczos (1964) with g = 7, good to 14 digits.
const lanczos = [676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059, 12.507343278686905,
  -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7];
function logGamma(x) {
  let series = 0.99999999999980993;
  for (let i = 0; i < 8; i++) series += lanczos[i] / (x + i + 1);
  const t = x + 7.5; // Gamma(x + 1) = sqrt(2 pi) t^(x + 1/2) e^-t times the series
  return 0.5 * Math.log(2 * Math.PI) + (x + 0.5) * Math.log(t) - t + Math.log(series) - Math.log(x);
}

function each(f) {
  return ([x]) => [x.length, (y) => {
    for (let i = 0; i < x.length; i++) y[i] = f(x[i]);
  }];
}

// A sum of rows of W, each times a number: four rows in one pass over the sum, and none for a zero.
class Rows {
  constructor(W, n, most) {
    this.W = W; // rows of n numbers
    this.n = n;
    this.count = 0;
    this.times = new Float32Array(most); // what each is taken times,
    this.starts = new Int32Array(most); // and where it begins
  }

  add(v, start) {
    if (v === 0) return;
    this.times[this.count] = v;
    this.starts[this.count++] = start;
  }

  sumInto(y) {
    const { W, n, count, times, starts } = this;
    let k = 0;
    for (; k + 4 <= count; k += 4) {
      const a = times[k], b = times[k + 1], c = times[k + 2], d = times[k + 3];
      const p = starts[k], q = starts[k + 1], r = starts[k + 2], s = starts[k + 3];
      for (let j = 0; j < n; j++) y[j] += a * W[p + j] + b * W[q + j] + c * W[r + j] + d * W[s + j];
    }
    for (; k < count; k++) {
      const a = times[k], p = starts[k];
      for (let j = 0; j < n; j++) y[j] += a * W[p + j];
    }
    this.count = 0;
  }
}

export const operations = {
  linear([x], op, tensor) {
    const weight = tensor("weight"), bias = tensor("bias"), n = bias.data.length;
    need(
      weight.shape.length === 2 && weight.shape[0] === x.length && weight.shape[1] === n && bias.shape.length === 1,
      `linear takes ${x.length} numbers, but its weight is [${weight.shape}] and its bias [${bias.shape}].`,
    );
    const rows = new Rows(weight.data, n, x.length);
    return [n, (y) => {
      y.set(bias.data);
      for (let i = 0; i < x.length; i++) rows.add(x[i], i * n);
      rows.sumInto(y);
    }];
  },
  convolve([x], op, tensor) { // for each pixel of the maps as linear, over the pixels under its kernel
    const weight = tensor("weight"), bias = tensor("bias"), { height, width, repeat, stride, padding } = op;
    const [kernel, other, inputs, outputs] = weight.shape, size = height * width;
    need([height, width, repeat, stride, padding].every(isCount) && Math.min(height, width, repeat, stride) > 0,
      "convolve has numbers that are not whole.");
    need(weight.shape.length === 4 && kernel === other && inputs * size === x.length && bias.data.length === outputs,
      `convolve takes ${x.length} numbers, but its weight is [${weight.shape}] and its bias [${bias.shape}].`);
    const h = Math.floor((height * repeat + 2 * padding - kernel) / stride) + 1;
    const w = Math.floor((width * repeat + 2 * padding - kernel) / stride) + 1;
    need(kernel > 0 && h > 0 && w > 0, `convolve has a kernel of ${kernel} for maps of ${height} x ${width}.`);
    // Taps that fall on the same pixel, since it is repeated, are summed beforehand: for each place within a pixel.
    const taps = Math.floor((kernel + repeat - 2) / repeat) + 1, block = inputs * outputs;
    const all = repeat * repeat * taps * taps * block;
    need(Math.max(all, outputs * h * w) <= LARGEST, "convolve is too large.");
    const W = new Float32Array(all), sum = new Float32Array(outputs), rows = new Rows(W, outputs, taps * taps * inputs);
    const start = (r, c, down, right) => (((r * repeat + c) * taps + down) * taps + right) * block;
    for (let r = 0; r < repeat; r++) for (let c = 0; c < repeat; c++)
      for (let i = 0; i < kernel; i++) for (let k = 0; k < kernel; k++) {
        const to = start(r, c, Math.floor((r + i) / repeat), Math.floor((c + k) / repeat));
        for (let j = 0; j < block; j++) W[to + j] += weight.data[(i * kernel + k) * block + j];
      }
    return [outputs * h * w, (y) => {
      for (let place = 0; place < h * w; place++) {
        const top = Math.floor(place / w) * stride - padding, left = (place % w) * stride - padding;
        const up = Math.floor(top / repeat), from = Math.floor(left / repeat);
        for (let down = 0; down < taps; down++) for (let right = 0; right < taps; right++) {
          const r = up + down, c = from + right;
          if (r < 0 || r >= height || c < 0 || c >= width) continue;
          let row = start(top - up * repeat, left - from * repeat, down, right);
          for (let at = r * width + c; at < x.length; at += size, row += outputs) rows.add(x[at], row);
        }
        sum.set(bias.data);
        rows.sumInto(sum);
        for (let j = 0; j < outputs; j++) y[j * h * w + place] = sum[j];
      }
    }];
  },
  glu([x]) {
    const n = x.length / 2;
    need(isCount(n), `glu takes two halves, but it is given ${x.length} numbers.`);
    return [n, (y) => {
      for (let i = 0; i < n; i++) y[i] = x[i] * sigmoid(x[n + i]);
    }];
  },
  sigmoid: each(sigmoid),
  softplus: each(softplus),
  exp: each(Math.exp),
  clamp(values, { least, most }) {
    need(least <= most, `clamp has no room between ${least} and ${most}.`);
    return each((v) => Math.min(Math.max(v, least), most))(values);
  },
  affine: (values, { scale, shift }) => each((v) => scale * v + shift)(values),
  concat(values) {
    return [values.reduce((sum, x) => sum + x.length, 0), (y) => {
      let start = 0;
      for (const x of values) { y.set(x, start); start += x.length; }
    }];
  },
  slice([x], { start, stop }) {
    need(isCount(start) && isCount(stop) && start < stop && stop <= x.length,
      `slice takes ${start} to ${stop} of ${x.length} numbers.`);
    const part = x.subarray(start, stop);
    return [part.length, (y) => y.set(part)];
  },
  normalise([x]) {
    return [x.length, (y) => {
      let square = 0;
      for (let i = 0; i < x.length; i++) square += x[i] * x[i];
      const size = Math.max(Math.sqrt(square), 1e-12);
      for (let i = 0; i < x.length; i++) y[i] = x[i] / size;
    }];
  },
  reflect([x, v]) {
    const n = v.length;
    need(x.length % n === 0, `reflect takes rows of ${n} numbers, but it is given ${x.length}.`);
    return [x.length, (y) => {
      let square = 0;
      for (let i = 0; i < n; i++) square += v[i] * v[i];
      for (let row = 0; row < x.length; row += n) {
        let along = 0;
        for (let i = 0; i < n; i++) along += v[i] * x[row + i];
        const twice = square > 1e-24 ? (2 * along) / square : 0;
        for (let i = 0; i < n; i++) y[row + i] = x[row + i] - twice * v[i];
      }
    }];
  },
  diagonal([x]) {
    return [x.length ** 2, (y) => {
      for (let i = 0; i < x.length; i++) y[i * (x.length + 1)] = x[i];
    }];
  },
  column_norms([x]) {
    const n = Math.sqrt(x.length);
    need(isCount(n), `column_norms takes a square matrix, but it is given ${x.length} numbers.`);
    return [n, (y) => {
      for (let j = 0; j < n; j++) {
        let square = 0;
        for (let i = j; i < x.length; i += n) square += x[i] * x[i];
        y[j] = Math.sqrt(square);
      }
    }];
  },
  logistic_mean([location, logScale]) {
    need(location.length === logScale.length, "logistic_mean takes two values of one size.");
    return [location.length, (y) => {
      for (let i = 0; i < y.length; i++) {
        const s = Math.exp(logScale[i]), mu = location[i];
        y[i] = (256 / 255) * s * (softplus((mu - 1 / 512) / s) - softplus((mu - 511 / 512) / s));
      }
    }];
  },
  levels_mean([x], { levels }) {
    const n = x.length / levels;
    need(isCount(levels) && levels > 1 && isCount(n), `levels_mean has ${x.length} logits for ${levels} levels.`);
    return [n, (y) => {
      for (let i = 0; i < n; i++) {
        let most = -Infinity, total = 0, sum = 0;
        for (let k = i; k < x.length; k += n) most = Math.max(most, x[k]);
        for (let k = 0; k < levels; k++) {
          const chance = Math.exp(x[k * n + i] - most);
          total += chance;
          sum += chance * k;
        }
        y[i] = sum / total / (levels - 1);
      }
    }];
  },
  stick_breaking_mean([a, b]) {
    need(a.length === b.length, "stick_breaking_mean takes two values of one size.");
    return [a.length + 1, (y) => {
      let left = 1;
      for (let k = 0; k < a.length; k++) {
        const top = 1 + 1 / a[k];
        const mean = b[k] * Math.exp(logGamma(top) + logGamma(b[k]) - logGamma(top + b[k]));
        y[k] = mean * left;
        left *= 1 - mean;
      }
      y[a.length] = left;
    }];
  },
};

// Values that an operation takes: one where it is not said, any number where it is null.
export const counts = { reflect: 2, logistic_mean: 2, stick_breaking_mean: 2, concat: null };

// Numbers that an operation must have.
export const numbers = {
  clamp: ["least", "most"], affine: ["scale", "shift"], slice: ["start", "stop"], levels_mean: ["levels"],
  convolve: ["height", "width", "repeat", "stride", "padding"],
};
