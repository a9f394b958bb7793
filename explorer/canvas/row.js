/** A row of large pictures with their words; some of them follow the bead of a path while it is led along. */
import { el } from "./dom.js";
import { loadPicture } from "./source.js";
import { paint } from "./tiles.js";
import { MOVED } from "./track.js";
import { style } from "./style.js";

const LINGER = 400; // milliseconds that the row outlives its element's clean-up: Streamlit calls again on a rerun

const ROOMY = 4; // columns in which words have room on one line

/** Called on each rerun with the same parent element; data: see explorer/canvas/row.py. */
export function mountRow({ data, parentElement }) {
  const kept = (parentElement.latentRow ??= begin(parentElement));
  clearTimeout(kept.ending);
  const said = JSON.stringify(data.figures);
  if (kept.said !== said) show(kept, data);
  kept.said = said;
  return () => {
    kept.ending = setTimeout(() => {
      window.removeEventListener(MOVED, kept.follow);
      kept.root.remove();
      parentElement.latentRow = null;
    }, LINGER);
  };
}

function begin(element) {
  const kept = { root: el("div", "lx-row", {}), figures: [], said: null };
  kept.root.append(el("style", "", { text: style }));
  element.append(kept.root);
  kept.follow = ({ detail }) => kept.figures.forEach((figure) => figure.follow(detail));
  window.addEventListener(MOVED, kept.follow);
  return kept;
}

function show(kept, { figures, columns }) {
  kept.root.classList.toggle("lx-crowded", columns > ROOMY);
  kept.root.style.gridTemplateColumns = `repeat(${columns}, minmax(0, 1fr))`;
  while (kept.figures.length > figures.length) kept.figures.pop().box.remove();
  figures.forEach((about, i) => {
    if (!kept.figures[i]) {
      kept.figures[i] = new Figure();
      kept.root.append(kept.figures[i].box);
    }
    kept.figures[i].update(about);
  });
}

/** One picture. It keeps its element, so that nothing jumps while another one comes. */
class Figure {
  constructor() {
    this.image = el("img", "");
    this.words = el("figcaption", "");
    this.box = el("figure", "", {}, this.image, this.words);
  }

  update(about) {
    this.about = about;
    this.image.src = about.image;
    this.image.alt = this.box.title = about.alt;
    this.say(about.words);
    this.ends = null;
  }

  say(words) {
    this.words.textContent = words;
    this.words.className = this.about.strong ? "lx-strong" : "";
  }

  /** The bead has moved: to `at`, with this picture and these words. */
  follow({ model, at, words, pixels, part, shape }) {
    const { about } = this;
    if (about.mix) this.mix(at, words);
    else if (about.model === model && (pixels || part)) {
      const { canvas, pen } = sheet(shape);
      if (part) pen.drawImage(part.bitmap, part.x, part.y, part.width, part.height, 0, 0, part.width, part.height);
      else {
        const image = pen.createImageData(canvas.width, canvas.height);
        paint(image.data, pixels, shape);
        pen.putImageData(image, 0, 0);
      }
      this.image.src = canvas.toDataURL();
      this.say(about.moving.replace("%", words));
    }
  }

  /** The pixels of both ends, mixed. */
  async mix(at, words) {
    this.ends ??= Promise.all(this.about.mix.map(loadPicture));
    const [first, last] = await this.ends;
    const { canvas, pen } = sheet([1, first.height, first.width]);
    pen.drawImage(first, 0, 0);
    pen.globalAlpha = Math.min(1, Math.max(0, at));
    pen.drawImage(last, 0, 0);
    this.image.src = canvas.toDataURL();
    this.say(this.about.moving.replace("%", words));
  }
}

function sheet([, height, width]) {
  const canvas = el("canvas", "", { width, height });
  return { canvas, pen: canvas.getContext("2d") };
}
