/** The points during training: one frame for each epoch that was kept, played with the places in between. */

export class Frames {
  /**
   * @param {{tensors: Object}} file `epochs` [S]; `places` [S, n, 2]; `index` [n], which test images;
   *   `pseudo` [S, K, 2] where the prior has pseudo-inputs
   */
  constructor({ tensors }) {
    const { epochs, places, index, pseudo } = tensors;
    if (!epochs || !places || !index || places.shape.length !== 3 || places.shape[0] !== epochs.data.length || places.shape[1] !== index.data.length)
      throw new Error("The frames do not fit together: epochs, places and images differ in number.");
    this.epochs = epochs.data;
    this.index = Int32Array.from(index.data);
    this.places = places.data;
    this.pseudo = pseudo ? pseudo.data : null;
    this.count = this.epochs.length;
    this.xy = new Float32Array(2 * this.index.length);
    this.pseudoXy = this.pseudo ? new Float32Array(this.pseudo.length / this.count) : null;
  }

  /** The places at a time in [0, count - 1]: between two frames, on the straight line. */
  at(time) {
    const low = Math.min(this.count - 1, Math.max(0, Math.floor(time)));
    const high = Math.min(this.count - 1, low + 1);
    mix(this.places, low, high, time - low, this.xy);
    if (this.pseudoXy) mix(this.pseudo, low, high, time - low, this.pseudoXy);
    return this;
  }
}

function mix(all, low, high, share, into) {
  const n = into.length;
  for (let i = 0; i < n; i++) into[i] = all[low * n + i] + (all[high * n + i] - all[low * n + i]) * share;
}
