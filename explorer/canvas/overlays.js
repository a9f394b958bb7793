/** What is drawn over the points: pseudo-inputs, ellipses, neighbours, selection, paths, the two ends, the probe. */

/** Dots with a halo. shares: area of each against an even share, or null; skip: a place that is drawn elsewhere. */
export function drawPseudo(context, camera, xy, shares, tones, zoomed = 1) {
  const count = xy.length / 2;
  context.fillStyle = tones.dot;
  context.strokeStyle = tones.halo;
  context.lineWidth = 1;
  for (let k = 0; k < count; k++) {
    const x = camera.sx(xy[2 * k]);
    const y = camera.sy(xy[2 * k + 1]);
    if (x < -9 || y < -9 || x > camera.width + 9 || y > camera.height + 9) continue;
    context.beginPath();
    context.arc(x, y, pseudoRadius(k, shares, count) * zoomed, 0, 2 * Math.PI);
    context.fill();
    context.stroke();
  }
}

/** The radius of a pseudo-input: its area goes with its share of the test images. */
export function pseudoRadius(k, shares, count) {
  if (!shares) return 2.75;
  return Math.min(9, Math.max(1.4, 2.75 * Math.sqrt(shares[k] * count)));
}

/** The ellipse mu +- sigma of a covariance [xx, xy, yy]. */
export function drawEllipse(context, camera, [x, y], [xx, xy, yy], colour, width = 2) {
  const mean = (xx + yy) / 2;
  const turn = Math.hypot((xx - yy) / 2, xy);
  const long = Math.sqrt(Math.max(0, mean + turn)) * camera.scale;
  const short = Math.sqrt(Math.max(0, mean - turn)) * camera.scale;
  context.beginPath();
  context.ellipse(camera.sx(x), camera.sy(y), long, short, -0.5 * Math.atan2(2 * xy, xx - yy), 0, 2 * Math.PI);
  context.lineWidth = width;
  context.strokeStyle = colour;
  context.stroke();
}

/** A ring around a point, readable on any ground. */
export function drawRing(context, camera, [x, y], tones, radius = 7, colour = null, thick = 2) {
  for (const [stroke, width] of [[tones.halo, thick + 3], [colour ?? tones.ink, thick]]) {
    context.beginPath();
    context.arc(camera.sx(x), camera.sy(y), radius, 0, 2 * Math.PI);
    context.lineWidth = width;
    context.strokeStyle = stroke;
    context.stroke();
  }
}

/** Lines from one point to several. */
export function drawRays(context, camera, [x, y], others, colour) {
  context.beginPath();
  for (const [ox, oy] of others) {
    context.moveTo(camera.sx(x), camera.sy(y));
    context.lineTo(camera.sx(ox), camera.sy(oy));
  }
  context.lineWidth = 1.5;
  context.strokeStyle = colour;
  context.stroke();
}

/** A path [[x, y], ...] with a bead at a share of its length. */
export function drawPath(context, camera, places, bead, tones) {
  if (places.length < 2) return;
  for (const [colour, width] of [[tones.halo, 5], [tones.ink, 2.5]]) {
    context.beginPath();
    places.forEach(([x, y], i) => (i ? context.lineTo(camera.sx(x), camera.sy(y)) : context.moveTo(camera.sx(x), camera.sy(y))));
    context.lineWidth = width;
    context.lineJoin = "round";
    context.strokeStyle = colour;
    context.stroke();
  }
  if (bead !== null) drawHandle(context, camera, along(places, bead), tones, 6, tones.accent);
}

/** The place at a share of a path's length. */
export function along(places, share) {
  const lengths = places.slice(1).map(([x, y], i) => Math.hypot(x - places[i][0], y - places[i][1]));
  let left = share * lengths.reduce((sum, length) => sum + length, 0);
  for (let i = 0; i < lengths.length; i++) {
    if (left <= lengths[i] || i === lengths.length - 1) {
      const t = lengths[i] > 0 ? Math.min(1, left / lengths[i]) : 0;
      return [places[i][0] + (places[i + 1][0] - places[i][0]) * t, places[i][1] + (places[i + 1][1] - places[i][1]) * t];
    }
    left -= lengths[i];
  }
  return places[0];
}

/** A disc that can be dragged, or a bead. */
export function drawHandle(context, camera, [x, y], tones, radius, colour, letter = "") {
  context.beginPath();
  context.arc(camera.sx(x), camera.sy(y), radius, 0, 2 * Math.PI);
  context.fillStyle = colour;
  context.fill();
  context.lineWidth = 2;
  context.strokeStyle = tones.halo;
  context.stroke();
  if (letter) {
    context.fillStyle = tones.paper;
    context.font = `600 ${Math.round(radius * 1.4)}px ${tones.font}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(letter, camera.sx(x), camera.sy(y) + 0.5);
  }
}

/** The probe: a cross with an open middle. */
export function drawProbe(context, camera, [x, y], tones, faint = false) {
  const [px, py] = [camera.sx(x), camera.sy(y)];
  for (const [colour, width] of [[tones.halo, 4], [faint ? tones.muted : tones.accent, 2]]) {
    context.beginPath();
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      context.moveTo(px + 4 * dx, py + 4 * dy);
      context.lineTo(px + 12 * dx, py + 12 * dy);
    }
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.stroke();
  }
}

/** What is being drawn to select: a lasso or a box, in CSS pixels. */
export function drawOutline(context, corners, tones) {
  if (corners.length < 2) return;
  context.beginPath();
  corners.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
  context.closePath();
  context.globalAlpha = 0.12;
  context.fillStyle = tones.accent;
  context.fill();
  context.globalAlpha = 1;
  context.lineWidth = 2;
  context.setLineDash([5, 4]);
  context.strokeStyle = tones.accent;
  context.stroke();
  context.setLineDash([]);
}
