/** The page's tones: Streamlit's CSS variables where there are some, else canvas.css's own for light and dark. */

/** @returns {{dark: boolean, larger: number, ink: string, muted: string, rule: string, paper: string, contour: string, dot: string, halo: string, accent: string}} */
export function readTones(root) {
  const given = getComputedStyle(root).getPropertyValue("--st-background-color").trim();
  const dark = given ? luminance(given) < 0.4 : window.matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.tone = dark ? "dark" : "light";
  const style = getComputedStyle(root);
  const tone = (name) => style.getPropertyValue(`--lx-${name}`).trim();
  const names = ["paper", "ink", "muted", "rule", "contour", "dot", "halo", "accent", "font"];
  const larger = Number(tone("larger")) || 1; // how much larger letters are, for the back row
  return { dark, larger, ...Object.fromEntries(names.map((name) => [name, tone(name)])) };
}

/** Relative luminance of any CSS colour, roughly. */
function luminance(colour) {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  context.fillStyle = colour;
  context.fillRect(0, 0, 1, 1);
  const [r, g, b] = context.getImageData(0, 0, 1, 1).data;
  return (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255;
}

/** "#rrggbb" as [r, g, b]. */
export function rgb(colour) {
  const value = parseInt(colour.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

const VIRIDIS = ["#440154", "#482475", "#414487", "#355f8d", "#2a788e", "#21918c", "#22a884", "#44bf70", "#7ad151", "#bddf26", "#fde725"].map(rgb);

/** The colour of a share in [0, 1] on the viridis scale, [r, g, b]. */
export function viridis(share) {
  const at = Math.min(1, Math.max(0, share)) * (VIRIDIS.length - 1);
  const low = Math.min(VIRIDIS.length - 2, Math.floor(at));
  return VIRIDIS[low].map((value, i) => Math.round(value + (VIRIDIS[low + 1][i] - value) * (at - low)));
}
