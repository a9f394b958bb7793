/** "Download figure": what the page shows, as a file, made in the browser alone. */
import { Page } from "./page.js";
import { colour } from "./marks.js";
import { compose } from "./compose.js";
import { faces } from "./faces.js";
import { sentences } from "./lettering.js";
import { give, htmlFile, pngFile, svgFile } from "./files.js";

export { SvgPen } from "./svgpen.js";

const NEAR = 40; // pixels between a figure and the words that belong to it, and between those and the next
const READY = 8000; // milliseconds to wait for what is still being drawn
const FONT = '"Source Sans", "Source Sans 3", "Source Sans Pro", "Helvetica Neue", Arial, sans-serif';

/**
 * Save the page's figure.
 * @param {"png"|"svg"|"html"} kind
 * @param {{title: string, models: string[], name: string, link: string}} about title: of the page; models: that it shows;
 *   name: of the file, without its ending; link: that leads to what is seen
 * @returns {Promise<string>} the sentence that says what happened
 */
export async function saveFigure(kind, { title, models, name, link }) {
  const root = document.querySelector('[data-testid="stMainBlockContainer"]');
  if (!root || !(await settled(root))) return "The page is still being drawn: try again in a moment.";
  const page = new Page(root);
  const items = around(page);
  if (!items.length) return nothing(root);
  const words = sentences(items);
  const told = models.filter((model) => !words.some((line) => line.includes(model)));
  const css = getComputedStyle(document.querySelector('[data-testid="stApp"]'));
  const about = {
    title: [models.join(" | "), title].filter(Boolean).join(": "),
    description: [...page.alts, ...words, link].join(" "),
    ground: colour(css.backgroundColor).tone,
    ink: colour(css.color).tone,
    font: FONT,
    foot: told.length ? `${told.join(" | ")} · ${title}` : "", // no picture without the models it is of
    faces: await faces(`${FONT} ${root.querySelector("em, i") ? "italic" : ""}`),
  };
  const drawn = await compose(items, about);
  const file = await { svg: svgFile, png: pngFile, html: (one) => htmlFile(one, { ...about, words, alts: page.alts, link }) }[kind](drawn);
  give(file, `${name}.${kind}`);
  return `Saved ${name}.${kind}.${page.pixels ? " Its dots are pixels: there are too many for shapes." : ""}`;
}

/** What belongs to the figures: words above, beside and below them, but not those of another part of the page. */
function around({ items, reach: canvases }) {
  const figures = items.filter((item) => item.figure).map((item) => item.box);
  if (!figures.length) return [];
  const boxes = [...figures, ...canvases];
  const near = [Math.min(...boxes.map((box) => box.top)), Math.max(...boxes.map((box) => box.bottom))];
  const reach = (more) => {
    const grown = items.filter((item) => item.box.bottom > near[0] - NEAR && item.box.top < near[1] + NEAR);
    near[0] = Math.min(near[0], ...grown.map((item) => item.box.top));
    near[1] = Math.max(near[1], ...grown.map((item) => item.box.bottom));
    return grown.length > more ? reach(grown.length) : grown;
  };
  return reach(0);
}

/** Whether everything is drawn; waits for it a while. */
async function settled(root) {
  const until = performance.now() + READY;
  const drawing = () =>
    root.querySelector('[data-testid="stSkeleton"], [data-testid="stSpinner"]') ||
    [...root.querySelectorAll('[data-testid="stPlotlyChart"]')].some((one) => !one.querySelector(".main-svg")) ||
    [...root.querySelectorAll("img")].some((one) => !one.complete) ||
    canvases(root).some((one) => one.latentCanvas.describe().planes.some((plane) => !plane.ready));
  while (drawing()) {
    if (performance.now() > until) return false;
    await new Promise((done) => setTimeout(done, 100));
  }
  await document.fonts.ready;
  return true;
}

const canvases = (root) => [...root.querySelectorAll('[data-testid="stBidiComponentIsolated"]')].flatMap((one) => [...(one.shadowRoot?.querySelectorAll(".lx") ?? [])]).filter((one) => one.latentCanvas);

/** Why there is nothing to save: in the page's own words, where it has some. */
function nothing(root) {
  const why = root.querySelector('[data-testid="stAlert"] [data-testid="stMarkdownContainer"]')?.innerText.trim();
  return `This page shows no figure to save.${why ? ` It says: ${why}` : ""}`;
}
