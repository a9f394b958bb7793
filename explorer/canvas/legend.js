/** The legend: each class is a button that hides and shows it; a double click, or Shift, shows it alone. */
import { el } from "./dom.js";
import { trace } from "./stamps.js";
import { viridis } from "./theme.js";

export class Legend {
  /** @param {{toggle: (place: number) => void, isolate: (place: number) => void}} actions */
  constructor(parent, actions) {
    this.actions = actions;
    this.box = el("div", "lx-legend", { role: "group", "aria-label": "Classes: a click hides one, a double click shows it alone" });
    parent.append(this.box);
    this.drawn = "";
  }

  /**
   * @param {{name: string, colour: string, shape: string}[]} classes
   * @param {{hidden: boolean[], shapes: boolean, pseudo: boolean, scale: {title: string, low: string, high: string, cycle: string[]}|null}} look
   */
  update(classes, look, tones) {
    const now = JSON.stringify([classes, look, tones.dark]);
    if (now === this.drawn) return;
    this.drawn = now;
    const focused = this.box.getRootNode().activeElement?.dataset?.place;
    this.box.replaceChildren();
    classes.forEach((one, place) => this.box.append(this.entry(one, place, look)));
    if (look.pseudo) this.box.append(el("span", "lx-class lx-key", {}, swatch((pen) => dot(pen, tones)), el("span", "", { text: "pseudo-input" })));
    if (look.scale) this.box.append(bar(look.scale));
    if (focused !== undefined) this.box.querySelector(`[data-place="${Number(focused)}"]`)?.focus();
  }

  entry(one, place, look) {
    const shown = !look.hidden[place];
    const button = el(
      "button",
      "lx-class",
      {
        type: "button",
        "aria-pressed": String(shown),
        "data-place": String(place),
        title: "Click: hide or show. Double click or Shift: show this one alone.",
        onclick: (event) => (event.shiftKey ? this.actions.isolate(place) : this.actions.toggle(place)),
        ondblclick: () => this.actions.isolate(place),
      },
      swatch((pen) => {
        pen.fillStyle = look.scale ? "#9a9a9a" : one.colour;
        pen.beginPath();
        trace(pen, look.shapes ? one.shape : "circle", 8, 8, 5);
        pen.fill();
      }),
      el("span", "", { text: one.name }),
    );
    return button;
  }
}

function swatch(draw) {
  const canvas = el("canvas", "lx-swatch", { width: 32, height: 32, "aria-hidden": "true" });
  const pen = canvas.getContext("2d");
  pen.scale(2, 2);
  draw(pen);
  canvas.latentRedraw = draw; // in a file it is a shape (vector.js)
  return canvas;
}

function dot(pen, tones) {
  pen.beginPath();
  pen.arc(8, 8, 4, 0, 2 * Math.PI);
  pen.fillStyle = tones.dot;
  pen.strokeStyle = tones.halo;
  pen.fill();
  pen.stroke();
}

function block(pen, colour) {
  pen.fillStyle = colour;
  pen.fillRect(0, 2, 16, 12);
}

/** The colours of a continuous value, with its ends; or those that kinds go through. */
function bar({ title, low, high, cycle }) {
  if (cycle.length)
    return el("span", "lx-class lx-key", {}, ...cycle.map((colour) => swatch((pen) => block(pen, colour))), el("span", "", { text: title }));
  const strip = el("canvas", "lx-bar", { width: 100, height: 1, "aria-hidden": "true" });
  const pen = strip.getContext("2d");
  for (let i = 0; i < 100; i++) {
    pen.fillStyle = `rgb(${viridis(i / 99).join(",")})`;
    pen.fillRect(i, 0, 1, 1);
  }
  return el("span", "lx-class lx-key", {}, el("span", "", { text: low }), strip, el("span", "", { text: `${high} ${title}` }));
}
