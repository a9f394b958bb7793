/** What the bundle offers: the canvas for any page, and its adapter to Streamlit. */
export { createCanvas } from "./canvas.js";
export { createPad } from "./pad.js";
export { loadProgram, readSafetensors } from "./interpreter.js";
export { mount } from "./component.js";
export { padBeside } from "./pad-beside.js";
export { mountPad } from "./pad-alone.js";
export { mountRow } from "./row.js";
export { mountSheet } from "./sheet.js";
