import time

import pytest

from explorer import library, projecting


@pytest.fixture
def entry(tiny, tmp_path, monkeypatch):
    import latents

    latents.train(tiny(training__epochs=1, model__latent=3), tmp_path / "deep", accelerator="cpu")
    monkeypatch.setenv("EXPLORER_LIBRARY", str(tmp_path))
    return library.find("deep")


def wait(job: projecting.Job) -> None:
    for _ in range(300):
        if not job.running:
            return
        time.sleep(0.2)
    job.process.kill()
    pytest.fail("the process did not end")


@pytest.mark.slow
def test_umap_is_computed_in_a_process_of_its_own_and_found(entry):
    assert projecting.find(entry) is None
    assert library.umap(entry) is None
    job = projecting.start(entry)
    assert projecting.start(entry) is job  # one process, however often it is asked for
    wait(job)
    assert not job.failed, job.last_line()
    points, pseudo = library.umap(entry)
    assert points.shape == (300, 2)
    assert pseudo is None


def test_a_process_that_fails_leaves_its_sentence(entry):
    (entry.path / "model.safetensors").write_bytes(b"spoilt")
    job = projecting.start(entry)
    wait(job)
    assert job.failed
    assert "damaged" in job.log.read_text()
