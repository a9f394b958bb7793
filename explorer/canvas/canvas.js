/**
 * The live latent canvas: one plane, or two linked ones. It knows nothing of Streamlit.
 *
 *     const canvas = createCanvas(element, options, callbacks);
 *     canvas.update({ settings: { shapes: true } });
 *     canvas.destroy();
 *
 * Here stand the options, the callbacks and the handle; stage.js holds what the planes share.
 */
import { Stage } from "./stage.js";

/** @typedef {string|Uint8Array|ArrayBuffer} Source an address of this origin, a `data:` address, or the bytes */

/**
 * What can be changed at any time by `update({ settings: {...} })`; everything is optional.
 * @typedef {Object} Settings
 * @property {number} height of the whole canvas in CSS pixels
 * @property {number} size of a dot in CSS pixels, when few others are in view
 * @property {boolean} shapes a marker of its own for each class
 * @property {string} colour "class", or the name of one of the planes' `values`
 * @property {string} colourTitle what the value is, with its unit
 * @property {string[]} cycle hexadecimal colours that whole numbers go through, for values that are kinds and not sizes
 * @property {boolean} points whether the test images are drawn
 * @property {boolean} decoded whether the plane is filled with decoded tiles
 * @property {boolean} prior, aggregate whether their contours are drawn (`contours` of the planes)
 * @property {boolean} holes whether the plane is red where the prior has mass and no data live
 * @property {boolean} pseudo whether pseudo-inputs are drawn
 * @property {boolean} pseudoShares whether their area is their share
 * @property {string} pseudoWord what they are called
 * @property {number|null} pseudoChosen the one with a ring
 * @property {boolean} pseudoClicks whether clicks choose pseudo-inputs, and not images
 * @property {boolean} bare without legend and without the line of words, for a small plane
 * @property {boolean} thumbnails whether test images are shown on hover
 * @property {number} neighbours how many nearest images are joined to a selected one
 * @property {Object<string, number[]>} links those of the selected image by the plane's name, where the browser has
 *   no codes to find them with
 * @property {boolean} linked whether the planes share one camera
 * @property {number} lens size of the pictures at the pointer in CSS pixels
 * @property {boolean} tools whether the buttons are shown
 * @property {boolean} frames whether the player of the epochs is shown
 * @property {boolean} rest tell `onProbe` also when the pointer rests (for decoders that only a server has)
 * @property {{number: number, images: (Source|null)[]}|null} exact the server's pictures (PNG) for the probe of that
 *   number, one for each plane
 * @property {number[][]|null} ends [[x, y], ...]: up to four points that can be dragged
 * @property {number[][][]|null} paths for each plane the places [[x, y], ...] of a path
 * @property {number|null} bead share of the path's length at which its bead is
 * @property {Object|null} track of the first plane's path, so that its bead can be dragged (track.js): {codes: Source of
 *   safetensors `codes` [F, d], z at each place of the path, or null; sheet: Source of the steps' pictures in a row, for
 *   decoders that no browser can run; stops: the places of the steps, counted along the path; values: their numbers;
 *   names: "t = 0.50", "step 4"; symbol: "t" or "s", null where only steps have names; slider: in a Streamlit page the label of a
 *   slider that chooses the step; places: the slider's value at each step}
 * @property {string|null} hint the line under the planes while nothing is pointed at
 * @property {number[]|null} probe [x, y]: put the probe there
 * @property {string} projection of a sphere: a name of maps.js
 * @property {number[]} centre [longitude, latitude] of its middle, degrees
 * @property {string} zoom of each view of it and of the planes beside it (turning.js)
 * @property {number} first of two selected images on it the one that is a, where the path between them begins
 * @property {number} crowd so many selected images, two by default, let all others fade
 * @property {boolean} caps whether the caps of q(z|x) are drawn around images that are hovered or selected
 */

