/** The text of a page as it is set on the screen: one element for each line, which stays text. */
import { attributes, colour, escaped, family, measured, rounded } from "./marks.js";

const SAME = 2; // pixels by which tops of one line differ
const SPACE = 1; // pixels between two runs that are a space

/**
 * The lines of a text node, where they stand on the screen.
 * @param {Text} node
 * @returns {{text: string, left: number, right: number, top: number, bottom: number}[]}
 */
export function lines(node) {
  const range = document.createRange();
  const found = [];
  for (const word of node.data.matchAll(/\S+/g)) {
    range.setStart(node, word.index);
    range.setEnd(node, word.index + word[0].length);
    const box = range.getClientRects()[0];
    if (!box || box.width === 0) continue;
    const line = found.at(-1);
    if (line && Math.abs(line.top - box.top) < SAME) {
      line.text += ` ${word[0]}`;
      line.right = box.right;
    } else found.push({ text: word[0], left: box.left, right: box.right, top: box.top, bottom: box.bottom });
  }
  return found;
}

/**
 * Runs of text that follow each other on a line become one element, so that they still do where the font is another.
 * @typedef {{x: number, y: number, runs: {text: string, style: Object}[], right: number, block: Element}} Line
 */
export class Lettering {
  constructor() {
    this.last = null;
  }

  /**
   * @param {Element} element whose text it is @param {Object} line of `lines` @param {CSSStyleDeclaration} css @param {number} opacity
   * @returns {Object|null} a new item for the page (see page.js), or null where the line has joined the one before
   */
  set(element, line, css, opacity) {
    const style = styleOf(css, opacity);
    const font = `${css.fontStyle === "italic" ? "italic " : ""}${css.fontWeight} ${css.fontSize} ${css.fontFamily}`;
    const { ascent, descent } = measured("x", font);
    const y = (line.top + line.bottom + ascent - descent) / 2;
    const block = blockOf(element);
    const text = cased(line.text, css.textTransform);
    const { last } = this;
    const gap = last ? line.left - last.right : Infinity;
    if (last && last.block === block && Math.abs(last.y - y) < SAME && gap > -SAME && gap < parseFloat(css.fontSize) / 2) {
      last.runs.push({ text: gap > SPACE ? ` ${text}` : text, style });
      last.right = line.right;
      last.box.right = line.right;
      return null;
    }
    const box = { left: line.left, right: line.right, top: line.top, bottom: line.bottom };
    this.last = { x: line.left, y, runs: [{ text, style }], right: line.right, block, box };
    const made = this.last;
    return { box, words: true, markup: () => markup(made), text: () => made.runs.map((run) => run.text).join("") };
  }
}

function markup({ x, y, runs }) {
  const [first, ...rest] = runs;
  const look = attributes({ x: rounded(x), y: rounded(y), ...first.style });
  const spans = rest.map((run) => `<tspan${attributes(different(run.style, first.style))}>${escaped(run.text)}</tspan>`);
  return `<text${look}>${escaped(first.text)}${spans.join("")}</text>`;
}

/** What a run has that the first one has not; what that one has and the run has not is set back. */
function different(style, first) {
  const usual = { "font-weight": "400", "font-style": "normal", "text-decoration": "none", "fill-opacity": 1, style: "" };
  return Object.fromEntries(Object.keys({ ...usual, ...style }).flatMap((name) => ((style[name] ?? usual[name]) === (first[name] ?? usual[name]) ? [] : [[name, style[name] ?? usual[name]]])));
}

function styleOf(css, opacity) {
  const { tone, alpha } = colour(css.color);
  const struck = css.textDecorationLine === "line-through" ? "line-through" : null;
  const all = {
    "font-family": family(css.fontFamily), "font-size": rounded(parseFloat(css.fontSize)), "font-weight": css.fontWeight === "400" ? null : css.fontWeight,
    "font-style": css.fontStyle === "italic" ? "italic" : null, fill: tone, "fill-opacity": alpha * opacity === 1 ? null : rounded(alpha * opacity),
    "text-decoration": struck, style: css.fontVariantNumeric === "normal" ? null : `font-variant-numeric: ${css.fontVariantNumeric}`,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null));
}

function blockOf(element) {
  let found = element;
  while (found.parentElement && getComputedStyle(found).display === "inline") found = found.parentElement;
  return found;
}

function cased(text, how) {
  if (how === "uppercase") return text.toUpperCase();
  return how === "lowercase" ? text.toLowerCase() : text;
}
