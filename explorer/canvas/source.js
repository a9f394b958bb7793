/** Where bytes come from: an address of this origin, a data address, or bytes that are there already. */
import { readSafetensors } from "./interpreter.js";

/** @param {string|Uint8Array|ArrayBuffer} source @returns {Promise<Uint8Array>} */
export async function loadBytes(source) {
  if (source instanceof Uint8Array) return source;
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  if (source.startsWith("data:")) return fromDataAddress(source);
  const url = new URL(source, document.baseURI);
  if (url.origin !== location.origin) throw new Error(`The data are at ${url.origin}, which is another place than this page.`);
  let answer;
  try {
    answer = await fetch(url, { credentials: "same-origin" });
  } catch {
    throw new Error("The server does not answer. Is it still running?");
  }
  if (!answer.ok) throw new Error(`The server no longer has these data (status ${answer.status}). Reload the page.`);
  return new Uint8Array(await answer.arrayBuffer());
}

/** Safetensors from a source. @returns {Promise<{metadata: Object, tensors: Object}>} */
export async function loadTensors(source) {
  return readSafetensors(await loadBytes(source));
}

/** A picture (PNG) from a source. @returns {Promise<ImageBitmap>} */
export async function loadPicture(source) {
  const bytes = await loadBytes(source);
  return createImageBitmap(new Blob([bytes], { type: "image/png" }));
}

function fromDataAddress(address) {
  const comma = address.indexOf(",");
  if (comma < 0) throw new Error("A data address has no comma, so it holds no data.");
  const text = atob(address.slice(comma + 1)); // (files opened from disk may not fetch even data addresses)
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}
