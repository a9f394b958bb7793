// Reads safetensors: the header's length in eight bytes, a JSON header, the numbers.
//
// readSafetensors(bytes) -> {metadata: {name: string}, tensors: {name: {dtype, shape, data}}}; data is a Float32Array
// (F32, F16), Uint8Array (U8), Int32Array (I32) or Float64Array (I64), a copy. What does not fit throws an Error with
// one sentence.

export function need(condition, sentence) {
  if (!condition) throw new Error(sentence);
}

let halves = null; // the value of each float16, made when first needed
function fromHalves(bits) {
  if (!halves) {
    halves = new Float32Array(65536);
    for (let h = 0; h < 65536; h++) {
      const exponent = (h >> 10) & 31, fraction = h & 1023;
      const size = exponent === 0 ? fraction * 2 ** -24
        : exponent < 31 ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction ? NaN : Infinity;
      halves[h] = h & 0x8000 ? -size : size;
    }
  }
  const values = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) values[i] = halves[bits[i]];
  return values;
}

const types = {
  F32: [4, (buffer) => new Float32Array(buffer)],
  F16: [2, (buffer) => fromHalves(new Uint16Array(buffer))],
  U8: [1, (buffer) => new Uint8Array(buffer)],
  I32: [4, (buffer) => new Int32Array(buffer)],
  I64: [8, (buffer) => Float64Array.from(new BigInt64Array(buffer), Number)],
};

export function readSafetensors(bytes) {
  const file = bytes instanceof ArrayBuffer ? new Uint8Array(bytes) : bytes;
  need(file.length >= 8, `The file is cut off: it has ${file.length} bytes.`);
  const length = Number(new DataView(file.buffer, file.byteOffset, 8).getBigUint64(0, true));
  need(length <= file.length - 8, `The file is cut off: of its header of ${length} bytes ${file.length - 8} are left.`);
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

export const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
export const isCount = (value) => Number.isSafeInteger(value) && value >= 0;
