"""Training from the page, as a teacher does it: start, watch, go away, come back, stop, resume, look at the model."""

from __future__ import annotations

import psutil
import pytest

from latents import runs

pytestmark = pytest.mark.browser

NAME, EPOCHS = "lecture", 60
CHART = "document.querySelector('.st-key-curves .js-plotly-plot')"
REACHED = f"""(() => {{
    const curve = ({CHART}?._fullData ?? []).find((trace) => trace.name.endsWith('validation'));
    return curve ? Math.max(...curve.x) : 0;
}})()"""


def wait_for(visit, epoch: int) -> None:
    """Until the firm curve has reached this epoch; nothing on the page is touched."""
    visit.page.wait_for_function(f"{REACHED} >= {epoch}", timeout=60_000)


def wait_for_state(visit, state: str) -> None:
    visit.page.get_by_test_id("stProgress").filter(has_text=state).wait_for(timeout=60_000)


def press(visit, label: str) -> None:
    visit.page.get_by_role("button", name=label, exact=True).first.click()


def fill(visit, label: str, value: str) -> None:
    field = visit.page.get_by_label(label, exact=True).first
    field.fill(value)
    field.press("Enter")
    visit.page.wait_for_timeout(400)
    visit.settle()


def slow_down(visit, key: str) -> None:
    """Move the pace with a key: ArrowRight is one step slower, Home is as fast as it can."""
    visit.page.locator('.st-key-header [data-testid="stSlider"] input').first.focus()
    visit.page.keyboard.press(key)
    visit.page.wait_for_timeout(600)


def zoomed(visit) -> list[float]:
    """Drag the first panel a little to the left; the epochs that it then shows."""
    box = visit.page.locator(".st-key-curves .nsewdrag").first.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    visit.page.mouse.move(x, y)
    visit.page.mouse.down()
    for step in range(1, 9):
        visit.page.mouse.move(x - 5 * step, y)
        visit.page.wait_for_timeout(30)
    visit.page.mouse.up()
    return seen(visit)


def seen(visit) -> list[float]:
    return visit.page.evaluate(f"{CHART}._fullLayout.xaxis.range")


def test_a_run_from_the_form_to_the_finished_model(own_app, own_visit, tmp_path):
    visit, root = own_visit, tmp_path / "runs"
    visit.open("new_run", preset="digits-standard-2d")
    fill(visit, "Name of the run", NAME)
    fill(visit, "Epochs", str(EPOCHS))
    visit.page.get_by_role("tab", name="Training").click()
    fill(visit, "Batch (images)", "10")
    assert f"--name {NAME}" in visit.text()
    assert "--training.batch 10" in visit.text()
    press(visit, "Start")

    # It grows without a touch, and a zoom into it stays.
    wait_for(visit, 2)
    assert f"run={NAME}" in visit.page.url
    slow_down(visit, "ArrowRight")
    before, shown = visit.page.evaluate(REACHED), zoomed(visit)
    wait_for(visit, before + 3)
    assert seen(visit) == shown
    visit.screenshot("runs-light")
    visit.assert_healthy()

    # To another page, and back.
    before = visit.page.evaluate(REACHED)
    for title in ("Samples", "Runs"):
        visit.page.get_by_test_id("stSidebarNav").get_by_text(title, exact=True).click()
        visit.page.wait_for_timeout(500)
        visit.settle()
    visit.assert_healthy()
    visit.open("runs", run=NAME)
    wait_for(visit, before + 1)

    # The app is restarted: the run goes on as the same process, and its curve is whole.
    before = visit.page.evaluate(REACHED)
    (run,) = runs.find(root)
    worker = psutil.Process(run.status["pid"])
    own_app.stop()
    assert worker.is_running()
    own_app.start()
    visit.open("runs", run=NAME)
    wait_for(visit, before + 1)
    epochs = visit.page.evaluate(f"Array.from({CHART}._fullData[0].x)")
    assert epochs == list(range(1, len(epochs) + 1))

    # Stop, and resume.
    press(visit, "Stop")
    wait_for_state(visit, "Stopped")
    assert runs.get(root, NAME).state == "stopped"
    worker.wait(20)
    before = visit.page.evaluate(REACHED)
    press(visit, "Resume")
    wait_for(visit, before + 1)
    slow_down(visit, "Home")
    wait_for_state(visit, "Finished")
    epochs = visit.page.evaluate(f"Array.from({CHART}._fullData[0].x)")
    assert epochs == list(range(1, EPOCHS + 1))
    visit.assert_healthy()

    # The finished model.
    press(visit, "Open in Latent space")
    visit.page.wait_for_url("**/latent_space?*", timeout=30_000)
    visit.page.wait_for_timeout(500)
    visit.settle()
    assert f"model={NAME}" in visit.page.url
    assert NAME in visit.text()
    visit.assert_healthy()
