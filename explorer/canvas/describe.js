/** What a canvas shows, in numbers: for tests and for those who look into a problem. */

/** @param {import("./stage.js").Stage} stage */
export function describe(stage) {
  return {
    planes: stage.views.map((view) => plane(view, stage)),
    selection: [...stage.selection],
    hover: stage.hover ? stage.hover.image : null,
    probe: stage.probe ? [stage.probe.x, stage.probe.y] : null,
    mode: stage.mode,
    time: stage.time,
    epochs: stage.player.box.hidden ? null : Array.from(stage.player.epochs),
    playing: stage.player.running !== 0,
    reading: stage.words.textContent,
    colour: stage.settings.colour,
    ends: stage.settings.ends,
    bead: stage.bead(0),
  };
}

function plane(view, stage) {
  const { camera } = view;
  const classes = {};
  if (view.group)
    for (const place of view.group) {
      const name = stage.classes[place]?.name ?? "test image";
      if (!stage.hidden[place]) classes[name] = (classes[name] ?? 0) + 1;
    }
  return {
    name: view.about.name,
    title: view.about.title,
    axes: [view.about.xTitle, view.about.yTitle],
    kind: view.kind ?? "",
    points: view.xy ? view.shownXy.length / 2 : 0,
    drawn: view.drawn ?? 0,
    thinned: view.thinned.textContent,
    pseudo: view.pseudoXy ? view.pseudoXy.length / 2 : 0,
    classes,
    decoder: view.decoder !== null,
    lattice: view.lattice !== null,
    tiles: view.tiles ? view.tiles.places.size : 0,
    contours: Object.keys(view.densities).filter((kind) => stage.settings[kind]),
    ready: Boolean(view.error) || (Boolean(view.xy) && !Object.values(view.dirty).some(Boolean) && !view.layer.unfinished && (!view.about.decoder || view.decoder !== null || view.decoderWhy !== null)),
    error: view.error,
    note: view.note.textContent,
    sheets: view.thumbnails ? view.thumbnails.sheets.filter((sheet) => sheet instanceof ImageBitmap).length : 0,
    hidden: view.lens.box.hidden,
    ...view.describe?.(),
    camera: { x: camera.x, y: camera.y, scale: camera.scale, width: camera.width, height: camera.height },
  };
}
