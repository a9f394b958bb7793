"""The pen that writes SVG against the browser's own canvas: the same calls give the same pixels."""

from __future__ import annotations

import base64
import io
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from explorer import sharing
from explorer.canvas import bundle

pytestmark = [pytest.mark.browser, pytest.mark.slow]

DRAWINGS = {
    "circles that overlap": """
        pen.globalAlpha = 0.6;
        for (let i = 0; i < 60; i++) {
            pen.fillStyle = `rgb(${4 * i}, 90, ${250 - 4 * i})`;
            pen.beginPath();
            pen.arc(20 + (i * 37) % 160, 20 + (i * 53) % 110, 9, 0, 2 * Math.PI);
            pen.fill();
        }""",
    "a path with dashes and round corners": """
        pen.strokeStyle = 'rgba(20, 120, 60, 0.7)'; pen.lineWidth = 4; pen.lineJoin = 'round';
        pen.setLineDash([12, 7]);
        pen.beginPath(); pen.moveTo(15, 15); pen.lineTo(180, 40); pen.lineTo(60, 130); pen.closePath();
        pen.stroke();""",
    "ellipses and squares": """
        pen.fillStyle = '#3f90da';
        pen.beginPath(); pen.ellipse(100, 70, 70, 30, 0.6, 0, 2 * Math.PI); pen.fill();
        pen.strokeStyle = '#bd1f01'; pen.lineWidth = 3; pen.stroke();
        pen.fillStyle = '#ffa90e'; pen.fillRect(20, 90, 40, 30);
        pen.beginPath(); pen.rect(140, 10, 30, 30); pen.arc(60, 30, 12, 0, 2 * Math.PI); pen.fill();""",
    "what is moved, grown and turned": """
        pen.save(); pen.translate(100, 75); pen.rotate(0.5); pen.scale(1.5, -1.5); pen.fillStyle = '#222';
        pen.beginPath(); pen.moveTo(0, 0); pen.lineTo(40, 0); pen.lineTo(40, 20); pen.fill();
        pen.lineWidth = 2; pen.stroke(); pen.restore();
        pen.fillRect(0, 0, 10, 10);""",
    "clips and shades": """
        const light = pen.createRadialGradient(70, 50, 5, 100, 75, 70);
        light.addColorStop(0, 'rgba(255, 200, 0, 0.9)'); light.addColorStop(1, 'rgba(0, 60, 120, 0.5)');
        pen.save();
        pen.beginPath(); pen.rect(40, 20, 110, 100); pen.clip();
        pen.beginPath(); pen.rect(70, 0, 200, 90); pen.clip();
        pen.fillStyle = light; pen.fillRect(0, 0, 200, 150);
        pen.restore();
        pen.fillRect(0, 140, 30, 8);""",
    "words": """
        pen.font = '600 18px sans-serif';
        ['top', 'middle', 'alphabetic', 'bottom'].forEach((line, i) => {
            pen.textBaseline = line;
            pen.textAlign = 'left'; pen.fillText('left ' + line, 5, 20 + 28 * i);
            pen.textAlign = 'right'; pen.fillText('z₁ < 5 & "x"', 195, 20 + 28 * i);
        });
        pen.save(); pen.translate(100, 75); pen.rotate(-Math.PI / 2);
        pen.textAlign = 'center'; pen.textBaseline = 'top'; pen.fillText('upwards', 0, 0);
        pen.restore();""",
    "pixels that stay sharp": """
        const small = new OffscreenCanvas(4, 4), ink = small.getContext('2d');
        for (let i = 0; i < 16; i++) {
            ink.fillStyle = (i * 7) % 3 ? '#123' : '#fc6';
            ink.fillRect(i % 4, i >> 2, 1, 1);
        }
        pen.imageSmoothingEnabled = false; pen.drawImage(small, 10, 10, 80, 80);
        pen.globalAlpha = 0.5; pen.drawImage(small, 1, 1, 2, 2, 110, 30, 60, 60);""",
    "what cannot be placed": """
        pen.fillStyle = '#333';
        pen.beginPath(); pen.arc(NaN, 5, 4, 0, 2 * Math.PI); pen.fill();
        pen.beginPath(); pen.moveTo(10, 10); pen.lineTo(NaN, 3); pen.lineTo(60, 60); pen.lineTo(10, 60); pen.fill();""",
}

BOTH = """async ([script, drawing]) => {
    const { SvgPen } = await import(URL.createObjectURL(new Blob([script], { type: 'text/javascript' })));
    const draw = new Function('pen', drawing);
    const [width, height] = [200, 150];
    const fresh = () => {
        const pen = Object.assign(document.createElement('canvas'), { width, height }).getContext('2d');
        pen.fillStyle = '#fcfaf6'; pen.fillRect(0, 0, width, height); pen.fillStyle = '#000';
        return pen;
    };
    const own = fresh();
    draw(own);
    const pen = new SvgPen(3, 2);
    draw(pen);
    const spaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"';
    const text = `<svg ${spaces} width="${width + 3}" height="${height + 2}">${pen.markup()}</svg>`;
    const image = new Image();
    image.src = URL.createObjectURL(new Blob([text], { type: 'image/svg+xml' }));
    await image.decode();
    const other = fresh();
    other.drawImage(image, -3, -2);
    return [text, own.canvas.toDataURL(), other.canvas.toDataURL()];
}"""


@pytest.fixture(scope="module")
def blank(browser):
    page = browser.new_context(viewport={"width": 400, "height": 300}).new_page()
    page.goto("about:blank")
    yield page
    page.context.close()


def pixels(address: str) -> np.ndarray:
    """Of a PNG that is its own address, [150, 200, 3]."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.split(",")[1]))).convert("RGB")).astype(float)


@pytest.mark.parametrize("name", DRAWINGS)
def test_it_draws_what_a_canvas_draws(blank, name):
    script = bundle.script(Path(sharing.__file__).with_name("figure"))
    text, own, other = blank.evaluate(BOTH, [script, DRAWINGS[name]])
    ET.fromstring(text)
    first, second = (pixels(address) for address in (own, other))
    assert (first != first[149, 199]).any(axis=2).mean() > 0.01, "something is drawn"
    differ = np.abs(first - second).max(axis=2)
    assert differ.mean() < 1.5
    assert (differ > 64).mean() < 0.008, "edges alone may be set in another way"
