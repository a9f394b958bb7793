"""An empty figure that says what it waits for."""

from __future__ import annotations

import plotly.graph_objects as go

from explorer.charts.theme import Tone, layout


def waiting(sentence: str, tones: Tone, height: int) -> go.Figure:
    """The figure, `height` pixels high, with the sentence in its middle."""
    figure = go.Figure(layout=layout(tones, height))
    figure.update_xaxes(visible=False).update_yaxes(visible=False)
    figure.add_annotation(
        text=sentence, x=0.5, y=0.5, xref="paper", yref="paper", showarrow=False, font={"color": tones.muted}
    )
    return figure
