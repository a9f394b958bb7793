"""The app's router: `streamlit run explorer/Home.py` from any folder. Pages are the scripts in `pages/`."""

import streamlit as st

from explorer import ROOT, access, view, warm

ICON = ROOT / "explorer" / "icon.png"
PAGES = {
    "": [("home", "Home", ":material/home:")],
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
    "Compare": [("side_by_side", "Side by side", ":material/compare:")],
    "Train": [("new_run", "New run", ":material/add_circle:"), ("runs", "Runs", ":material/monitoring:")],
}
if access.read_only():  # what is not in the navigation is not at its address either
    del PAGES["Train"]

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
            st.Page(ROOT / "pages" / f"{name}.py", title=title, icon=icon, default=name == "home")
            for name, title, icon in members
        ]
        for group, members in PAGES.items()
    }
)

with st.sidebar:
    view.style()
    view.pickers()
    view.train_from()
chosen.run()
