/** The text of a page as it is set on the screen: one element for each line, which stays text. */
import { attributes, colour, escaped, family, measured, rounded } from "./marks.js";

const SAME = 2; // pixels by which tops of one line differ

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
 * A line of an element's text as an item of the page (see page.js). Its length is written down: with another face, which
 * may be wider, it ends where it ended on the screen, and what follows on the same line is not covered.
 * @param {Object} line of `lines` @param {Element} element whose text it is @param {CSSStyleDeclaration} css of it
 * @param {number} opacity
 */
export function lettered(line, element, css, opacity) {
  const font = `${css.fontStyle === "italic" ? "italic " : ""}${css.fontWeight} ${css.fontSize} ${css.fontFamily}`;
  const { ascent, descent } = measured("x", font);
  const text = cased(line.text, css.textTransform);
  const { left, right, top, bottom } = line;
  const length = text.length > 1 ? { textLength: rounded(right - left), lengthAdjust: "spacingAndGlyphs" } : {};
  const look = attributes({ x: rounded(left), y: rounded((top + bottom + ascent - descent) / 2), ...length, ...styleOf(css, opacity) });
  return { box: { left, right, top, bottom }, words: text, block: blockOf(element), markup: () => `<text${look}>${escaped(text)}</text>` };
}

/** The words of lettered items: a sentence or more for each block of text. A legend's few letters are none. */
export function sentences(items) {
  const found = [];
  let last = null;
  for (const item of items.filter((one) => one.words && !one.block.closest(".lx-legend"))) {
    const joined = last && last.block === item.block;
    const apart = joined && Math.abs(item.box.left - last.box.right) < 1 ? "" : " ";
    if (joined) found.push(found.pop() + apart + item.words);
    else found.push(item.words);
    last = item;
  }
  return found;
}

function blockOf(element) {
  let found = element;
  while (found.parentElement && getComputedStyle(found).display === "inline") found = found.parentElement;
  return found;
}

function styleOf(css, opacity) {
  const { tone, alpha } = colour(css.color);
  const struck = css.textDecorationLine === "line-through" ? "line-through" : null;
  return {
    "font-family": family(css.fontFamily), "font-size": rounded(parseFloat(css.fontSize)), "font-weight": css.fontWeight === "400" ? null : css.fontWeight,
    "font-style": css.fontStyle === "italic" ? "italic" : null, fill: tone, "fill-opacity": alpha * opacity === 1 ? null : rounded(alpha * opacity),
    "text-decoration": struck, style: css.fontVariantNumeric === "normal" ? null : `font-variant-numeric: ${css.fontVariantNumeric}`,
  };
}

function cased(text, how) {
  if (how === "uppercase") return text.toUpperCase();
  return how === "lowercase" ? text.toLowerCase() : text;
}
