// Bytes from the page's own elements: the other way round than packing.py.

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;,=>?@^_`{|}~"; // of base 85

async function unpack(name) {
  const element = document.getElementById(name);
  if (!element) throw new Error("A part of this file is missing: copy it again.");
  const packed = bytesOf(element.textContent);
  element.remove(); // the text is not needed any more
  return element.dataset.packed === "deflated" ? together(await inflated(packed)) : packed;
}

// Five digits are four bytes; the last digits may be left out, and then the last bytes are.
function bytesOf(text) {
  const values = new Uint8Array(128);
  for (let i = 0; i < DIGITS.length; i++) values[DIGITS.charCodeAt(i)] = i;
  const bytes = new Uint8Array(Math.ceil(text.length / 5) * 4);
  for (let from = 0, to = 0; from < text.length; from += 5, to += 4) {
    let value = 0;
    for (let i = from; i < from + 5; i++) value = value * 85 + (i < text.length ? values[text.charCodeAt(i)] : 84);
    for (let i = 0; i < 4; i++) bytes[to + i] = value >>> (24 - 8 * i);
  }
  return bytes.subarray(0, bytes.length - ((5 - (text.length % 5)) % 5));
}

async function inflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  try {
    return new Uint8Array(await new Response(stream).arrayBuffer());
  } catch {
    throw new Error("A part of this file is damaged: copy it again.");
  }
}

// Even bytes come first, odd ones after them.
function together(apart) {
  const half = Math.ceil(apart.length / 2);
  const bytes = new Uint8Array(apart.length);
  for (let i = 0; i < half; i++) bytes[2 * i] = apart[i];
  for (let i = half; i < apart.length; i++) bytes[2 * (i - half) + 1] = apart[i];
  return bytes;
}

// The same JSON with bytes in the place of their addresses, each unpacked once.
async function filled(value, unpackedBytes = new Map()) {
  if (typeof value === "string" && value.startsWith("packed:")) {
    const name = value.slice("packed:".length);
    if (!unpackedBytes.has(name)) unpackedBytes.set(name, unpack(name));
    return unpackedBytes.get(name);
  }
  if (Array.isArray(value)) return Promise.all(value.map((one) => filled(one, unpackedBytes)));
  if (typeof value !== "object" || value === null) return value;
  const entries = await Promise.all(
    Object.entries(value).map(async ([key, one]) => [key, await filled(one, unpackedBytes)]),
  );
  return Object.fromEntries(entries);
}
