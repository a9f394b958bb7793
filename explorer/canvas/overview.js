/** Puts the overlays of one plane together, from the lowest to the highest. */
import { drawEllipse, drawHandle, drawOutline, drawPath, drawProbe, drawPseudo, drawRays, drawRing } from "./overlays.js";

/** The pseudo-inputs, which lie on the same canvas as the points. */
export function drawPseudoLayer(pen, view) {
  const { stage, camera } = view;
  const xy = view.pseudoXy;
  if (!xy) return;
  pen.globalAlpha = view.chosen() ? 0.3 : 1; // they would hide what is selected
  drawPseudo(pen, camera, xy, stage.settings.pseudoShares ? view.shares : null, stage.tones, stage.settings.bare ? 0.7 : 1);
  pen.globalAlpha = 1;
}

/** @param {import("./planeview.js").PlaneView} view */
export function drawOver(pen, view) {
  const { stage, camera } = view;
  const { tones, settings } = stage;
  const path = settings.paths?.[stage.views.indexOf(view)];
  if (path) drawPath(pen, camera, path, settings.bead, tones);
  const selected = stage.selection.length === 1 ? stage.selection[0] : -1;
  if (selected >= 0) drawImage(pen, view, selected, true);
  if (stage.hover && stage.hover.image !== selected) drawImage(pen, view, stage.hover.image, false);
  if (stage.hoverPseudo && stage.hoverPseudo.view === view) {
    const { k } = stage.hoverPseudo;
    const xy = view.pseudoXy;
    if (xy) drawRing(pen, camera, [xy[2 * k], xy[2 * k + 1]], tones, 8);
  }
  const { pseudoChosen } = settings;
  if (pseudoChosen !== null && view.pseudoXy) drawRing(pen, camera, [view.pseudoXy[2 * pseudoChosen], view.pseudoXy[2 * pseudoChosen + 1]], tones, 8, tones.accent, 3.5);
  const drawn = stage.posteriors[stage.views.indexOf(view)];
  if (drawn) drawDrawing(pen, view, drawn);
  if (settings.ends) settings.ends.forEach((end, i) => drawHandle(pen, camera, end, tones, 9, tones.accent, "abcd"[i]));
  if (stage.probe && stage.belongs(stage.probe.view, view)) drawProbe(pen, camera, [stage.probe.x, stage.probe.y], tones);
  else if (stage.pointer && stage.pointer.view !== view && stage.belongs(stage.pointer.view, view) && !stage.hover)
    drawProbe(pen, camera, [stage.pointer.x, stage.pointer.y], tones, true);
  if (stage.outline && stage.outline.view === view) drawOutline(pen, stage.outline.corners, tones);
}

/** A test image that is hovered or selected: its ring, its ellipse and, if selected, its neighbours. */
function drawImage(pen, view, i, selected) {
  const { stage, camera } = view;
  const { tones, settings } = stage;
  const at = view.placeOf(i);
  if (!at) return;
  if (selected && settings.neighbours > 0 && !view.frame) {
    const others = view.neighbours(i, settings.neighbours).map((j) => view.placeOf(j)).filter(Boolean);
    drawRays(pen, camera, at, others, tones.ink);
    for (const other of others) drawRing(pen, camera, other, tones, 3.5);
  }
  if (view.spread && !view.frame) drawEllipse(pen, camera, at, view.spread.subarray(3 * i, 3 * i + 3), tones.ink);
  drawRing(pen, camera, at, tones, selected ? 7 : 6, selected ? tones.accent : tones.ink);
}

/** The posterior of a drawing: its mean and ellipse. */
function drawDrawing(pen, view, { point, stddev }) {
  const { stage, camera } = view;
  const at = view.way.toPlane(point);
  if (!at) return;
  const spread = stddev ? view.way.spread(stddev) : null;
  drawHandle(pen, camera, at, stage.tones, 6, stage.tones.accent);
  if (!spread) return;
  const inside = Math.sqrt(Math.max(spread[0], spread[2])) * camera.scale < 7; // then it is drawn light on the dot
  drawEllipse(pen, camera, at, spread, inside ? stage.tones.halo : stage.tones.accent, inside ? 1.5 : 3);
}
