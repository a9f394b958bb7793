/** Pictures whose pixels are seen, as they stay sharp in any program: few of those know `image-rendering`. */
import { attributes, rounded } from "./marks.js";

const LARGEST = 12; // times that a pixel is repeated in each direction

/** A picture on the page, at an address that holds its bytes; sharp: no smoothing where it is enlarged. */
export function picture(href, x, y, width, height, sharp, alpha = 1) {
  const whole = { x, y, width, height, opacity: alpha === 1 ? null : rounded(alpha), preserveAspectRatio: "none" };
  return `<image${attributes({ ...whole, style: sharp ? "image-rendering: pixelated" : null, "xlink:href": href })}/>`;
}

/**
 * A part of an image or a canvas as PNG: each pixel repeated, if sharp, until there are about two for each of the screen's.
 * @param {CanvasImageSource} image @param {number[]} part left, top, width, height @param {number[]} size on the screen
 */
export function png(image, [left, top, width, height], [across, down], sharp) {
  const times = sharp ? Math.min(LARGEST, repeats([width, height], [across, down])) : 1;
  const copy = Object.assign(document.createElement("canvas"), { width: Math.max(1, Math.round(width)) * times, height: Math.max(1, Math.round(height)) * times });
  const pen = copy.getContext("2d");
  pen.imageSmoothingEnabled = false;
  pen.drawImage(image, left, top, width, height, 0, 0, copy.width, copy.height);
  return copy.toDataURL();
}

/** How often to repeat each pixel; 1 where there are enough. */
export function repeats([width, height], [across, down]) {
  const enlarged = Math.max(across / width, down / height);
  return enlarged < 1.2 ? 1 : Math.ceil(2 * enlarged);
}
