"""Pure functions from arrays to figures and pictures: no Streamlit, no torch."""
