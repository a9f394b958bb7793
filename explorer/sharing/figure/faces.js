/** The page's own face, inside the file: elsewhere it is seldom installed, and a picture in a picture cannot load one. */

const made = new Map();

/**
 * `@font-face` rules, with their bytes, of the faces that these texts are set in; "" where the page's are the system's.
 * @param {string} markup SVG that names its families
 * @returns {Promise<string>}
 */
export async function faces(markup) {
  const wanted = found().filter(({ family, italic }) => markup.includes(family) && (!italic || markup.includes("italic")));
  return (await Promise.all(wanted.map(embedded))).join("\n");
}

/** The faces of the page's style sheets that are sans-serif text. */
function found() {
  const rules = [...document.styleSheets].flatMap((sheet) => {
    try {
      return [...sheet.cssRules];
    } catch {
      return []; // a sheet from elsewhere
    }
  });
  return rules
    .filter((rule) => rule instanceof CSSFontFaceRule)
    .map((rule) => {
      const { style, parentStyleSheet } = rule;
      const read = (name) => style.getPropertyValue(name).trim();
      const address = /url\((['"]?)([^'")]+)\1\)/.exec(read("src"))?.[2];
      const italic = read("font-style") === "italic";
      return { family: read("font-family").replace(/['"]/g, ""), italic, weight: read("font-weight"), address: address && new URL(address, parentStyleSheet.href ?? document.baseURI).href };
    })
    .filter(({ family, address }) => address && family.startsWith("Source Sans") && new URL(address).origin === location.origin);
}

function embedded(face) {
  const key = `${face.address} ${face.italic}`;
  if (!made.has(key)) made.set(key, write(face).catch(() => "")); // the next family in the list takes its place
  return made.get(key);
}

async function write({ family, italic, weight, address }) {
  const bytes = new Uint8Array(await (await fetch(address)).arrayBuffer());
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  const source = `url(data:font/woff2;base64,${btoa(text)}) format("woff2")`;
  return `@font-face { font-family: "${family}"; font-style: ${italic ? "italic" : "normal"}; font-weight: ${weight || "normal"}; src: ${source}; }`;
}
