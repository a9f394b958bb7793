"""The app's router: `streamlit run explorer/Home.py` from any folder. Pages are the scripts in `pages/`."""

import streamlit as st

from explorer import ROOT, access, sharing, stale, view, warm

ICON = ROOT / "explorer" / "icon.png"
PAGES = {
    "": [("home", "Home", ":material/home:"), ("open_your_own", "Open your own", ":material/folder_open:")],
    "Look": [
        ("latent_space", "Latent space", ":material/scatter_plot:"),
        ("samples", "Samples", ":material/grid_view:"),
        ("interpolate", "Interpolate", ":material/timeline:"),
        ("pseudo_inputs", "Pseudo-inputs", ":material/adjust:"),
        ("traversals", "Traversals", ":material/swap_horiz:"),
        ("sphere", "Sphere", ":material/language:"),
        ("layers_and_codes", "Layers and codes", ":material/layers:"),
    ],
    "Diagnose": [("active_units", "Active units", ":material/bar_chart:")],
    "Compare": [
        ("side_by_side", "Side by side", ":material/compare:"),
        ("results", "Results", ":material/table_chart:"),
    ],
    "Train": [("new_run", "New run", ":material/add_circle:"), ("runs", "Runs", ":material/monitoring:")],
}
HIDDEN = ("open_your_own",)
"""Pages to which others lead, with no line of their own in the navigation."""
if access.read_only():  # what is not in the navigation is not at its address either
    del PAGES["Train"]
    PAGES[""] = [page for page in PAGES[""] if page[0] != "open_your_own"]

st.set_page_config(
    page_title="Latent Explorer",
    page_icon=str(ICON),
    layout="wide",
    initial_sidebar_state=232,
)
warm.start()
st.logo(str(ICON), size="medium")

chosen = st.navigation(
    {
        group: [
            st.Page(
                ROOT / "pages" / f"{name}.py",
                title=title,
                icon=icon,
                default=name == "home",
                visibility="hidden" if name in HIDDEN else "visible",
            )
            for name, title, icon in members
        ]
        for group, members in PAGES.items()
    },
    expanded=True,
)

stale.arrive()
with st.sidebar:
    view.style()
    sharing.install(["", *(name for members in PAGES.values() for name, *_ in members)], chosen.url_path)
    view.pickers()
    view.train_from()
chosen.run()
stale.tell(chosen.url_path)
sharing.finish()
warm.settle()
