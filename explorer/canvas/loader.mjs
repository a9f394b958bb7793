// The part of a component that travels with each message: it fetches the bundle once and hands everything to it.
const bundles = new Map();

export default function (component) {
  const { data, parentElement } = component;
  const address = new URL(data.script, document.baseURI).href;
  if (!bundles.has(address)) bundles.set(address, import(address));
  const loading = document.createElement("div");
  loading.className = "lx-loading";
  const height = data.settings?.height ?? data.height ?? 0;
  if (!parentElement.querySelector(".lx")) loading.style.height = `${height}px`; // nothing jumps
  parentElement.append(loading);
  let end = null;
  let ended = false;
  bundles
    .get(address)
    .then((bundle) => {
      loading.remove();
      if (!ended) end = bundle[data.mount ?? "mount"](component);
    })
    .catch((error) => {
      console.error(error);
      bundles.delete(address);
      parentElement.textContent = "The canvas could not be loaded from the server. Reload the page.";
    });
  return () => {
    ended = true;
    if (end) end();
  };
}
