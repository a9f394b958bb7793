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

async function show() {
  if (typeof DecompressionStream === "undefined") {
    throw new Error("This browser cannot unpack the models: it needs to be of 2023 or newer.");
  }
  const options = await filled(content.canvas);
  const place = document.getElementById("canvas");
  place.replaceChildren();
  const canvas = createCanvas(place, options, {});
  globalThis.explorer = { canvas }; // for the curious, and for tests
  globalThis.explorer.pad = padBeside(canvas, options.planes, content.pad).ready;
}

words();
show().catch((error) => {
  document.getElementById("canvas").replaceChildren(paragraph(`The latent space cannot be shown. ${error.message}`, "problem"));
});
