"""Training from the page, as a teacher does it: start, watch, go away, come back, stop, resume, look at the model."""

from __future__ import annotations

import psutil
import pytest

from latents import control, runs

pytestmark = pytest.mark.browser

NAME, EPOCHS = "lecture", 60
CURVES = ".st-key-curves .js-plotly-plot"
CHART = f"document.querySelector('{CURVES}')"
REACHED = f"""(() => {{
    const curve = ({CHART}?._fullData ?? []).find((trace) => trace.name.endsWith('validation'));
    return curve ? Math.max(...curve.x) : 0;
}})()"""


def wait_for(visit, epoch: int) -> None:
    """Until the firm curve has reached this epoch; nothing on the page is touched."""
    visit.page.wait_for_function(f"{REACHED} >= {epoch}", timeout=120_000)


def open_run(visit, reached: int = 0) -> None:
    """Open the run's page. (While the run goes on, the page never comes to rest.)"""
    visit.page.goto(f"{visit.address}/runs?run={NAME}")
    wait_for(visit, reached)
    visit.page.locator(CURVES).wait_for(timeout=120_000)


def wait_for_state(visit, state: str) -> None:
    visit.page.get_by_test_id("stProgress").filter(has_text=state).wait_for(timeout=180_000)


def press(visit, label: str) -> None:
    visit.page.get_by_role("button", name=label, exact=True).first.click(timeout=120_000)


def fill(visit, label: str, value: str, said: str) -> None:
    """Type into a field of the form, and wait until the command that does the same says so."""
    field = visit.page.get_by_label(label, exact=True).first
    field.fill(value)
    field.press("Enter")
    visit.page.get_by_test_id("stCode").filter(has_text=f"--{said} {value}").wait_for(timeout=120_000)


def slow_down(visit, folder, seconds: float) -> None:
    """Move the pace with the arrow keys until the run is asked for this one. (A key may be lost where the page is being
    drawn anew, or be late where the machine is slow: each press looks at where the pace is by then.)"""
    slider = visit.page.locator('.st-key-header [data-testid="stSlider"] input').first
    for _ in range(40):
        now = control.read(folder).pace
        if now == seconds:
            return
        slider.focus(timeout=120_000)
        visit.page.keyboard.press("ArrowRight" if now < seconds else "ArrowLeft")
        for _ in range(25):
            if control.read(folder).pace != now:
                break
            visit.page.wait_for_timeout(200)
    pytest.fail(f"the pace is {control.read(folder).pace}, not {seconds}")


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


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_run_from_the_form_to_the_finished_model(own_app, window, tmp_path):
    visit, root, folder = window(own_app.address), tmp_path / "runs", tmp_path / "runs" / NAME
    visit.open("new_run", preset="digits-standard-2d")
    fill(visit, "Name of the run", NAME, "name")
    fill(visit, "Epochs", str(EPOCHS), "training.epochs")
    visit.page.get_by_role("tab", name="Training").click()
    fill(visit, "Batch (images)", "50", "training.batch")
    press(visit, "Start")

    # It grows without a touch, and a zoom into it stays. (However fast or slow this machine is: the run must neither
    # end before it is stopped nor keep us waiting.)
    slow_down(visit, folder, 2)
    assert f"run={NAME}" in visit.page.url
    wait_for(visit, 2)
    before, shown = visit.page.evaluate(REACHED), zoomed(visit)
    wait_for(visit, before + 3)
    assert seen(visit) == shown
    visit.screenshot("runs-light")
    visit.assert_healthy()
    slow_down(visit, folder, 30)

    # To another page, and back.
    before = visit.page.evaluate(REACHED)
    visit.page.get_by_test_id("stSidebarNav").get_by_text("Samples", exact=True).click()
    visit.page.get_by_role("heading", name="Samples", exact=True).wait_for(timeout=120_000)
    visit.settle()
    visit.assert_healthy()
    visit.page.get_by_test_id("stSidebarNav").get_by_text("Runs", exact=True).click()
    wait_for(visit, before)  # the page remembers which run was open

    # The app is restarted: the run goes on as the same process, and its curve is whole.
    before = visit.page.evaluate(REACHED)
    (run,) = runs.find(root)
    worker = psutil.Process(run.status["pid"])
    own_app.stop()
    assert worker.is_running()
    own_app.start()
    open_run(visit)
    slow_down(visit, folder, 5)
    wait_for(visit, before + 1)
    epochs = visit.page.evaluate(f"Array.from({CHART}._fullData[0].x)")
    assert epochs == list(range(1, len(epochs) + 1))

    # Stop, and resume.
    press(visit, "Stop")
    wait_for_state(visit, "Stopped")
    assert runs.get(root, NAME).state == "stopped"
    worker.wait(120)
    press(visit, "Resume")
    wait_for_state(visit, "Running")
    slow_down(visit, folder, 0)
    wait_for_state(visit, "Finished")
    epochs = visit.page.evaluate(f"Array.from({CHART}._fullData[0].x)")
    assert epochs == list(range(1, EPOCHS + 1))
    visit.assert_healthy()

    # The finished model.
    press(visit, "Open in Latent space")
    visit.page.wait_for_url("**/latent_space?*", timeout=120_000)
    visit.page.wait_for_timeout(500)
    visit.settle()
    assert f"model={NAME}" in visit.page.url
    assert NAME in visit.text()
    visit.assert_healthy()


def test_a_read_only_app_is_not_talked_into_training(serve, window, tmp_path):
    """What is not in the navigation is not at its address either."""
    visit = window(serve(EXPLORER_READ_ONLY="1").address)
    for address in ("runs", "new_run", "runs?run=x"):
        visit.page.goto(f"{visit.address}/{address}")
        visit.page.get_by_text("Page not found").first.wait_for(timeout=120_000)
    navigation = visit.page.get_by_test_id("stSidebarNav").inner_text()
    assert "Samples" in navigation
    assert "Train" not in navigation
    assert visit.page.get_by_role("button", name="Start", exact=True).count() == 0
    assert not (tmp_path / "runs").exists()
