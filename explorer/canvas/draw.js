// The draw by which the test images were binarised (latents.data.binarise), in the browser: an image that is taken up
// from the test set is the very image that the models saw.

const MULTIPLIER = 0x2360ed051fc65da44385df649fccf645n;
const BITS = 128n;

// Uniform numbers in [0, 1), `count` of them after the first `skip` of NumPy's PCG64 stream.
// start: {state, increment} of the stream at its beginning, as decimal text.
export function uniformsFrom(start, skip, count) {
  const increment = BigInt(start.increment);
  let state = advanced(BigInt(start.state), increment, BigInt(skip));
  return Float64Array.from({ length: count }, () => {
    state = BigInt.asUintN(128, state * MULTIPLIER + increment);
    return Number(output(state) >> 11n) * 2 ** -53;
  });
}

// 64 bits of a state of 128: both halves together, turned by the topmost six bits (XSL RR).
function output(state) {
  const folded = BigInt.asUintN(64, (state >> 64n) ^ state);
  const turn = state >> (BITS - 6n);
  return BigInt.asUintN(64, (folded >> turn) | (folded << (64n - turn)));
}

// The state many steps later, by squaring: n steps are again one multiplication and one addition.
function advanced(state, increment, steps) {
  let [multiplier, addend, factor, plus] = [MULTIPLIER, increment, 1n, 0n];
  for (; steps > 0n; steps >>= 1n) {
    if (steps & 1n) [factor, plus] = [wrap(factor * multiplier), wrap(plus * multiplier + addend)];
    [multiplier, addend] = [wrap(multiplier * multiplier), wrap((multiplier + 1n) * addend)];
  }
  return wrap(state * factor + plus);
}

function wrap(value) {
  return BigInt.asUintN(128, value);
}
