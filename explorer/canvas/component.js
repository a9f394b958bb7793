/** The canvas in a Streamlit page: settings come from Python, what the visitor does goes back as state. */
import { createCanvas } from "./canvas.js";
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
    });
  else kept.canvas.update(changes(kept, data));
  kept.heard = JSON.stringify(data.selection ?? []);
  placePad(kept, data);
  return () => {
    kept.ending = setTimeout(() => {
      placePad(kept, {});
      kept.canvas?.destroy();
      kept.canvas = null;
    }, LINGER);
  };
}

/** The drawing pad, where Python asks for it; the drawing stays while pad and models are the same. */
function placePad(kept, { pad = null, planes = [] }) {
  const key = JSON.stringify([pad, pad && planes.map(({ name, encoder, decoder }) => [name, encoder, decoder])]);
  if (key === (kept.padKey ?? JSON.stringify([null, null]))) return;
  kept.padKey = key;
  kept.pad?.destroy();
  kept.pad = pad ? padBeside(kept.canvas, planes, pad) : null;
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
