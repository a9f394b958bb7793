/** Elements made by hand: text goes in as text, never as markup. */

/**
 * @param {string} tag
 * @param {string} [className]
 * @param {Object<string, any>} [attributes] `text` becomes the text content, functions become listeners (`onclick`)
 * @param {...Node} children
 */
export function el(tag, className = "", attributes = {}, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") made.textContent = value;
    else if (typeof value === "function") made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/** A canvas sized in CSS pixels and backed by device pixels; returns the ratio. */
export function sizeCanvas(canvas, width, height) {
  const ratio = Math.min(window.devicePixelRatio || 1, 3);
  const w = Math.max(1, Math.round(width * ratio));
  const h = Math.max(1, Math.round(height * ratio));
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
  }
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  return ratio;
}

/** A number with a real minus. */
export function number(value, digits = 2) {
  return value.toFixed(digits).replace("-", "\u2212");
}
