/** How the sphere is turned: one middle for the map and the globe of a canvas, which Python may set and hears of. */
import { turn } from "./maps.js";

const QUIET = 350; // milliseconds without a turn after which it is told

export class Turning {
  /** The turning of a stage's views. */
  static of(stage) {
    return (stage.turning ??= new Turning(stage));
  }

  constructor(stage) {
    this.stage = stage;
    this.told = [];
    this.set([0, 0]);
    this.hear();
  }

  /** Take over the middle that Python has given, unless it is an answer to what was told from here. */
  hear() {
    const given = JSON.stringify(this.stage.settings.centre ?? null);
    if (given === this.heard) return;
    this.heard = given;
    const answered = this.told.indexOf(given);
    if (answered >= 0) this.told.splice(0, answered + 1);
    else if (this.stage.settings.centre) this.set(this.stage.settings.centre);
  }

  /** @param {number[]} centre [longitude, latitude] in degrees, brought into their ranges */
  set([longitude, latitude]) {
    this.centre = [longitude - 360 * Math.floor((longitude + 180) / 360), Math.min(90, Math.max(-90, latitude))];
    this.R = turn(this.centre);
    this.version = (this.version ?? 0) + 1;
  }

  /** Turn to a middle, show it, and tell when it stands still. */
  to(centre) {
    this.set(centre);
    const { stage } = this;
    stage.moved = performance.now();
    stage.asking = true;
    for (const view of stage.views) if (view.sphere) view.mark("ground", "dots", "over");
    stage.request();
    clearTimeout(this.quiet);
    this.quiet = setTimeout(() => this.tell(), QUIET);
  }

  tell() {
    if (this.stage.ended) return;
    const centre = this.centre.map((degrees) => Math.round(degrees) || 0);
    this.told.push(JSON.stringify(centre));
    this.stage.marked("ground", "dots");
    this.stage.callbacks.onTurn?.(centre);
  }
}