/**
 * @typedef {Object} Plane
 * @property {string} name of the model
 * @property {string} title above the plane, "" for none
 * @property {string} xTitle, yTitle symbol and unit
 * @property {Source} points safetensors: `places` F32 [N, 2]; optional `group` U8 [N], places in `options.classes`;
 *   `pseudo` [K, 2] and `shares` [K]; `spread` [N, 3], covariances (xx, xy, yy) of q(z|x) on the plane; `centre` [n]
 *   and `axes` [2, n], the way back to z. Metadata: `kind` "units" | "PCA" | "UMAP", `space` "euclidean" | "sphere" | ...
 * @property {number[]} shape [C, H, W] of an image
 * @property {string} [view] "map" or "globe" of a sphere, whose points' file is another one (sphereview.js)
 * @property {number[][]} [region] in view at first, where planes that are not linked have each their own
 * @property {Object<string, Source>} contours "prior", "aggregate": `log_density` [Y, X], `frame` [x0, dx, y0, dy],
 *   `thresholds`
 * @property {Object<string, Source>} [values] continuous values to colour by: `value` [N]
 * @property {Source|null} [decoder], [encoder] portable programs
 * @property {Source|null} [codes] `codes` [N, n], coordinates of all test images; fetched when first needed
 * @property {Source|null} [frames] see frames.js; fetched when `settings.frames` is set
 * @property {Object|null} [sprite], [pseudoSprite] thumbnails: {tiles: Source[], columns, rows, shape, count}
 * @property {Object|null} [lattice] a decoded region: {image: Source, region, columns, rows, shape}
 * @property {string} [decoded] "mean" or "sample": what decoded pictures are
 * @property {string[]} [words] under a decoded picture, in place of the canvas's own: at a place, and at a test image
 */

/**
 * @typedef {Object} Options
 * @property {Plane[]} planes one or two, of the same size on the screen
 * @property {number[][]} region [[left, right], [low, high]]: in view at first
 * @property {{label: number, name: string, colour: string, shape: string}[]} classes
 * @property {Settings} [settings]
 * @property {number[]} [selection] test images that are selected
 * @property {string} [message] a sentence to show instead of planes
 */

/**
 * @typedef {Object} Callbacks all optional
 * @property {(selection: {indices: number[], how: string}) => void} onSelect how: "click", "lasso", "box", "key",
 *   "clear"
 * @property {(probe: {plane: string, x: number, y: number, z: number[]|null, how: string, number: number}) => void} onProbe
 *   how: "click", "drag", "key", "rest"
 * @property {(image: number|null) => void} onHover an image has been hovered for a while
 * @property {(ends: number[][]) => void} onEnds one of the points was let go
 * @property {(k: number) => void} onPseudo a pseudo-input has been chosen
 * @property {(step: number) => void} onBead the bead was let go: the step nearest to it
 * @property {(turned: (number|string)[]) => void} onTurn a sphere has been turned or zoomed: longitude and latitude of its middle
 *   in degrees, and the setting `zoom` of its views
 */

/**
 * Draws the canvas into an element.
 *
 * @param {HTMLElement|ShadowRoot} element
 * @param {Options} options
 * @param {Callbacks} [callbacks]
 * @returns {{root: HTMLElement, aside: HTMLElement, update: (options: Partial<Options>) => void, destroy: () => void,
 *   showPosterior: (posterior: {point: Float32Array, stddev: Float32Array|null}|null, plane?: number) => void,
 *   decoded: (plane?: number) => {x: number, y: number, z: number[], pixels: number[]}|null,
 *   places: (plane?: number) => number[], screen: (x: number, y: number, plane?: number) => number[],
 *   lead: (step: number) => void, describe: () => Object}}
 *   root: the canvas's element, whose property `latentCanvas` is this handle; aside: an empty place at the right of the
 *   planes, for a pad; showPosterior: draws a posterior's mean and ellipse (null: none); decoded: what was decoded last;
 *   lead: moves the bead to a step, as a control of the page says;
 *   places: of the points that are shown, x and y in turn; screen: where a place of the plane is in the window; describe: what is shown, in numbers
 */
export function createCanvas(element, options, callbacks = {}) {
  const stage = new Stage(element, options, callbacks);
  const handle = {
    root: stage.root,
    aside: stage.aside,
    update: (changes) => stage.update(changes),
    destroy: () => stage.destroy(),
    showPosterior: (posterior, plane = 0) => stage.showPosterior(posterior, plane),
    decoded: (plane = 0) => stage.decoded(plane),
    places: (plane = 0) => stage.places(plane),
    screen: (x, y, plane = 0) => stage.screen(x, y, plane),
    lead: (step) => stage.leadBead(step),
    describe: () => stage.describe(),
  };
  stage.root.latentCanvas = handle;
  return handle;
}
