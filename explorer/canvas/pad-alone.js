/** The drawing pad in a place of its own: what is drawn goes to Python when the visitor says so. */
import { el } from "./dom.js";
import { loadProgram } from "./interpreter.js";
import { createPad } from "./pad.js";
import { fromBytes } from "./pad-parts.js";
import { loadBytes } from "./source.js";
import { style } from "./style.js";

const LINGER = 400; // milliseconds that the pad outlives its element's clean-up: Streamlit calls again on a rerun

/** Called on each rerun with the same parent element; data: see explorer/canvas/pad_alone.py. */
export function mountPad({ data, parentElement, setTriggerValue }) {
  const kept = (parentElement.latentPad ??= begin(parentElement, data));
  clearTimeout(kept.ending);
  kept.use = setTriggerValue;
  return () => {
    kept.ending = setTimeout(() => {
      kept.pad?.destroy();
      kept.root.remove();
      parentElement.latentPad = null;
    }, LINGER);
  };
}

function begin(element, data) {
  const done = el("button", "pad-button pad-done", { type: "button", text: data.label, disabled: "" });
  const note = el("p", "pad-note", { text: "Loading the encoder …" });
  const box = el("div", "");
  const root = el("div", "pad-alone", {}, el("style", "", { text: style }), box, done, note);
  const kept = { root, pad: null, use: null };
  done.addEventListener("click", () => kept.use("used", kept.pad.drawn()));
  element.append(root);
  models(data).then((found) => {
    note.hidden = true;
    const start = data.start ? { ...data.start, pixels: fromBytes(data.start.pixels) } : null;
    const onChange = () => (done.disabled = !kept.pad || kept.pad.drawing.empty);
    kept.pad = createPad(box, { ...data.settings, models: found, start }, { onChange });
  });
  return kept;
}

/** The model where a browser can run its encoder; none where it cannot, or where its program does not come. */
async function models({ name, encoder, decoder }) {
  if (!encoder) return [];
  try {
    const programs = await Promise.all([encoder, decoder].map(async (source) => source && loadProgram(await loadBytes(source))));
    return [{ name, encoder: programs[0], decoder: programs[1] }];
  } catch {
    return [];
  }
}
