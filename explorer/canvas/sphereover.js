/** What lies over the points of a sphere: caps, the path between two images, rings, the probe. */
import { circleAround, greatCircle, unit } from "./maps.js";
import { drawHandle, drawOutline, drawProbe, drawRing } from "./overlays.js";
import { Pair } from "./spherepair.js";

const MOST_CAPS = 12; // selected images whose caps are drawn
const SMALL = 14; // pixels: smaller caps lie within the image's ring
export const STEPS = 9; // pictures of a path

/** @param {import("./sphereview.js").SphereView} view */
export function drawSphere(pen, view) {
  const { stage, camera } = view;
  const { tones, settings, selection } = stage;
  const hovered = stage.hover && stage.hover.image < view.n ? stage.hover.image : null;
  if (settings.caps !== false && view.caps) {
    if (selection.length <= MOST_CAPS) for (const i of selection) if (i < view.n) drawCaps(pen, view, i, tones.accent);
    if (hovered !== null && !selection.includes(hovered)) drawCaps(pen, view, hovered, tones.ink);
  }
  const pair = Pair.of(stage).images;
  if (pair && Math.max(...pair) < view.n) drawWay(pen, view, ...pair);
  const selected = selection.length === 1 && selection[0] < view.n ? selection[0] : null;
  if (selected !== null && settings.neighbours > 0)
    for (const j of view.neighbours(selected, settings.neighbours)) {
      view.trace(pen, arc(view.unitOf(selected), view.unitOf(j)), tones.ink, 1.5);
      ring(pen, view, view.unitOf(j), 3.5);
    }
  if (selected !== null) mark(pen, view, selected, tones.accent);
  if (pair) pair.forEach((i, end) => i < view.n && drawEnd(pen, view, i, "ab"[end]));
  if (view.panel?.kind === "line" && view.decoder) view.panel.line.mark(pen);
  if (hovered !== null && !(selection.length <= 2 && selection.includes(hovered))) mark(pen, view, hovered, tones.ink);
  if (stage.hoverPseudo?.view === view) {
    const { k } = stage.hoverPseudo;
    drawRing(pen, camera, [view.pseudo[2 * k], view.pseudo[2 * k + 1]], tones, 8);
  }
  drawPointed(pen, view);
  if (stage.outline && stage.outline.view === view) drawOutline(pen, stage.outline.corners, tones);
}

/** An end of the path, which can be dragged to another image. */
function drawEnd(pen, view, i, letter) {
  const { place, front } = view.at(view.unitOf(i));
  pen.globalAlpha = front ? 1 : 0.4;
  drawHandle(pen, view.camera, place, view.stage.tones, 9, view.stage.tones.accent, letter);
  pen.globalAlpha = 1;
}

/** An image's ring, outside of its caps; large caps say enough by themselves. */
function mark(pen, view, i, colour) {
  const wide = view.caps && view.stage.settings.caps !== false ? view.capOf(i, 1) : 0;
  const pixels = wide === null ? Infinity : wide * view.camera.scale;
  ring(pen, view, view.unitOf(i), pixels < SMALL ? Math.max(7, pixels + 4) : 3.5, colour);
}

/** The caps that hold 50 % (full line) and 95 % (dashed) of q(z|x). */
function drawCaps(pen, view, i, colour) {
  const g = view.unitOf(i);
  [[], [4, 3]].forEach((dash, which) => {
    const angle = view.capOf(i, which);
    if (angle === null || Math.PI - angle < 1e-3) return;
    const circle = circleAround(g, angle);
    const small = angle * view.camera.scale < SMALL;
    if (!small) view.trace(pen, circle, view.stage.tones.halo, which ? 3.5 : 4);
    view.trace(pen, circle, colour, small ? 1 : which ? 1.5 : 2, small ? [] : dash);
  });
}

/** The great circle between two images, with a dot for each picture of its strip. */
function drawWay(pen, view, i, j) {
  if (!view.way.axes) return; // a map that keeps neighbours has no place for what lies between
  const { tones } = view.stage;
  const line = arc(view.unitOf(i), view.unitOf(j));
  view.trace(pen, line, tones.halo, 5);
  view.trace(pen, line, tones.accent, 2.5);
  for (const g of stops(view, i, j)) {
    const { place, front } = view.at(g);
    pen.globalAlpha = front ? 1 : 0.35;
    pen.beginPath();
    pen.arc(view.camera.sx(place[0]), view.camera.sy(place[1]), 3, 0, 2 * Math.PI);
    pen.fillStyle = tones.accent;
    pen.fill();
  }
  pen.globalAlpha = 1;
}

/** The directions of the path's inner pictures: even steps on the model's own sphere, seen on this one. */
function stops(view, i, j) {
  const [a, b] = [view.codeOf(i), view.codeOf(j)];
  if (!a || !b) return [];
  return Array.from({ length: STEPS - 2 }, (_, k) => unit(view.way.onAxes(greatCircle(a, b, (k + 1) / (STEPS - 1)))));
}

/** The probe, and where the pointer of the other view of this sphere is. */
function drawPointed(pen, view) {
  const { stage, camera } = view;
  for (const [at, faint] of [[stage.probe, false], [stage.probe ? null : stage.pointer, true]]) {
    if (!at || (faint && (at.view === view || stage.hover)) || !at.view.sphere || at.view.about.name !== view.about.name) continue;
    const g = at.view.direction(at.x, at.y);
    if (!g) continue;
    const { place, front } = view.at(g);
    pen.globalAlpha = front ? 1 : 0.4;
    drawProbe(pen, camera, place, stage.tones, faint);
    pen.globalAlpha = 1;
  }
}

function ring(pen, view, g, radius, colour = null) {
  const { place, front } = view.at(g);
  pen.globalAlpha = front ? 1 : 0.4;
  drawRing(pen, view.camera, place, view.stage.tones, radius, colour);
  pen.globalAlpha = 1;
}

function arc(a, b) {
  return Array.from({ length: 61 }, (_, k) => unit(greatCircle(a, b, k / 60)));
}
