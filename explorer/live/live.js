// A Plotly figure that is updated in place: new data neither remounts it nor moves what the visitor has zoomed to.
// (Streamlit's own chart is another element whenever its figure changes.) What has not changed is not drawn again.

let loading = null;

function plotly(url) {
  if (window.Plotly) return Promise.resolve(window.Plotly);
  loading ??= new Promise((loaded, failed) => {
    const script = document.createElement("script");
    script.src = url;
    script.onload = () => loaded(window.Plotly);
    script.onerror = () => {
      loading = null;
      failed(new Error("The charts' script could not be loaded: reload the page."));
    };
    document.head.append(script);
  });
  return loading;
}

function place(parent, data) {
  let box = parent.querySelector(":scope .live-figure");
  if (!box) {
    box = document.createElement("div");
    box.className = "live-figure";
    box.setAttribute("role", "img");
    parent.append(box);
  }
  box.style.height = `${data.height}px`;
  box.setAttribute("aria-label", data.alt);
  return box;
}

async function draw(box, data, said) {
  const Plotly = await plotly(data.script);
  if (!box.isConnected || box.shown === data.figure) return; // unmounted, or overtaken, while the script was loading
  const { data: traces, layout } = JSON.parse(data.figure);
  box.shown = data.figure;
  await Plotly.react(box, traces, layout, data.config);
  if (!box.listens) {
    box.listens = true;
    box.on("plotly_click", (event) => box.said?.(event.points[0]));
  }
  box.said = said;
}

export default function ({ data, parentElement, setTriggerValue }) {
  const box = place(parentElement, data);
  const said = data.asks
    ? (point) => setTriggerValue("clicked", { x: point.x, y: point.y, curve: point.data.name ?? "" })
    : null;
  draw(box, data, said).catch((error) => {
    box.textContent = error.message;
  });
  return () => {
    window.Plotly?.purge(box);
    box.remove();
  };
}
