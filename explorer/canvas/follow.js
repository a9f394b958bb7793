/**
 * In a Streamlit page the bead follows a slider while that is moved, some tenths of a second before the server answers.
 * It reads the slider's own input; where the page has none that it knows, the server's answer moves the bead all the same.
 */

/** @param {Object} canvas a handle of createCanvas @param {HTMLInputElement|null} now that is followed already */
export function followSlider(canvas, track, now) {
  const input = track?.slider ? slider(track.slider) : null;
  if (input === (now?.input ?? null)) {
    if (now) now.track = track;
    return now;
  }
  now?.watcher.disconnect();
  if (!input) return null;
  const followed = { input, track, watcher: null };
  followed.watcher = new MutationObserver(() => {
    const { places } = followed.track;
    const value = Number(input.value);
    const step = places.reduce((best, place, i) => (Math.abs(place - value) < Math.abs(places[best] - value) ? i : best), 0);
    canvas.lead(step);
  });
  followed.watcher.observe(input, { attributes: true, attributeFilter: ["value"] });
  return followed;
}

function slider(label) {
  const found = document.querySelectorAll('[data-testid="stSlider"] input[type="range"]');
  return [...found].find((one) => one.getAttribute("aria-label") === label) ?? null;
}
