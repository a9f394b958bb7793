/** From what a page shows to one SVG: cropped, without the gaps that controls leave, on the page's own ground. */
import { attributes, escaped, rounded } from "./marks.js";

const PADDING = 16; // pixels around everything
const GAP = 20; // pixels that stay of a gap from top to bottom

/**
 * @param {import("./page.js").Item[]} items at least one
 * @param {{title: string, description: string, ground: string, ink: string, font: string, faces: string, foot: string}} about
 *   ground: the colour below everything; font: the families of all text; faces: `@font-face` rules; foot: a line below
 *   everything, or ""
 * @returns {Promise<{text: string, width: number, height: number}>}
 */
export async function compose(items, about) {
  const bands = bandsOf(items);
  const left = Math.floor(Math.min(...items.map((item) => item.box.left))) - PADDING;
  const right = Math.ceil(Math.max(...items.map((item) => item.box.right))) + PADDING;
  const foot = about.foot ? 24 : 0;
  const width = right - left;
  const last = bands.at(-1);
  const height = Math.ceil(last.to + last.bottom - last.top) + PADDING + foot;
  const parts = [];
  let clips = 0;
  for (const band of bands) {
    const within = [];
    for (const item of band.items) {
      const markup = await item.markup();
      if (!markup) continue;
      if (!item.clip) within.push(markup);
      else {
        const { clip } = item;
        const box = attributes({ x: rounded(clip.left), y: rounded(clip.top), width: rounded(clip.right - clip.left), height: rounded(clip.bottom - clip.top) });
        within.push(`<clipPath id="within-${++clips}"><rect${box}/></clipPath><g clip-path="url(#within-${clips})">${markup}</g>`);
      }
    }
    const [dx, dy] = [-left, band.to - band.top].map(rounded);
    parts.push(`<g transform="translate(${dx} ${dy})">${within.join("\n")}</g>`);
  }
  if (about.foot) parts.push(`<text${attributes({ x: PADDING, y: height - PADDING, "font-size": 14, fill: about.ink, "fill-opacity": 0.75 })}>${escaped(about.foot)}</text>`);
  const size = { width, height, viewBox: `0 0 ${width} ${height}` };
  const spaces = { xmlns: "http://www.w3.org/2000/svg", "xmlns:xlink": "http://www.w3.org/1999/xlink", version: "1.1" };
  const text = [
    `<svg${attributes({ ...spaces, ...size, "font-family": about.font, role: "img" })}>`,
    `<title>${escaped(about.title)}</title>`,
    `<desc>${escaped(about.description)}</desc>`,
    about.faces ? `<style>${escaped(about.faces)}</style>` : "",
    `<rect width="${width}" height="${height}" fill="${about.ground}"/>`,
    ...parts,
    "</svg>",
  ].join("\n");
  return { text, width, height };
}

/** Items that overlap from top to bottom, and where each such band is to begin. */
function bandsOf(items) {
  const bands = [];
  for (const item of [...items].sort((a, b) => a.box.top - b.box.top)) {
    const band = bands.at(-1);
    if (band && item.box.top <= band.bottom) {
      band.bottom = Math.max(band.bottom, item.box.bottom);
      band.items.push(item);
    } else bands.push({ top: item.box.top, bottom: item.box.bottom, items: [item] });
  }
  const order = new Map(items.map((item, i) => [item, i]));
  let to = PADDING;
  bands.forEach((band, i) => {
    if (i) to += Math.min(GAP, band.top - bands[i - 1].bottom);
    band.to = to;
    to += band.bottom - band.top;
    band.items.sort((a, b) => order.get(a) - order.get(b)); // what lies over what, as on the page
  });
  return bands;
}
