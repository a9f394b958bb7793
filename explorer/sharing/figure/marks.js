/** Letters, numbers and colours as SVG wants them. */

/** At most two decimals: a hundredth of a pixel. */
export const rounded = (value) => Math.round(value * 100) / 100;

/** Text as it may stand in an element or an attribute; what XML does not allow at all is left out. */
export function escaped(text) {
  return String(text)
    .replace(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, "")
    .replace(/[&<>"]/g, (letter) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[letter]);
}

/** ` name="value"` of each that is not null. */
export function attributes(values) {
  let text = "";
  for (const [name, value] of Object.entries(values)) if (value !== null && value !== undefined) text += ` ${name}="${escaped(value)}"`;
  return text;
}

let pen = null;
const scratch = () => (pen ??= document.createElement("canvas").getContext("2d", { willReadFrequently: true }));
const tones = new Map();
const hex = (parts) => `#${parts.map((value) => Number(value).toString(16).padStart(2, "0")).join("")}`;

/**
 * Any CSS colour as `#rrggbb` and its opacity: drawing programs know no `rgba()`.
 * @returns {{tone: string, alpha: number}}
 */
export function colour(css) {
  if (!tones.has(css)) {
    const context = scratch();
    context.fillStyle = "#000";
    context.fillStyle = css; // (what is no colour leaves it black)
    const written = context.fillStyle;
    const parts = /^rgba\((\d+), (\d+), (\d+), ([\d.]+)\)$/.exec(written);
    if (parts) tones.set(css, { tone: hex(parts.slice(1, 4)), alpha: Number(parts[4]) });
    else if (written[0] === "#") tones.set(css, { tone: written, alpha: 1 });
    else {
      context.clearRect(0, 0, 1, 1); // of another colour space, such as color(srgb ...): as the screen shows it
      context.fillRect(0, 0, 1, 1);
      const [r, g, b, alpha] = context.getImageData(0, 0, 1, 1).data;
      tones.set(css, { tone: hex([r, g, b]), alpha: rounded(alpha / 255) });
    }
  }
  return tones.get(css);
}

/** The parts of a canvas's font: `600 13px "Source Sans", sans-serif`. */
export function fontOf(font) {
  const parts = /^(?:(normal|bold|\d{3})\s+)?([\d.]+)px\s+(.*)$/.exec(font);
  if (!parts) return { family: "sans-serif", size: 10, weight: "400" };
  const weight = { normal: "400", bold: "700" }[parts[1]] ?? parts[1] ?? "400";
  return { family: family(parts[3]), size: Number(parts[2]), weight };
}

/** A list of families that ends in one which every program has. */
export function family(css) {
  return /(^|[\s,])(sans-serif|serif|monospace)\s*$/.test(css) ? css : `${css}, sans-serif`;
}

/** How wide a text is, and how far its alphabetic baseline lies below the line that `baseline` names. */
export function measured(text, font, baseline = "alphabetic") {
  const context = scratch();
  context.font = font;
  context.textBaseline = "alphabetic";
  const { width, fontBoundingBoxAscent: ascent, fontBoundingBoxDescent: descent } = context.measureText(text);
  context.textBaseline = baseline;
  return { width, ascent, descent, rise: ascent - context.measureText(text).fontBoundingBoxAscent };
}
