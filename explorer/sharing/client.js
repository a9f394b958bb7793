/**
 * Links, named views and lectures, in the browser alone: views are kept in its local storage and travel as JSON files,
 * and a view is gone to by its link, so it is what anybody sees who opens that link. What is loaded or kept may come
 * from anywhere: only links to pages of this app are taken, and names are only ever shown as text.
 */
(() => {
  if (window.latentSharing) return;
  const KEPT = "latent-explorer.views";
  const LECTURE = "latent-explorer.lecture";
  const FORMAT = "latent-explorer-views";
  const MOST = { views: 200, name: 80, link: 8000, bytes: 1_000_000 };
  const BUSY = "input, textarea, select, [contenteditable=true], [role=slider], [role=radio], [role=tab], .lx";
  let pages = [];
  let base = "/";
  let maker = ""; // the address of the script that makes pictures

  // -- views -------------------------------------------------------------------------------------------------

  /** A view as it is kept, or null where it is none: a name, and a link to a page of this app and nowhere else. */
  function view(found) {
    if (typeof found?.name !== "string" || typeof found.link !== "string") return null;
    const name = found.name.trim().slice(0, MOST.name);
    const parts = /^([a-z_]*)(\?[^#\s<>"'\\]*)?$/.exec(found.link);
    if (!name || !parts || found.link.length > MOST.link || !pages.includes(parts[1])) return null;
    return { name, link: found.link };
  }

  function read(storage, key) {
    try {
      return JSON.parse(storage.getItem(key));
    } catch {
      return null;
    }
  }

  const kept = () => {
    const found = read(localStorage, KEPT);
    return Array.isArray(found) ? found.map(view).filter(Boolean).slice(0, MOST.views) : [];
  };
  const keep = (views) => localStorage.setItem(KEPT, JSON.stringify(views));

  /** The link of what is seen, from the app's own address; the model is named even where it is the first one. */
  function here(model) {
    const page = location.pathname.split("/").pop();
    const query = new URLSearchParams(location.search);
    if (model && !query.has("model")) query.set("model", model);
    return (pages.includes(page) ? page : "") + (query.size ? `?${query}` : "");
  }

  const go = (link) => location.assign(base + link);

  /** The views of a file, or a sentence on why there are none. */
  function parsed(text) {
    let found = null;
    try {
      found = JSON.parse(text);
    } catch {
      return "This file is not JSON. Choose one that was saved here.";
    }
    if (found?.format !== FORMAT || !Array.isArray(found.views)) return "This file holds no views. Choose one that was saved here.";
    if (found.views.length > MOST.views) return `This file holds ${found.views.length} views; at most ${MOST.views} are taken.`;
    const views = found.views.map(view);
    const bad = views.indexOf(null);
    if (bad >= 0) return `View ${bad + 1} of this file does not lead to a page of this app, so nothing of it was taken.`;
    return views;
  }

  // -- the lecture -------------------------------------------------------------------------------------------

  function lecture() {
    const found = read(sessionStorage, LECTURE);
    const views = Array.isArray(found?.views) ? found.views.map(view).filter(Boolean) : [];
    return views.length ? { at: Math.min(Math.max(0, found.at | 0), views.length - 1), views } : null;
  }

  function show(at, views) {
    sessionStorage.setItem(LECTURE, JSON.stringify({ at, views }));
    go(views[at].link);
  }

  function step(by) {
    const now = lecture();
    if (now && now.at + by >= 0 && now.at + by < now.views.length) show(now.at + by, now.views);
  }

  /** Arrow keys, and the page keys that a presenter's remote sends. */
  function key(event) {
    const by = { ArrowRight: 1, PageDown: 1, ArrowLeft: -1, PageUp: -1 }[event.key];
    if (!by || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    if (event.composedPath().some((one) => one.matches?.(BUSY)) || !lecture()) return;
    event.preventDefault();
    step(by);
  }

  function bar() {
    document.querySelector(".lx-lecture")?.remove();
    const now = lecture();
    if (!now || new URLSearchParams(location.search).get("hide") === "controls") return;
    const last = now.views.length - 1;
    const made = element("nav", { className: "lx-lecture", ariaLabel: "Lecture" }, [
      button("‹", () => step(-1), { ariaLabel: "Previous view", disabled: now.at === 0 }),
      element("span", { textContent: `${now.at + 1} of ${last + 1} · ${now.views[now.at].name}` }),
      button("›", () => step(1), { ariaLabel: "Next view", disabled: now.at === last }),
      button("✕", end, { ariaLabel: "End the lecture" }),
    ]);
    document.body.append(made);
  }

  function end() {
    sessionStorage.removeItem(LECTURE);
    bar();
  }

  // -- the menu ----------------------------------------------------------------------------------------------

  function element(tag, properties = {}, children = []) {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  }

  const button = (textContent, onclick, more = {}) => element("button", { type: "button", textContent, onclick, ...more });

  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = element("textarea", { value: text, className: "lx-copied" }); // (a page without TLS has no clipboard)
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
  }

  function save(views) {
    const text = JSON.stringify({ format: FORMAT, version: 1, views }, null, 2);
    const href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    element("a", { href, download: "views.json" }).click();
    setTimeout(() => URL.revokeObjectURL(href), 1000);
  }

  /** Fill the menu that has just been mounted. */
  function fill() {
    for (const place of document.querySelectorAll(".lx-share")) {
      if (place.drawn === place.dataset.settings) continue; // what somebody is typing there stays
      place.drawn = place.dataset.settings;
      draw(place, JSON.parse(place.dataset.settings));
      enter(place);
    }
  }

  /** The buttons that save the page's figure; its script comes when it is first wanted. */
  function pictures(about, link, told) {
    const save = async (kind) => {
      told("Drawing the figure …");
      try {
        const { saveFigure } = await import(new URL(maker, document.baseURI).href);
        told(await saveFigure(kind, { ...about, link: link() }));
      } catch (error) {
        console.error(error);
        told(`The figure could not be saved. ${error.message}`);
      }
    };
    const kinds = { png: "for slides", svg: "shapes and text, for papers and drawing programs", html: "a page with its words and its link, which needs no network" };
    const buttons = Object.entries(kinds).map(([kind, what]) =>
      button(kind.toUpperCase(), () => save(kind), { title: `The figure as ${kind.toUpperCase()}: ${what}`, ariaLabel: `Download figure as ${kind.toUpperCase()}` }),
    );
    return element("div", { style: "align-items: center" }, [element("span", { textContent: "Download figure" }), ...buttons]);
  }

  /** The keyboard goes on in the menu that has just been opened: on the page it stands behind everything else. */
  function enter(place) {
    const opened = document.activeElement?.matches('[data-testid="stPopoverButton"][aria-expanded="true"]');
    if (opened && place.closest('[data-testid="stPopoverBody"]')) place.querySelector("button")?.focus({ preventScroll: true });
  }

  function draw(place, { model, python, title, figure }) {
    const say = element("p", { className: "lx-said", role: "status" });
    const told = (sentence) => (say.textContent = sentence);
    if (python) {
      const copied = () => copy(python).then(() => told("The lines are copied."));
      return place.replaceChildren(element("div", {}, [button("Copy Python", copied), say]));
    }
    const list = element("ol");
    const name = element("input", { type: "text", maxLength: MOST.name, placeholder: title, ariaLabel: "Name of this view" });
    const file = element("input", { type: "file", accept: ".json", hidden: true });
    const change = (views) => {
      keep(views);
      rows();
    };
    const add = () => {
      const views = kept();
      if (views.length >= MOST.views) return told(`There are ${MOST.views} views already: remove one.`);
      change([...views, view({ name: name.value.trim() || title, link: here(model) })].filter(Boolean));
      name.value = "";
      told("Added.");
    };
    name.onkeydown = (event) => {
      if (event.key === "Enter") add();
      event.stopPropagation();
    };
    file.onchange = async () => {
      const [chosen] = file.files;
      file.value = "";
      if (!chosen) return;
      if (chosen.size > MOST.bytes) return told("This file is too large to be a list of views.");
      const found = parsed(await chosen.text());
      if (typeof found === "string") return told(found);
      change(found);
      told(`Loaded ${found.length} views.`);
    };
    const link = () => new URL(base + here(model), location.href).href;
    const links = [button("Copy link", () => copy(link()).then(() => told("The link is copied.")))];
    const lectures = [
      button("Start as a lecture", () => kept().length && show(0, kept()), { title: "Step with the arrow keys" }),
      button("Save to a file", () => save(kept())),
      button("Load a file", () => file.click()),
    ];
    function rows() {
      const views = kept();
      lectures[0].disabled = lectures[1].disabled = !views.length;
      list.replaceChildren(
        ...views.map((one, i) =>
          element("li", {}, [
            button(one.name, () => go(one.link), { className: "lx-name", title: one.link }),
            button("↑", () => change(views.toSpliced(i, 1).toSpliced(i - 1, 0, one)), { ariaLabel: `Move ${one.name} up`, disabled: !i }),
            button("✕", () => change(views.toSpliced(i, 1)), { ariaLabel: `Remove ${one.name}` }),
          ]),
        ),
      );
    }
    rows();
    place.replaceChildren(
      element("div", {}, links),
      pictures(figure, link, told),
      say,
      element("h3", { textContent: "Views" }),
      element("div", {}, [name, button("Add this view", add)]),
      list,
      element("div", {}, [...lectures, file]),
    );
  }

  function begin(settings) {
    ({ pages, base, figure: maker } = settings);
    bar();
  }

  document.addEventListener("keydown", key);
  window.latentSharing = { begin, fill };
})();
