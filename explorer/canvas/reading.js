/** The line under the planes: where the pointer is, which test image is nearest, how probable the place is. */
import { number } from "./dom.js";

const HINT = "Point at the plane: the decoder draws what is there. Click an image, drag with Shift for a lasso, ? for the keys.";
export const EMPTY = "No test image lies in there, so none is selected. Draw around some dots.";

/** @param {import("./stage.js").Stage} stage @param {{view: Object, x: number, y: number}|null} at */
export function reading(stage, at) {
  if (performance.now() < (stage.missed ?? 0)) return EMPTY;
  if ((!at || !at.view.xy) && stage.settings.hint !== null) return stage.settings.hint;
  if (!at || !at.view.xy) return stage.selection.length > 1 ? `${stage.selection.length.toLocaleString("en")} images selected` : HINT;
  const { view } = at;
  const hovered = stage.hover ? view.placeOf(stage.hover.image) : null;
  const [x, y] = hovered ?? [at.x, at.y];
  const names = view.flat ? "z = " : `(${symbol(view.about.xTitle)}, ${symbol(view.about.yTitle)}) = `;
  const digits = Math.max(2, Math.ceil(Math.log10(view.camera.scale / 40)) + 1);
  const parts = [view.says ? view.says(x, y) : `${names}(${number(x, digits)}, ${number(y, digits)})`];
  const nearest = view.grid.nearest(x, y, 1, (point) => view.visible(point))[0];
  if (nearest) parts.push(`nearest: ${stage.named(view, view.imageOf(nearest.index))}`);
  const densities = stage.views.filter((other) => stage.belongs(view, other)).map((other) => density(stage, other, x, y));
  if (!view.frame && densities.some((value) => value !== null)) parts.push(`log p(z) = ${densities.map((value) => (value === null ? "out of view" : number(value, 1))).join(" | ")} nats`);
  return parts.join("  ·  ");
}

/** The prior's log density on one plane: at the hovered image's own place there, else at (x, y). */
function density(stage, view, x, y) {
  const at = stage.hover ? view.placeOf(stage.hover.image) : null;
  return view.densities.prior?.at(...(at ?? [x, y])) ?? null;
}

/** "z₁ (latent units)" as "z₁", "principal component 1 (...)" as "PC 1". */
function symbol(title) {
  return title.replace(/\s*\(.*$/, "").replace("principal component", "PC");
}
