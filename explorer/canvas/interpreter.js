// Runs portable programs (latents/portable) in the browser: one vector at a time, in plain JavaScript.
//
// loadProgram(bytes) -> {part, inputs, shape, binarise, outputs: {name: size}, run({z}) -> {pixels: Float32Array}}
//
// Everything in a file is checked when it is read, and what does not fit throws an Error with one sentence. A program's
// buffers are made once: `run` allocates nothing, and what it returns is overwritten by the next call.

import { counts, LARGEST, numbers, operations } from "./operations.js";
import { isCount, isObject, need, readSafetensors as read } from "./safetensors.js";

export { readSafetensors } from "./safetensors.js";

const MOST = 1000; // operations of a program, as in latents/portable/program.py

export function loadProgram(bytes) {
  const { metadata, tensors } = read(bytes);
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
    need(count === null || op.in.length === count, `The operation ${op.op} takes ${count}, not ${op.in.length} values.`);
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
  const results = {}, sizes = {}; // by output
  for (const [name, value] of Object.entries(outputs)) {
    need(typeof value === "string" && value in values, `The program has no value for its output ${name}.`);
    results[name] = values[value];
    sizes[name] = values[value].length;
  }
  const pixels = sizes.pixels ?? inputs.x;
  need(Array.isArray(shape) && shape.length === 3 && shape[0] * shape[1] * shape[2] === pixels,
    `The program makes or takes ${pixels} pixels, but its images are of [${shape}].`);
  const run = (given) => {
    for (const name in inputs) {
      const size = given[name]?.length ?? 0;
      need(size === inputs[name], `${name} has ${size} numbers, but ${inputs[name]} were expected.`);
      values[name].set(given[name]);
    }
    for (const step of steps) step();
    return results;
  };
  return { part, inputs, shape, binarise, outputs: sizes, run };
}
