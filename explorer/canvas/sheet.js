/** A sheet of pictures of which one is chosen by a click or by the arrow keys: its frame moves at once. */
import { el } from "./dom.js";
import { style } from "./style.js";

const LINGER = 400; // milliseconds that the sheet outlives its element's clean-up: Streamlit calls again on a rerun
const PATIENCE = 3000; // milliseconds in which an answer to an older click does not undo a newer one

/** Called on each rerun with the same parent element; data: see explorer/canvas/sheet.py. */
export function mountSheet({ data, parentElement, setStateValue }) {
  const kept = (parentElement.latentSheet ??= new Sheet(parentElement));
  clearTimeout(kept.ending);
  kept.tell = (place) => setStateValue("place", { place, number: Date.now() }); // the same one may be chosen again
  kept.update(data);
  return () => {
    kept.ending = setTimeout(() => {
      kept.root.remove();
      parentElement.latentSheet = null;
    }, LINGER);
  };
}

class Sheet {
  constructor(element) {
    this.image = el("img", "", { draggable: "false" });
    this.frame = el("div", "lx-frame");
    this.pointed = el("div", "lx-frame lx-pointed");
    this.root = el("div", "lx-sheet", { tabindex: "0", role: "slider", "aria-valuemin": "1" }, el("style", "", { text: style }), this.image, this.frame, this.pointed);
    this.chosen = this.wanted = null;
    this.asked = 0;
    this.root.addEventListener("pointermove", (event) => this.point(this.placeOf(event)));
    this.root.addEventListener("pointerleave", () => this.point(null));
    this.root.addEventListener("click", (event) => this.choose(this.placeOf(event)));
    this.root.addEventListener("keydown", (event) => this.key(event));
    this.point(null);
    element.append(this.root);
  }

  update(data) {
    this.data = data;
    if (this.image.getAttribute("src") !== data.image) this.image.src = data.image;
    this.image.alt = data.alt;
    this.root.setAttribute("aria-label", data.alt);
    this.root.setAttribute("aria-valuemax", String(data.names.length));
    this.root.style.aspectRatio = `${data.size[0]} / ${data.size[1]}`;
    const older = this.wanted !== null && data.chosen !== this.wanted && Date.now() - this.asked < PATIENCE;
    if (older) return;
    this.wanted = null;
    this.show(data.chosen);
  }

  show(place) {
    this.chosen = place;
    this.put(this.frame, place);
    this.root.setAttribute("aria-valuenow", String((place ?? 0) + 1));
    this.root.setAttribute("aria-valuetext", this.data.names[place] ?? "none of these");
  }

  /** A frame around the picture at a place, or none. */
  put(frame, place) {
    frame.hidden = place === null || place >= this.data.names.length;
    if (frame.hidden) return;
    const { columns, rows } = this.data;
    const [row, column] = [Math.floor(place / columns), place % columns];
    Object.assign(frame.style, { left: `${(100 * column) / columns}%`, top: `${(100 * row) / rows}%`, width: `${100 / columns}%`, height: `${100 / rows}%` });
  }

  placeOf({ clientX, clientY }) {
    const box = this.root.getBoundingClientRect();
    const { columns, rows, names } = this.data;
    const column = Math.floor(((clientX - box.left) / box.width) * columns);
    const row = Math.floor(((clientY - box.top) / box.height) * rows);
    const place = row * columns + column;
    return column >= 0 && column < columns && place >= 0 && place < names.length ? place : null;
  }

  point(place) {
    if (place === null) this.pointed.hidden = true;
    else this.put(this.pointed, place);
    this.root.title = place === null ? "" : this.data.names[place];
  }

  choose(place) {
    if (place === null || place === this.chosen) return;
    this.wanted = place;
    this.asked = Date.now();
    this.show(place);
    this.tell(place);
  }

  key(event) {
    const { columns, names } = this.data;
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    if (!step) return;
    event.preventDefault();
    this.choose(Math.min(names.length - 1, Math.max(0, (this.chosen ?? -step) + step)));
  }
}
