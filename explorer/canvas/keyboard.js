/** The keys of a plane. They work while the plane has the focus; Tab reaches it and every button. */

const STEP = 12; // pixels that an arrow moves the probe
const FINE = 2; // with Shift

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** @param {import("./planeview.js").PlaneView} view */
export function attachKeyboard(view) {
  const { stage, over } = view;
  over.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = ARROWS[event.key];
    const step = event.shiftKey ? FINE : STEP;
    const actions = {
      "+": () => stage.zoom(view, 1.4),
      "=": () => stage.zoom(view, 1.4),
      "-": () => stage.zoom(view, 1 / 1.4),
      0: () => stage.home(view),
      Enter: () => stage.selectNearest(view),
      " ": () => stage.play(),
      ",": () => stage.step(-1),
      ".": () => stage.step(1),
      "?": () => stage.help(),
      Escape: () => stage.forget(),
      z: () => stage.fit(view),
      p: () => stage.setMode("pan"),
      l: () => stage.setMode("lasso"),
      b: () => stage.setMode("box"),
    };
    const action = arrow ? () => stage.nudge(view, arrow[0] * step, arrow[1] * step) : (actions[event.key] ?? actions[event.key.toLowerCase()]);
    if (!action) return;
    event.preventDefault();
    event.stopPropagation(); // the page has keys of its own
    action();
  });
}
