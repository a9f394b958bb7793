/**
 * The layers of a plane or a sphere, drawn once more on any pen: for a file in which they are shapes and not pixels. Each
 * canvas of a view gets the property `latentRedraw`, which draws in CSS pixels from the canvas's top left corner, and
 * gives false where it would be too much.
 */
import { drawPseudoLayer } from "./overview.js";
import { faint, grown } from "./points.js";
import { trace } from "./stamps.js";

const MOST = 120_000; // dots that a file may have

/** @param {import("./planeview.js").PlaneView} view */
export function redrawable(view) {
  view.ground.latentRedraw = (pen) => {
    view.drawGround(false, pen);
  };
  view.dots.latentRedraw = (pen) => paintDots(pen, view);
  view.over.latentRedraw = (pen) => {
    if (view.xy) view.drawOver(pen);
  };
}

/** The dots as circles or markers, where and as `PointLayer` draws them. @returns {boolean} false where they are too many */
function paintDots(pen, view) {
  const { stage, camera, layer, ratio } = view;
  const { settings, hidden, classes } = stage;
  if (view.xy && settings.points) {
    if (view.drawn > MOST) return false;
    const group = view.frame ? view.frameGroup : view.group;
    const [colours, chosen, xy] = [view.colours(), view.chosen(), view.shownXy];
    const { radius, opacity } = layer.look(camera, settings.size);
    const larger = view.larger ?? grown(chosen);
    const n = xy.length / 2;
    pen.save();
    for (let round = 0; round < (chosen ? 2 : 1); round++) {
      const of = radius * (round === 1 ? larger : 1);
      const size = Math.max(0.5, Math.round(8 * of * ratio * (settings.shapes ? 1.25 : 1)) / 8) / ratio; // as of a stamp
      const reach = (Math.ceil(1.5 * size * ratio) + 1) / ratio;
      pen.globalAlpha = chosen ? (round === 0 ? faint(stage.tones.dark) : Math.min(1, opacity + 0.15)) : opacity;
      for (let k = 0, i = 0; k < n; k++, i = (i + layer.step) % n) {
        if ((chosen && chosen[i] !== round) || hidden[group[i]]) continue;
        const [x, y] = [camera.sx(xy[2 * i]), camera.sy(xy[2 * i + 1])];
        if (!(x > -reach && y > -reach && x < camera.width + reach && y < camera.height + reach)) continue;
        pen.fillStyle = `rgb(${colours[3 * i]}, ${colours[3 * i + 1]}, ${colours[3 * i + 2]})`;
        pen.beginPath();
        trace(pen, settings.shapes ? classes[group[i]]?.shape : "circle", x, y, size);
        pen.fill();
      }
    }
    pen.restore();
  }
  drawPseudoLayer(pen, view);
  return true;
}
