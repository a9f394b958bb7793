// Small parts of the drawing pad: its buttons and pictures, and what it says of a posterior.

import { el, number } from "./dom.js";

const KEYS = [
  ["arrow keys", "move the pen"],
  ["space", "pen down, pen up"],
  ["P, E", "pen, eraser"],
  ["[ , ]", "thinner, thicker"],
  ["Ctrl Z", "undo"],
  ["Delete", "clear"],
  ["?", "show or hide these keys"],
];
const FEW = 3; // dimensions that are written out

// The posterior in a line: every number of few, the size of many; after the model's name where there are several.
export function posteriorWords(model, { point, stddev, kappa }, named) {
  const name = named ? `${model.name}: ` : "q(z|x): ";
  const what = kappa === null ? "mean" : "mean direction";
  if (point.length > FEW) {
    const spread = stddev ? `, σ from ${number(Math.min(...stddev))} to ${number(Math.max(...stddev))}` : "";
    return `${name}${what} of ${point.length} numbers${spread}${concentration(kappa)}`;
  }
  const numbers = Array.from(point, (value, i) => {
    return `z${String.fromCharCode(0x2081 + i)} ${number(value)}${stddev ? ` ± ${number(stddev[i])}` : ""}`;
  });
  return `${name}${numbers.join(", ")}${concentration(kappa)}`;
}

function concentration(kappa) {
  return kappa === null ? "" : `, κ ${number(kappa, 0)}`;
}

// Pixels [C * H * W] in [0, 1] on a canvas of W x H.
export function paint(canvas, pixels, channels) {
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, canvas.height);
  const size = canvas.width * canvas.height;
  for (let i = 0; i < size; i++) {
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = Math.round(255 * pixels[(channels === 3 ? c * size : 0) + i]);
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

// Gray bytes in base64 as pixels in [0, 1].
export function fromBytes(text) {
  return Float32Array.from(atob(text), (character) => character.charCodeAt(0) / 255);
}

export function button(text, title, act) {
  return el("button", "pad-button", { type: "button", title, text, onclick: act });
}

// Something to see with its words below.
export function figure(content, words) {
  return el("figure", "pad-figure", {}, content, el("figcaption", "", { text: words }));
}

export function keyList() {
  const items = KEYS.flatMap(([key, does]) => [el("dt", "", { text: key }), el("dd", "", { text: does })]);
  return el("dl", "pad-keys", { hidden: "" }, ...items);
}
