/** Mouse, pen and fingers on one plane: hover, click, drag, wheel, pinch. */

const STILL = 4; // pixels that a click may move
const GRIP = 14; // pixels around a point that can be dragged

/** @param {import("./planeview.js").PlaneView} view */
export function attachPointer(view) {
  const { stage, over } = view;
  const fingers = new Map();
  let drag = null;
  const at = (event) => {
    const box = over.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };

  const down = (event) => {
    if (event.button > 0) return;
    over.setPointerCapture(event.pointerId);
    const [px, py] = at(event);
    fingers.set(event.pointerId, [px, py]);
    over.focus({ preventScroll: true });
    if (fingers.size > 1) {
      drag = null;
      stage.draw(view, null);
      return;
    }
    const end = gripped(px, py);
    const mode = event.shiftKey ? "lasso" : stage.mode;
    const kind = end !== null ? "end" : stage.onBead(view, px, py) ? "bead" : mode !== "pan" ? mode : event.pointerType === "touch" && !view.globe ? "probe" : "pan";
    drag = { kind, end, start: [px, py], last: [px, py], moved: false, corners: [[px, py]] };
  };

  const move = (event) => {
    const [px, py] = at(event);
    if (fingers.size > 1 && fingers.has(event.pointerId)) return pinch(event.pointerId, [px, py]);
    if (!drag) {
      if (event.pointerType !== "touch") stage.point(view, px, py);
      over.style.cursor = gripped(px, py) !== null || stage.onBead(view, px, py) ? "grab" : "";
      return;
    }
    if (!drag.moved && Math.hypot(px - drag.start[0], py - drag.start[1]) < STILL) return;
    drag.moved = true;
    const [lx, ly] = drag.last;
    drag.last = [px, py];
    if (drag.kind === "pan") stage.pan(view, px - lx, py - ly);
    else if (drag.kind === "probe") stage.point(view, px, py);
    else if (drag.kind === "end") stage.moveEnd(view, drag.end, px, py);
    else if (drag.kind === "bead") stage.moveBead(view, px, py);
    else {
      if (drag.kind === "lasso") drag.corners.push([px, py]);
      else drag.corners = [drag.start, [px, drag.start[1]], [px, py], [drag.start[0], py]];
      stage.draw(view, drag.corners);
    }
  };

  const up = (event) => {
    fingers.delete(event.pointerId);
    if (!drag || event.type === "pointercancel") {
      drag = null;
      stage.draw(view, null);
      return;
    }
    const done = drag;
    drag = null;
    const [px, py] = at(event);
    if (!done.moved) stage.click(view, px, py, event);
    else if (done.kind === "end") stage.dropEnd(view);
    else if (done.kind === "bead") stage.dropBead();
    else if (done.kind === "probe") stage.pin(view, px, py, "drag");
    else if (done.kind === "lasso" || done.kind === "box") stage.enclose(view, done.corners, done.kind, event);
  };

  const pinch = (id, now) => {
    const others = [...fingers.entries()].filter(([other]) => other !== id);
    const [ox, oy] = others[0][1];
    const before = fingers.get(id);
    fingers.set(id, now);
    const factor = Math.hypot(now[0] - ox, now[1] - oy) / Math.max(1, Math.hypot(before[0] - ox, before[1] - oy));
    stage.pan(view, (now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
    stage.zoom(view, factor, (now[0] + ox) / 2, (now[1] + oy) / 2);
  };

  const gripped = (px, py) => {
    const ends = view.sphere ? view.pair.places(view) : stage.settings.ends;
    if (!ends) return null;
    const found = ends.findIndex(([x, y]) => Math.hypot(view.camera.sx(x) - px, view.camera.sy(y) - py) < GRIP);
    return found < 0 ? null : found;
  };

  over.addEventListener("pointerdown", down);
  over.addEventListener("pointermove", move);
  over.addEventListener("pointerup", up);
  over.addEventListener("pointercancel", up);
  over.addEventListener("pointerleave", () => {
    if (!drag) stage.leave(view);
  });
  over.addEventListener("dblclick", (event) => stage.zoom(view, 2, ...at(event)));
  over.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const pixels = event.deltaY * (event.deltaMode === 1 ? 16 : 1);
      stage.zoom(view, Math.exp(-Math.max(-240, Math.min(240, pixels)) * (event.ctrlKey ? 0.01 : 0.0018)), ...at(event));
    },
    { passive: false },
  );
}
