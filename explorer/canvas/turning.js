/** How the sphere is turned, and how its views are zoomed: Python may set both, and hears of them when they stand still. */
import { turn } from "./maps.js";

const QUIET = 350; // milliseconds without a move after which it is told

export class Turning {
  /** The turning of a stage's views. */
  static of(stage) {
    return (stage.turning ??= new Turning(stage));
  }

  constructor(stage) {
    this.stage = stage;
    this.told = [];
    this.zoomsTold = [];
    this.set([0, 0]);
    this.hear();
  }

  /** Take over the middle that Python has given, unless it is an answer to what was told from here. */
  hear() {
    const given = JSON.stringify(this.stage.settings.centre ?? null);
    if (given === this.heard) return;
    this.heard = given;
    if (!answered(this.told, given) && this.stage.settings.centre) this.set(this.stage.settings.centre);
  }

  /** Once all views know what they show: take over the zooms that Python has given, and follow those of the visitor. */
  hearZooms() {
    const { stage } = this;
    if (!stage.views.length || !stage.views.every((view) => view.camera && view.width && (!view.sphere || view.regionFor === view.camera))) return;
    const given = stage.settings.zoom ?? "";
    if (given !== this.zoomHeard) {
      this.zoomHeard = given;
      if (!answered(this.zoomsTold, given)) {
        zoomed(stage.views, given);
        this.zooms = zooms(stage.views);
        for (const view of stage.views) view.mark("ground", "dots", "over");
        stage.request();
      }
    }
    const now = zooms(stage.views);
    if (now === this.zooms) return;
    this.zooms = now;
    this.soon();
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
    this.soon();
  }

  soon() {
    clearTimeout(this.quiet);
    this.quiet = setTimeout(() => this.tell(), QUIET);
  }

  /** Where it stands now, in so many digits as an address has: what is shown is that very place. */
  tell() {
    if (this.stage.ended) return;
    const centre = this.centre.map((degrees) => Math.round(degrees) || 0);
    this.set(centre);
    zoomed(this.stage.views, this.zooms ?? "");
    this.told.push(JSON.stringify(centre));
    this.zoomsTold.push(this.zooms ?? "");
    this.stage.marked("ground", "dots", "over");
    this.stage.callbacks.onTurn?.([...centre, this.zooms ?? ""]);
  }
}

/** Whether what is given is an answer to what was told; what was told before it is forgotten. */
function answered(told, given) {
  const place = told.indexOf(given);
  if (place >= 0) told.splice(0, place + 1);
  return place >= 0;
}

/** Each view's "factor_x_y" against its first view, "" where it is that, joined by "~": for an address. */
function zooms(views) {
  const found = views.map(({ camera }) => {
    const home = camera.target(camera.region);
    const [factor, x, y] = [camera.scale / home.scale, camera.x - home.x, camera.y - home.y];
    const still = Math.abs(factor - 1) < 5e-3 && Math.hypot(x, y) * camera.scale < 2;
    return still ? "" : [factor.toPrecision(3), x.toFixed(3), y.toFixed(3)].map(Number).join("_");
  });
  return found.some(Boolean) ? found.join("~") : "";
}

function zoomed(views, given) {
  const parts = given.split("~");
  views.forEach(({ camera }, i) => {
    camera.land();
    camera.home();
    const [factor, x, y] = (parts[i] ?? "").split("_").map(Number);
    if (!(factor > 0 && Number.isFinite(x) && Number.isFinite(y))) return;
    camera.scale = camera.bounded(camera.scale * factor);
    camera.x += x;
    camera.y += y;
  });
}
