/** The canvas in a Streamlit page: settings come from Python, what the visitor does goes back as state. */
import { createCanvas } from "./canvas.js";
import { followSlider } from "./follow.js";
import { padBeside } from "./pad-beside.js";

const LINGER = 400; // milliseconds that a canvas outlives its element's clean-up: Streamlit calls again on a rerun

/** Called on each rerun with the same parent element; keeps its canvas there. */
export function mount({ data, parentElement, setStateValue }) {
  const kept = (parentElement.latentCanvas ??= { canvas: null, heard: null, sent: [] });
  clearTimeout(kept.ending);
  kept.set = setStateValue;
  kept.wanted = new Set(data.wanted ?? []);
  const tell = (name, value) => {
    if (kept.wanted.has(name)) kept.set(name, value);
  };
  if (!kept.canvas)
    kept.canvas = createCanvas(parentElement, data, {
      onSelect: ({ indices, how }) => {
        kept.sent.push(JSON.stringify(indices));
        tell("selection", { indices, how });
      },
      onProbe: (probe) => tell("probe", probe),
      onHover: (image) => tell("hover", image),
      onEnds: (ends) => tell("ends", ends),
      onBead: (step) => tell("bead", { step, number: Date.now() }), // (the same step again is told again)
      onTurn: (centre) => tell("turn", centre),
      onPseudo: (k) => tell("pseudo", { k, number: Date.now() }), // the same one may be chosen again
    });
  else kept.canvas.update(changes(kept, data));
  kept.heard = JSON.stringify(data.selection ?? []);
  kept.slider = followSlider(kept.canvas, data.settings.track, kept.slider);
  placePad(kept, data, (drawing) => tell("drawing", drawing));
  return () => {
    kept.ending = setTimeout(() => {
      kept.slider?.watcher.disconnect();
      kept.slider = null;
      kept.pad?.destroy();
      kept.canvas?.destroy();
      kept.canvas = kept.pad = kept.padFor = null;
    }, LINGER);
  };
}

/**
 * The drawing pad, where the page asks for one: made once for these models, so that a drawing outlives other changes.
 * What it is to begin with comes back from Python after each stroke, and does not count.
 */
function placePad(kept, { planes, settings }, onDrawn) {
  const models = planes.map(({ name, encoder, decoder }) => [name, encoder, decoder]);
  const wanted = settings.pad ? JSON.stringify([models, { ...settings.pad, start: null }]) : null;
  if (wanted === (kept.padFor ?? null)) return;
  kept.pad?.destroy();
  kept.padFor = wanted;
  kept.pad = wanted ? padBeside(kept.canvas, planes, settings.pad, onDrawn) : null;
}

/**
 * What Python says, without a selection that it has said before or that the visitor has changed since: an answer to an
 * older click must not undo a newer one.
 */
function changes(kept, data) {
  const { selection, ...others } = data;
  const said = JSON.stringify(selection ?? []);
  const answered = kept.sent.indexOf(said);
  const older = answered >= 0 && answered < kept.sent.length - 1;
  if (answered >= 0) kept.sent.splice(0, answered + 1);
  return said === kept.heard || older ? others : data;
}
