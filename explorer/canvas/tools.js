/** The buttons of the canvas, the list of its keys, and the player of its frames. */
import { el } from "./dom.js";

const ICONS = {
  pan: "M9 2l2.5 3H10v3h3V6.500l3 2.500-3 2.500V10h-3v3h1.500L9 16l-2.500-3H8v-3H5v1.500L2 9l3-2.500V8h3V5H6.500z",
  lasso: "M9 3c4 0 6.500 1.700 6.500 4S13 11 9 11c-.7 0-1.400-.1-2-.2.2.9 0 1.900-.9 2.600-.6.500-.5 1.100.4 1.800l-.9 1.200c-2-1.500-2-3.300-.6-4.300.4-.3.500-.9.400-1.700C3.500 9.700 2.500 8.500 2.500 7c0-2.300 2.500-4 6.500-4zm0 1.500C5.900 4.500 4 5.700 4 7s1.900 2.500 5 2.500 5-1.200 5-2.500-1.900-2.500-5-2.500z",
  box: "M3 3h3v1.500H4.500V6H3zm5 0h2v1.500H8zm4 0h3v3h-1.500V4.500H12zM3 8h1.500v2H3zm10.500 0H15v2h-1.500zM3 12h1.500v1.500H6V15H3zm10.500 0H15v3h-3v-1.500h1.500zM8 13.500h2V15H8z",
  plus: "M8.200 4h1.600v4.200H14v1.600H9.800V14H8.200V9.800H4V8.200h4.200z",
  minus: "M4 8.200h10v1.600H4z",
  home: "M9 3l6 5.200V15h-4v-4H7v4H3V8.200z",
  frame: "M2.500 2.500H7V4H4v3H2.500zm8.500 0h4.500V7H14V4h-3zM2.500 11H4v3h3v1.500H2.500zM14 11h1.500v4.500H11V14h3zM9 6.500a2.500 2.500 0 110 5 2.500 2.500 0 010-5z",
  help: "M8.200 12.500h1.700v1.700H8.200zM9 3.500c2 0 3.500 1.200 3.500 3 0 1.300-.7 2-1.500 2.600-.8.500-1.100.9-1.100 1.700v.4H8.200v-.6c0-1.400.6-2.100 1.500-2.700.7-.5 1.100-.8 1.100-1.400 0-.8-.7-1.400-1.800-1.400-1.200 0-1.900.7-2 1.800H5.300C5.400 4.900 6.900 3.500 9 3.500z",
  play: "M5 3l10 6-10 6z",
  pause: "M4.500 3h3v12h-3zm6 0h3v12h-3z",
};

function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 18 18");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

function button(name, title, onclick) {
  return el("button", "lx-tool", { type: "button", title, "aria-label": title, onclick }, icon(name));
}

export class Toolbar {
  /** @param {Object<string, Function>} actions mode(name), zoom(factor), home(), fit(), help() */
  constructor(parent, actions) {
    this.modes = {
      pan: button("pan", "Drag moves the plane (P)", () => actions.mode("pan")),
      lasso: button("lasso", "Drag draws a lasso (L)", () => actions.mode("lasso")),
      box: button("box", "Drag draws a box (B)", () => actions.mode("box")),
    };
    this.box = el(
      "div",
      "lx-tools",
      { role: "toolbar", "aria-label": "Tools of the plane" },
      ...Object.values(this.modes),
      button("plus", "Zoom in (+)", () => actions.zoom(1.6)),
      button("minus", "Zoom out (\u2212)", () => actions.zoom(1 / 1.6)),
      button("frame", "Zoom to the selection (Z)", () => actions.fit()),
      button("home", "The whole plane (0)", () => actions.home()),
      button("help", "Keys (?)", () => actions.help()),
    );
    parent.append(this.box);
  }

  update(mode) {
    for (const [name, one] of Object.entries(this.modes)) one.setAttribute("aria-pressed", String(name === mode));
  }
}

