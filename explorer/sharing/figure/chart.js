/** A chart's own SVG (Plotly's) as it may stand in another one: without what answers the pointer, and no name that leads outside. */
import { rounded } from "./marks.js";

const IDLE = ".draglayer, .hoverlayer, .zoomlayer, .menulayer, .selectionlayer > path.select-outline-1";
const INHERITED = ["font-family", "font-size", "font-weight", "fill", "text-anchor"];

/**
 * @param {SVGSVGElement} element @param {DOMRect} box where it is on the screen
 * @returns {string}
 */
export function chart(element, box) {
  const copy = element.cloneNode(true);
  for (const idle of copy.querySelectorAll(IDLE)) idle.remove();
  if (!copy.querySelector("path, rect, text, image, circle, line, use")) return "";
  dress(element, copy);
  for (const one of [copy, ...copy.querySelectorAll("*")]) clean(one);
  const { width, height } = element.viewBox.baseVal ?? {};
  if (!width || !height) copy.setAttribute("viewBox", `0 0 ${rounded(box.width)} ${rounded(box.height)}`);
  for (const [name, value] of Object.entries({ x: box.left, y: box.top, width: box.width, height: box.height })) copy.setAttribute(name, rounded(value));
  copy.removeAttribute("style");
  copy.removeAttribute("class");
  return new XMLSerializer().serializeToString(copy);
}

/** What text takes from the page's style sheets, written at the text itself. */
function dress(element, copy) {
  const css = getComputedStyle(element);
  for (const name of INHERITED.slice(0, 3)) if (!copy.getAttribute(name)) copy.setAttribute(name, css.getPropertyValue(name));
}

function clean(element) {
  for (const name of ["pointer-events", "cursor", "vector-effect"]) element.style?.removeProperty(name); // lines grow with the picture
  element.removeAttribute("vector-effect");
  for (const { name, value } of [...element.attributes]) {
    if (name.startsWith("data-") || name.startsWith("aria-") || name === "tabindex") element.removeAttribute(name);
    else if (value.includes("url(")) element.setAttribute(name, value.replace(/url\((['"]?)[^'")#]*#([^'")]+)\1\)/g, "url(#$2)"));
  }
}
