// Shows what the file holds. The bundle of the canvas and unpack.js stand before this in the same script.

const content = JSON.parse(document.getElementById("content").textContent);

function paragraph(text, name = "") {
  const made = document.createElement("p");
  made.className = name;
  made.textContent = text;
  return made;
}

function words() {
  for (const lines of content.numbers) {
    const under = document.createElement("div");
    lines.forEach((line, i) => under.append(paragraph(line, i ? "small" : "")));
    document.getElementById("numbers").append(under);
  }
  document.getElementById("caption").textContent = content.caption;
  document.getElementById("provenance").append(...content.provenance.map((line) => paragraph(line)));
}

const LEAST = 380; // pixels of height
const STACKED = 640; // width under which the canvas puts planes and pad under each other (`.lx-narrow`)
const BESIDE = 316; // width of the pad

// The height that is left by the words; where planes and pad stand under each other: of a square for each.
function height(canvas, planes) {
  const width = canvas.root.clientWidth;
  if (width < STACKED) return planes * (width + 40) + canvas.aside.scrollHeight + 190;
  const words = document.body.offsetHeight - canvas.root.offsetHeight;
  const square = (width - BESIDE) / planes + 90;
  return Math.max(LEAST, Math.min(innerHeight - Math.min(words, innerHeight), square));
}

async function show() {
  if (typeof DecompressionStream === "undefined") {
    throw new Error("This browser cannot unpack the models: it needs to be of 2023 or newer.");
  }
  const options = await filled(content.canvas);
  const place = document.getElementById("canvas");
  place.replaceChildren();
  const canvas = createCanvas(place, options, {});
  const pad = padBeside(canvas, options.planes, content.pad).ready;
  document.body.classList.add("drawn");
  globalThis.explorer = { canvas, pad }; // for the curious, and for tests
  const fit = () => canvas.update({ settings: { height: height(canvas, options.planes.length) } });
  fit();
  await pad;
  fit();
  addEventListener("resize", fit);
}

words();
show().catch((error) => {
  document.getElementById("canvas").replaceChildren(paragraph(`The latent space cannot be shown. ${error.message}`, "problem"));
});
