/** The style sheets (`*.css`), which the bundler puts beside the modules. */
/* global $sheets */
export const style = typeof $sheets === "undefined" ? "" : $sheets;
