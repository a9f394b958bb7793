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
  box.said = said;
  if (!box.isConnected || box.shown === data.figure) return; // unmounted, or nothing is new
  box.shown = data.figure;
  const { data: traces, layout } = JSON.parse(data.figure);
  const before = box.places;
  box.places = data.glide ? places(traces) : null;
  if (glides(before, box.places)) {
    traces.forEach((trace, i) => ({ x: trace.x, y: trace.y } = before[i])); // where they are coming from
    await Plotly.react(box, traces, layout, data.config);
    glide(Plotly, box, before, box.places, data.glide);
  } else {
    await Plotly.react(box, traces, layout, data.config);
  }
  if (!box.listens) {
    box.listens = true;
    box.on("plotly_click", (event) => box.said?.(event.points[0]));
  }
}

// -- points that move to their new places ---------------------------------------------------------------------------

function numbers(values) {
  if (!values?.bdata) return Float32Array.from(values ?? []);
  const bytes = Uint8Array.from(atob(values.bdata), (letter) => letter.charCodeAt(0));
  if (values.dtype !== "f4") throw new Error(`points that glide are float32, not ${values.dtype}`);
  return new Float32Array(bytes.buffer);
}

function places(traces) {
  return traces.map((trace) => ({ name: trace.name, x: numbers(trace.x), y: numbers(trace.y) }));
}

function glides(before, after) {
  if (!before || !after || before.length !== after.length) return false;
  if (window.matchMedia("(prefers-reduced-motion: reduce)").matches) return false;
  return after.every(({ name, x }, i) => before[i].name === name && before[i].x.length === x.length);
}

function glide(Plotly, box, before, after, milliseconds) {
  const begun = performance.now(), target = box.shown;
  const between = (from, to, share) => to.map((value, i) => from[i] + share * (value - from[i]));
  const step = () => {
    if (!box.isConnected || box.shown !== target) return; // gone, or on the way to somewhere else
    const done = Math.min(1, (performance.now() - begun) / milliseconds), share = done * done * (3 - 2 * done);
    const moved = { x: [], y: [] };
    after.forEach((to, i) => {
      moved.x.push(between(before[i].x, to.x, share));
      moved.y.push(between(before[i].y, to.y, share));
    });
    Plotly.restyle(box, moved).then(() => done < 1 && requestAnimationFrame(step));
  };
  requestAnimationFrame(step);
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
