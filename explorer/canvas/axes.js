/** Axes: round ticks, thin grid lines, titles. Drawn on the lowest canvas, which is larger than the plot by its margins. */
import { number } from "./dom.js";

/** The room for letters around a plot. @param {number} larger how much larger than usual they are */
export const margins = (larger) => ({ left: Math.round(50 * larger), right: 8, top: 6, bottom: Math.round(42 * larger) });

const SYMBOL = 3; // letters of a title that is no more than a symbol, such as z₂: it stands upright

/** Round numbers, about `count` of them, that lie in [low, high]. */
export function ticks(low, high, count) {
  const rough = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough * 0.999);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) found.push({ value: i * step, text: number(i === 0 ? 0 : i * step, Math.min(digits, 12)) });
  return found;
}

/** @param {CanvasRenderingContext2D} context scaled to CSS pixels, with its origin at the plot's top left corner */
export function drawAxes(context, camera, titles, tones) {
  const { width, height } = camera;
  const { larger } = tones;
  const margin = margins(larger);
  const [[left, right], [low, high]] = camera.view();
  context.font = `${13 * larger}px ${tones.font}`;
  context.lineWidth = 1;
  context.strokeStyle = tones.rule;
  context.fillStyle = tones.muted;
  context.textBaseline = "top";
  context.textAlign = "center";
  const across = ticks(left, right, Math.max(4, width / (90 * larger)));
  const up = ticks(low, high, Math.max(4, height / (70 * larger)));
  context.beginPath();
  for (const { value } of across) {
    const x = Math.round(camera.sx(value)) + 0.5;
    context.moveTo(x, 0);
    context.lineTo(x, height);
  }
  for (const { value } of up) {
    const y = Math.round(camera.sy(value)) + 0.5;
    context.moveTo(0, y);
    context.lineTo(width, y);
  }
  context.stroke();
  for (const { value, text } of across) context.fillText(text, camera.sx(value), height + 5);
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const { value, text } of up) {
    const y = camera.sy(value);
    if (y > 4 && y < height - 2) context.fillText(text, -6, y);
  }
  context.fillStyle = tones.ink;
  context.font = `${15 * larger}px ${tones.font}`;
  context.textAlign = "center";
  context.textBaseline = "bottom";
  context.fillText(titles.x, width / 2, height + margin.bottom - 1, width);
  context.save();
  context.translate(-margin.left + 2, height / 2);
  if (titles.y.length <= SYMBOL) {
    context.textAlign = "left";
    context.textBaseline = "middle";
  } else {
    context.rotate(-Math.PI / 2);
    context.textBaseline = "top";
  }
  context.fillText(titles.y, 0, 0, height);
  context.restore();
}
