/** The colours of a plane's points, by class or by a value, and which of them stand out. */
import { rgb, viridis } from "./theme.js";

/** Methods of `PlaneView`. */
export const colouring = {
  /** Which drawn points are selected, 1 or 0 for each; null where none is. */
  chosen() {
    const { mask, selection } = this.stage;
    if (selection.length < (this.stage.settings.crowd ?? 2) || !mask) return null; // few images have rings
    if (!this.frame) return mask.length === this.n ? mask : null;
    return Uint8Array.from(this.frames.index, (image) => mask[image] ?? 0);
  },

  /** The colour of each drawn point, [n, 3]. */
  colours() {
    const { settings, classes } = this.stage;
    const by = settings.colour;
    if (by !== "class" && this.about.values?.[by] && this.values?.name !== by) {
      this.asked.delete(by);
      this.need(by);
    }
    const valued = by !== "class" && this.values?.name === by;
    const alike = valued ? this.stage.views.filter((view) => view.values?.name === by).length : 0;
    const key = `${valued ? by : "class"} ${alike} ${this.frame ? "frame" : "all"} ${classes.length}`;
    if (this.coloured?.key === key) return this.coloured.colours;
    const n = this.shownXy.length / 2;
    const colours = new Uint8Array(3 * n);
    const palette = classes.map((one) => rgb(one.colour));
    const range = valued ? this.valueRange() : null;
    const cycle = valued && settings.cycle?.length ? settings.cycle.map(rgb) : null; // kinds, not sizes
    if (this.frame) this.frameGroup = Uint8Array.from(this.frames.index, (image) => this.group[image]);
    for (let point = 0; point < n; point++) {
      const image = this.imageOf(point);
      let colour = palette[this.group[image]] ?? [63, 144, 218];
      if (cycle) colour = cycle[this.values.data[image] % cycle.length];
      else if (valued) colour = viridis((this.values.data[image] - range[0]) / (range[1] - range[0] || 1));
      colours.set(colour, 3 * point);
    }
    this.coloured = { key, colours };
    return colours;
  },

  /** The range that holds the middle 96 % of the value, of all planes that show it: one colour is one number. */
  valueRange() {
    const alike = this.stage.views.filter((view) => view.values?.name === this.values.name);
    const sorted = Float32Array.from(alike.flatMap((view) => Array.from(view.values.data))).sort();
    return [sorted[Math.floor(0.02 * (sorted.length - 1))], sorted[Math.ceil(0.98 * (sorted.length - 1))]];
  },
};
