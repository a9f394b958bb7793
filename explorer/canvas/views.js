/** Which view draws which plane. */
import { PlaneView } from "./planeview.js";
import { SphereView } from "./sphereview.js";

/** @param {Object} about one of `planes` in `createCanvas` */
export function viewOf(about, stage, parent) {
  return about.view === "map" || about.view === "globe" ? new SphereView(about, stage, parent) : new PlaneView(about, stage, parent);
}
