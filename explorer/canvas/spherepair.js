/** Two chosen images of a sphere: which is a and which is b, and the three ways to b: Ctrl, a button, a handle to drag. */
import { unit } from "./maps.js";

export class Pair {
  /** The pair of a stage's views. */
  static of(stage) {
    return (stage.pair ??= new Pair(stage));
  }

  constructor(stage) {
    this.stage = stage;
    this.first = null; // the image that is a, if it is selected
    this.armed = false; // the next image that is clicked becomes b
    this.heard = undefined;
  }

  /** The two images, a first; null where not two are selected. */
  get images() {
    const { selection, settings } = this.stage;
    if (settings.first !== this.heard) this.first = this.heard = settings.first;
    if (selection.length === 1) [this.first] = selection;
    if (selection.length > 1) this.armed = false;
    if (selection.length !== 2) return null;
    const [i, j] = selection;
    return j === this.first ? [j, i] : [i, j];
  }

  /** Let the next click choose b, or no longer. */
  arm(on = !this.armed) {
    this.armed = on;
    this.stage.live.textContent = on ? "The next image that you choose is the other end." : "";
    this.stage.marked("over");
  }

  /** One end is dragged to the image that is nearest to a place. @param {number} end 0 for a, 1 for b */
  drag(view, end, px, py) {
    const { stage } = this;
    const pair = this.images;
    const { camera } = view;
    const found = view.grid.nearest(camera.wx(px), camera.wy(py), 2, (point) => view.visible(point)).map((one) => view.imageOf(one.index));
    const image = found.find((one) => one !== pair?.[1 - end]);
    if (!pair || image === undefined || image === pair[end]) return;
    pair[end] = image;
    [this.first] = pair;
    stage.setSelection(pair);
  }

  /** The end is let go of: Python is told. */
  drop() {
    this.stage.select([...this.stage.selection], "drag");
  }

  /** Where a and b are on a view of the sphere, [[x, y], [x, y]], for who would grip them; those behind the globe have no place. */
  places(view) {
    return (this.images ?? []).filter((i) => i < view.n).map((i) => {
      const { place, front } = view.at(unit(view.unitOf(i)));
      return front ? place : [NaN, NaN];
    });
  }

  /** The straight line between the two on the other models' planes, as the setting `paths`. */
  straight() {
    const pair = this.images;
    return pair && this.stage.views.map((view) => (view.sphere || !view.xy ? [] : pair.map((i) => view.placeOf(i)).filter(Boolean)));
  }
}
