// Runs portable programs (latents/portable) in the browser: one vector at a time, in plain JavaScript.
//
// readSafetensors(bytes) -> {metadata: {name: string}, tensors: {name: {dtype, shape, data}}}
// loadProgram(bytes)     -> {part, inputs, shape, binarise, outputs: {name: size}, run({z}) -> {pixels: Float32Array}}
//
// Everything in a file is checked when it is read, and what does not fit throws an Error with one sentence. A program's
// buffers are made once: `run` allocates nothing, and what it returns is overwritten by the next call.

const LARGEST = 1 << 22; // numbers of a value, and
const MOST = 1000; // operations of a program: as in latents/portable/operations.py and program.py

function need(condition, sentence) {
  if (!condition) throw new Error(sentence);
}

// -- safetensors: the header's length in eight bytes, a JSON header, the numbers --

const halves = new Float32Array(65536); // the value of each float16, made when first needed
function fromHalf(bits) {
  if (halves[0x3c00] === 0)
    for (let h = 0; h < 65536; h++) {
      const exponent = (h >> 10) & 31, fraction = h & 1023;
      const size = exponent === 0 ? fraction * 2 ** -24
        : exponent < 31 ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction ? NaN : Infinity;
      halves[h] = h & 0x8000 ? -size : size;
    }
  return halves[bits];
}

const types = {
  F32: [4, (buffer) => new Float32Array(buffer)],
  F16: [2, (buffer) => Float32Array.from(new Uint16Array(buffer), fromHalf)],
  U8: [1, (buffer) => new Uint8Array(buffer)],
  I32: [4, (buffer) => new Int32Array(buffer)],
  I64: [8, (buffer) => Float64Array.from(new BigInt64Array(buffer), Number)],
};

export function readSafetensors(bytes) {
  const file = bytes instanceof ArrayBuffer ? new Uint8Array(bytes) : bytes;
  need(file.length >= 8, `The file is cut off: it has ${file.length} bytes.`);
  const length = Number(new DataView(file.buffer, file.byteOffset, 8).getBigUint64(0, true));
  need(length <= file.length - 8, `The file is cut off: its header has ${length} bytes, but ${file.length - 8} are there.`);
  let header;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(file.subarray(8, 8 + length)));
  } catch {
    throw new Error("The file is damaged: its header is not JSON.");
  }
  need(isObject(header), "The file is damaged: its header is not an object.");
  const { __metadata__: metadata = {}, ...entries } = header;
  need(isObject(metadata), "The file is damaged: its metadata are not an object.");
  const tensors = Object.create(null), body = file.length - 8 - length;
  for (const [name, entry] of Object.entries(entries)) {
    need(isObject(entry) && Object.hasOwn(types, entry.dtype), `The tensor ${name} is of a type that is not known.`);
    const { dtype, shape, data_offsets: offsets } = entry, [width, convert] = types[dtype];
    need(Array.isArray(shape) && shape.every(isCount), `The tensor ${name} has no shape.`);
    need(Array.isArray(offsets) && offsets.length === 2 && offsets.every(isCount), `The tensor ${name} has no place.`);
    const [start, end] = offsets, size = width * shape.reduce((product, side) => product * side, 1);
    need(start <= end && end <= body, `The file is cut off: the tensor ${name} ends at ${end} of ${body} bytes.`);
    need(end - start === size, `The tensor ${name} has ${end - start} bytes, but its shape asks for ${size}.`);
    tensors[name] = { dtype, shape, data: convert(file.slice(8 + length + start, 8 + length + end).buffer) };
  }
  return { metadata, tensors };
}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const isCount = (value) => Number.isSafeInteger(value) && value >= 0;

// -- operations: each is given its inputs, its fields and its tensors, and gives [size, step]; `step(y)` fills y --

const sigmoid = (v) => 1 / (1 + Math.exp(-v));
const softplus = (v) => (v > 0 ? v + Math.log1p(Math.exp(-v)) : Math.log1p(Math.exp(v)));

function each(f) {
  return ([x]) => [x.length, (y) => {
    for (let i = 0; i < x.length; i++) y[i] = f(x[i]);
  }];
}

const operations = {
  linear([x], op, tensor) { // a row of W for each input: the inner loop runs over outputs, and zeros cost nothing
    const weight = tensor("weight"), bias = tensor("bias"), n = bias.data.length;
    need(
      weight.shape.length === 2 && weight.shape[0] === x.length && weight.shape[1] === n && bias.shape.length === 1,
      `linear takes ${x.length} numbers, but its weight is [${weight.shape}] and its bias [${bias.shape}].`,
    );
    const W = weight.data, b = bias.data;
    return [n, (y) => {
      y.set(b);
      for (let i = 0, row = 0; i < x.length; i++, row += n) {
        const v = x[i];
        if (v !== 0) for (let j = 0; j < n; j++) y[j] += v * W[row + j];
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
};
const counts = { reflect: 2, logistic_mean: 2, concat: null }; // values taken; one where it is not said
const numbers = {
  clamp: ["least", "most"], affine: ["scale", "shift"], slice: ["start", "stop"], levels_mean: ["levels"],
};

export function loadProgram(bytes) {
  const { metadata, tensors } = readSafetensors(bytes);
  let program;
  try {
    program = JSON.parse(metadata.program);
  } catch {
    throw new Error("The file holds no program.");
  }
  need(isObject(program) && program.version === 1, "The program is of a version that is not known.");
  const { part, inputs, ops, outputs, shape, binarise } = program;
  need(isObject(inputs) && isObject(outputs) && Array.isArray(ops) && ops.length <= MOST, "The program is damaged.");
  const values = Object.create(null), steps = [];
  const make = (name, size) => {
    need(typeof name === "string" && !(name in values), `The program makes ${name} twice.`);
    need(isCount(size) && size > 0 && size <= LARGEST, `The program's ${name} has ${size} numbers.`);
    return (values[name] = new Float32Array(size));
  };
  for (const [name, size] of Object.entries(inputs)) make(name, size);
  for (const op of ops) {
    need(isObject(op) && Object.hasOwn(operations, op.op), `The program has an operation ${op?.op} that is not known.`);
    need(Array.isArray(op.in) && op.in.length > 0 && op.in.every((name) => typeof name === "string" && name in values),
      `The operation ${op.op} takes values that are not made before it.`);
    const count = op.op in counts ? counts[op.op] : 1;
    need(count === null || op.in.length === count, `The operation ${op.op} takes ${count} values, not ${op.in.length}.`);
    for (const name of numbers[op.op] ?? [])
      need(Number.isFinite(op[name]), `The operation ${op.op} has no number for its ${name}.`);
    const tensor = (key) => {
      need(typeof op[key] === "string" && op[key] in tensors, `The operation ${op.op} has no tensor for its ${key}.`);
      return tensors[op[key]];
    };
    const [size, step] = operations[op.op](op.in.map((name) => values[name]), op, tensor);
    const out = make(op.out, size);
    steps.push(() => step(out));
  }
  const results = {}, sizes = {};
  for (const [name, value] of Object.entries(outputs)) {
    need(typeof value === "string" && value in values, `The program has no value for its output ${name}.`);
    results[name] = values[value];
    sizes[name] = values[value].length;
  }
  const run = (given) => {
    for (const name in inputs) {
      const size = given[name]?.length;
      need(size === inputs[name], `${name} has ${size} numbers, but ${inputs[name]} were expected.`);
      values[name].set(given[name]);
    }
    for (const step of steps) step();
    return results;
  };
  return { part, inputs, shape, binarise, outputs: sizes, run };
}