const KEYS = [
  ["\u2190 \u2191 \u2192 \u2193", "move the probe; with Shift finer"],
  ["+ \u2212 0", "zoom in, out, show all"],
  ["Enter", "select the image nearest to the probe"],
  ["Z", "zoom to what is selected"],
  ["P L B", "drag to pan, to draw a lasso, to draw a box"],
  ["Shift and drag", "draw a lasso"],
  ["Space", "play or stop the epochs; , and . step through them, or along a path"],
  ["Esc", "forget the selection, close this list"],
];

export class Help {
  constructor(parent) {
    const rows = KEYS.flatMap(([key, words]) => [el("dt", "", { text: key }), el("dd", "", { text: words })]);
    const touch = el("p", "", { text: "Touch: one finger moves the probe, two move and zoom the plane." });
    const shut = el("button", "lx-tool lx-shut", { type: "button", "aria-label": "Close", text: "\u00d7", onclick: () => this.show(false) });
    this.box = el("div", "lx-help", { role: "dialog", "aria-label": "Keys" }, shut, el("dl", "", {}, ...rows), touch);
    this.box.hidden = true;
    parent.append(this.box);
    this.box.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.show(false);
    });
  }

  show(open = this.box.hidden) {
    if (open) this.before = this.box.getRootNode().activeElement;
    this.box.hidden = !open;
    if (open) this.box.querySelector("button").focus();
    else this.before?.focus?.();
  }
}

const SECONDS = 7; // for all epochs

export class Player {
  /** @param {(time: number) => void} seek called with a time in [0, count - 1] */
  constructor(parent, seek) {
    this.seek = seek;
    this.time = 0;
    this.count = 1;
    this.running = 0;
    this.play = el("button", "lx-tool", { type: "button", onclick: () => this.toggle() });
    this.slider = el("input", "lx-time", { type: "range", min: 0, max: 1, step: "any", "aria-label": "Epoch", oninput: () => this.jump(Number(this.slider.value)) });
    this.words = el("output", "lx-epoch");
    this.box = el("div", "lx-player", {}, this.play, this.slider, this.words);
    this.box.hidden = true;
    parent.append(this.box);
    this.dress();
  }

  /** @param {number[]|null} epochs of the frames, null without frames */
  update(epochs) {
    this.box.hidden = !epochs;
    if (!epochs) return this.stop();
    if (epochs.length !== this.count || this.epochs !== epochs) {
      this.epochs = epochs;
      this.count = epochs.length;
      this.slider.max = String(this.count - 1);
      this.jump(this.count - 1);
    }
  }

  dress() {
    this.play.replaceChildren(icon(this.running ? "pause" : "play"));
    const title = this.running ? "Stop (Space)" : "Play the epochs (Space)";
    this.play.title = title;
    this.play.setAttribute("aria-label", title);
  }

  toggle() {
    if (this.running) return this.stop();
    if (this.time >= this.count - 1) this.jump(0);
    let last = performance.now();
    const frame = (now) => {
      const next = this.time + (Math.max(0, now - last) / 1000) * ((this.count - 1) / SECONDS);
      last = now;
      this.show(Math.min(this.count - 1, next));
      if (next >= this.count - 1) this.stop();
      else this.running = requestAnimationFrame(frame);
    };
    this.running = requestAnimationFrame(frame);
    this.dress();
  }

  stop() {
    if (this.running) cancelAnimationFrame(this.running);
    this.running = 0;
    this.dress();
  }

  jump(time) {
    this.stop();
    this.show(Math.min(this.count - 1, Math.max(0, time)));
  }

  show(time) {
    this.time = time;
    this.slider.value = String(time);
    const epoch = this.epochs ? this.epochs[Math.round(time)] : 0;
    this.words.textContent = `epoch ${epoch}`;
    this.slider.setAttribute("aria-valuetext", `epoch ${epoch}`);
    this.seek(time);
  }
}
