/**
 * What a page shows, read from its elements: charts, canvases, pictures, and the words around them. Controls, menus and
 * explanations are left out. A canvas that knows how to draw itself on any pen (its property `latentRedraw`) is drawn
 * anew; of others the pixels are taken.
 */
import { lettered, lines } from "./lettering.js";
import { attributes, colour, rounded } from "./marks.js";
import { picture, png, repeats } from "./pixels.js";
import { SvgPen } from "./svgpen.js";
import { chart } from "./chart.js";

const ROW = '[class*="st-key-controls-"]'; // of controls, which may begin with the heading of what stands below
const CONTROLS = ["header", "controls-share", "explain", "card-", "family-", "gallery", "actions"].map((key) => `[class*="st-key-${key}"]`);
const WIDGETS = [
  "Slider", "Selectbox", "MultiSelect", "TextInput", "TextArea", "NumberInput", "Checkbox", "Radio", "ButtonGroup", "Button", "DownloadButton", "Popover",
  "PageLink", "FileUploader", "Expander", "Alert", "Code", "DataFrame", "ElementToolbar", "Spinner", "Skeleton", "IconMaterial", "Tooltip", "TooltipIcon",
].map((name) => `[data-testid="st${name}"]`);
const OTHERS = [
  "style", "script", "template", "input", "select", "textarea", "button:not(.lx-class)", "[role=tablist]", ".modebar-container", ".gl-canvas-pick",
  ".katex-mathml", ".lx-tools", ".lx-help", ".lx-live", ".lx-loading", ".lx-reading",
];
const LEFT_OUT = [...CONTROLS, ...WIDGETS, ...OTHERS].join(", ");
const LEAST = 12; // pixels: what is smaller in both directions is no figure
const EVERYWHERE = { left: -Infinity, top: -Infinity, right: Infinity, bottom: Infinity };

/**
 * @typedef {Object} Item something that is seen
 * @property {{left: number, top: number, right: number, bottom: number}} box in pixels of the window
 * @property {() => string|Promise<string>} markup SVG in these very pixels
 * @property {boolean} [figure] whether it is a picture and not words or a frame
 * @property {string} [words] of text
 * @property {Element} [block] that they flow in
 */

export class Page {
  /** @param {Element} root the main part of the page */
  constructor(root) {
    this.items = [];
    this.alts = [];
    this.reach = []; // the boxes of live canvases, with their tools and players, which are not seen in a picture
    this.pixels = 0; // how many canvases had to be taken as pixels though they are drawn from data
    this.read(root, { opacity: 1, clip: EVERYWHERE });
  }

  read(element, around) {
    if (element.matches(LEFT_OUT)) return;
    if (element.matches(ROW)) return element.querySelectorAll("h2, h3").forEach((heading) => this.read(heading, around));
    const css = getComputedStyle(element);
    if (css.display === "none" || css.visibility === "hidden" || css.clipPath.startsWith("inset(50%")) return;
    const opacity = around.opacity * Number(css.opacity);
    if (opacity === 0) return;
    const box = element.getBoundingClientRect();
    this.named(element);
    if (element.matches(".lx")) this.reach.push(box);
    const inside = { opacity, clip: css.overflowX === "visible" && css.overflowY === "visible" ? around.clip : cut(around.clip, box) };
    const what = element.tagName.toLowerCase();
    if (what === "canvas") return this.canvas(element, css, box, opacity, around.clip);
    if (what === "img") return this.image(element, css, box, opacity, around.clip);
    if (what === "svg") return this.drawing(element, box, opacity, around.clip);
    this.frame(css, box, opacity, around.clip);
    const within = element.shadowRoot ? element.shadowRoot.childNodes : element.childNodes;
    for (const child of within) {
      if (child.nodeType === Node.ELEMENT_NODE) this.read(child, inside);
      else if (child.nodeType === Node.TEXT_NODE && child.data.trim()) this.words(element, child, css, inside);
    }
  }

  /** What figures say of themselves to those who do not see them. */
  named(element) {
    const said = (element.getAttribute("alt") ?? element.getAttribute("aria-label"))?.replace(/\s*Arrow keys .*$/, ""); // a picture has none
    const figure = element.matches("img, canvas, [role=img], .js-plotly-plot, [data-testid=stPlotlyChart]");
    if (said && figure && !this.alts.includes(said)) this.alts.push(said);
  }

