/** Files of a picture: SVG as it is, PNG with two pixels for each of the screen's, or a page of its own. */
import { escaped } from "./marks.js";

export const FINER = 2; // pixels of a PNG for each of the screen's
const MOST = 16000; // pixels of a side that browsers draw

/** @param {{text: string}} drawn as `compose` gives it */
export function svgFile({ text }) {
  return new Blob([`<?xml version="1.0" encoding="UTF-8"?>\n${text}\n`], { type: "image/svg+xml" });
}

/** @param {{text: string, width: number, height: number}} drawn @returns {Promise<Blob>} */
export async function pngFile(drawn) {
  const { width, height } = drawn;
  const finer = Math.min(FINER, MOST / width, MOST / height);
  const address = URL.createObjectURL(svgFile(drawn));
  try {
    const image = new Image();
    image.src = address;
    await image.decode();
    const canvas = Object.assign(document.createElement("canvas"), { width: Math.round(width * finer), height: Math.round(height * finer) });
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((done, failed) => canvas.toBlob((blob) => (blob ? done(blob) : failed(new Error("The picture is too large to be drawn as PNG: save it as SVG."))), "image/png"));
  } finally {
    URL.revokeObjectURL(address);
  }
}

/**
 * A page that shows the picture and says what it is, and needs no network: its policy forbids it every one.
 * @param {{text: string}} drawn
 * @param {{title: string, words: string[], alts: string[], link: string, ground: string, ink: string}} about
 */
export function htmlFile({ text, width }, { title, words, alts, link, ground, ink }) {
  const paragraphs = [...alts, ...words].map((line) => `<p>${escaped(line)}</p>`).join("\n");
  const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<style>
body { margin: 0; padding: 1rem; background: ${ground}; color: ${ink}; font: 1rem/1.45 "Source Sans", "Source Sans 3", system-ui, sans-serif; }
figure, footer { margin: 0 auto; max-width: ${width}px; }
svg { display: block; width: 100%; height: auto; }
details, footer p { font-size: 0.875rem; margin: 0; padding: 0.25rem 1rem; }
details p { margin: 0.25rem 0; }
</style>
</head>
<body>
<figure>
${text}
<figcaption>
<details><summary>In words</summary>
${paragraphs}
</details>
</figcaption>
</figure>
<footer><p>Saved from Latent Explorer: <a href="${escaped(link)}" style="color: inherit">${escaped(link)}</a></p></footer>
</body>
</html>
`;
  return new Blob([page], { type: "text/html" });
}

/** Hand a file to the visitor. */
export function give(blob, name) {
  const href = URL.createObjectURL(blob);
  Object.assign(document.createElement("a"), { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 10_000);
}