  add(item, clip) {
    const { box } = item;
    const seen = cut(box, clip);
    if (seen.right - seen.left < 0.5 || seen.bottom - seen.top < 0.5) return;
    const over = Math.max(clip.left - box.left, box.right - clip.right, clip.top - box.top, box.bottom - clip.bottom);
    this.items.push(over > 1.5 ? { ...item, box: seen, clip: seen } : item);
  }

  words(element, node, css, { opacity, clip }) {
    for (const line of lines(node)) this.add(lettered(line, element, css, opacity), clip);
  }

  canvas(element, css, box, opacity, clip) {
    if (box.width < 1 || box.height < 1) return;
    const figure = box.width > LEAST && box.height > LEAST && !element.classList.contains("lx-swatch");
    const drawn = element.latentRedraw;
    const markup = () => {
      const pen = new SvgPen(box.left, box.top);
      if (drawn && drawn(pen) !== false) return faded(pen.markup(), opacity);
      if (drawn) this.pixels++;
      const sharp = css.imageRendering === "pixelated";
      return picture(png(element, [0, 0, element.width, element.height], [box.width, box.height], sharp), ...sides(box), sharp, opacity);
    };
    this.add({ box, figure, markup }, clip);
  }

  image(element, css, box, opacity, clip) {
    if (box.width < 1 || box.height < 1 || !element.naturalWidth) return;
    const figure = box.width > LEAST && box.height > LEAST;
    const sharp = css.imageRendering === "pixelated";
    const [whole, size] = [[element.naturalWidth, element.naturalHeight], [box.width, box.height]];
    const bytes = () => (sharp && repeats(whole, size) > 1 ? png(element, [0, 0, ...whole], size, sharp) : embedded(element));
    this.add({ box, figure, markup: async () => picture(await bytes(), ...sides(box), sharp, opacity) }, clip);
  }

  drawing(element, box, opacity, clip) {
    if (box.width <= LEAST || box.height <= LEAST) return;
    const figure = element.classList.contains("main-svg");
    this.add({ box, figure, markup: () => faded(chart(element, box), opacity) }, clip);
  }

  /** Background and borders. */
  frame(css, box, opacity, clip) {
    if (box.width < 1 || box.height < 1) return;
    const ground = colour(css.backgroundColor);
    const widths = ["Top", "Right", "Bottom", "Left"].map((side) => (css[`border${side}Style`] === "none" ? 0 : parseFloat(css[`border${side}Width`])));
    const edges = ["Top", "Right", "Bottom", "Left"].map((side) => colour(css[`border${side}Color`]));
    const seen = widths.map((width, i) => width > 0 && edges[i].alpha > 0);
    if (ground.alpha === 0 && !seen.includes(true)) return;
    const all = seen.every((one) => one);
    const half = all ? widths[0] / 2 : 0;
    const [x, y, width, height] = [box.left + half, box.top + half, box.width - 2 * half, box.height - 2 * half].map(rounded);
    const filled = attributes({ fill: ground.alpha ? ground.tone : "none", "fill-opacity": ground.alpha < 1 && ground.alpha ? ground.alpha : null });
    const edge = all ? attributes({ stroke: edges[0].tone, "stroke-opacity": edges[0].alpha < 1 ? edges[0].alpha : null, "stroke-width": widths[0] }) : "";
    const parts = ground.alpha || all ? [`<rect${attributes({ x, y, width, height, rx: parseFloat(css.borderTopLeftRadius) || null })}${filled}${edge}/>`] : [];
    const corners = [[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]].map(([u, v]) => `${rounded(box.left + u * box.width)} ${rounded(box.top + v * box.height)}`);
    if (!all) seen.forEach((one, i) => one && parts.push(`<path d="M${corners[i]}L${corners[i + 1]}"${attributes({ stroke: edges[i].tone, "stroke-width": widths[i] })}/>`));
    this.add({ box, frame: true, markup: () => faded(parts.join(""), opacity) }, clip);
  }
}

function cut(a, b) {
  return { left: Math.max(a.left, b.left), top: Math.max(a.top, b.top), right: Math.min(a.right, b.right), bottom: Math.min(a.bottom, b.bottom) };
}

const sides = (box) => [box.left, box.top, box.width, box.height].map(rounded);
const faded = (markup, opacity) => (opacity === 1 || !markup ? markup : `<g opacity="${rounded(opacity)}">${markup}</g>`);

/** A picture as an address that holds its bytes. */
async function embedded(element) {
  const source = element.currentSrc || element.src;
  if (source.startsWith("data:")) return source;
  const blob = await (await fetch(source)).blob();
  return new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.onerror = () => failed(new Error("A picture of this page could not be read."));
    reader.readAsDataURL(blob);
  });
}
