"""Following a history and a log while they are written: all of it, once, and never half a line."""

from __future__ import annotations

import csv
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latents.folder import ModelFolder
from latents.runs.following import History, Lines, Log, last_rows, tail


@pytest.fixture
def file(tmp_path):
    return tmp_path / "history.csv"


class TestHistory:
    def test_rows_come_once(self, file):
        history = History(file)
        assert history.read() == []
        file.write_text("epoch,stage,valid_elbo\n1,fit,-90.5\n")
        assert history.read() == [{"epoch": 1, "stage": "fit", "valid_elbo": -90.5}]
        assert history.anew
        assert history.read() == []
        assert not history.anew
        with open(file, "a") as added:
            added.write("2,fit,-80\n3,fit,-70\n")
        assert [row["epoch"] for row in history.read()] == [2, 3]
        assert not history.anew
        assert history.columns == ["epoch", "stage", "valid_elbo"]

    def test_half_a_line_waits(self, file):
        history = History(file)
        file.write_text("epoch,valid_elbo\n1,-90\n2,-8")
        assert [row["epoch"] for row in history.read()] == [1]
        with open(file, "a") as added:
            added.write("5.25\n")
        assert history.read() == [{"epoch": 2, "valid_elbo": -85.25}]

    def test_half_a_header_waits(self, file):
        history = History(file)
        file.write_text("epoch,val")
        assert history.read() == []
        file.write_text("epoch,valid_elbo\n1,-3\n")
        assert history.read() == [{"epoch": 1, "valid_elbo": -3}]

    def test_a_letter_of_two_bytes_that_is_not_whole_yet(self, file):
        history, row = History(file), "1,é\n".encode()
        file.write_bytes(b"epoch,stage\n" + row[:3])
        assert history.read() == []
        file.write_bytes(b"epoch,stage\n" + row)
        assert history.read() == [{"epoch": 1, "stage": "é"}]

    def test_cut_back_by_a_resumed_run(self, file):
        """The new rows are as long as the old ones and the file is longer than before: only its content tells."""
        history = History(file)
        file.write_text("epoch,valid_elbo\n1,-90\n2,-80\n3,-70\n")
        assert len(history.read()) == 3
        file.write_text("epoch,valid_elbo\n1,-90\n2,-81\n3,-71\n4,-61\n")
        assert [row["valid_elbo"] for row in history.read()] == [-90, -81, -71, -61]
        assert history.anew

    def test_cut_back_and_not_grown_again(self, file):
        history = History(file)
        file.write_text("epoch,valid_elbo\n1,-90\n2,-80\n")
        history.read()
        file.write_text("epoch,valid_elbo\n1,-90\n")
        assert [row["epoch"] for row in history.read()] == [1]
        assert history.anew
        assert history.read() == []

    def test_widened_by_a_later_stage(self, file, trained):
        folder = ModelFolder.__new__(ModelFolder)
        folder.path = file.parent
        history = History(file.parent)
        folder.append_history({"epoch": 1, "train_loss": 3.0})
        assert history.read() == [{"epoch": 1, "train_loss": 3.0}]
        folder.append_history({"epoch": 2, "train_elbo": -5.0})
        assert history.read() == [{"epoch": 1, "train_loss": 3.0}, {"epoch": 2, "train_elbo": -5.0}]
        assert history.anew
        assert history.columns == ["epoch", "train_loss", "train_elbo"]

    def test_gone_and_back(self, file):
        history = History(file)
        file.write_text("epoch\n1\n2\n")
        history.read()
        file.unlink()
        assert history.read() == []
        assert history.anew
        file.write_text("epoch\n1\n2\n")
        assert len(history.read()) == 2

    def test_a_row_that_does_not_fit_is_left_out(self, file):
        file.write_text("epoch,a\n1,2\n2\n3,4\n")
        assert [row["epoch"] for row in History(file).read()] == [1, 3]

    def test_only_what_was_added_is_read(self, file, monkeypatch):
        """Of a long history, a look reads the new row and the few bytes by which it knows its place."""
        file.write_text("epoch,valid_elbo\n" + "".join(f"{epoch},-1234.5\n" for epoch in range(20_000)))
        history = History(file)
        assert len(history.read()) == 20_000
        with open(file, "a") as added:
            added.write("20000,-1\n")
        taken = []
        real = os.fdopen

        class Counting:
            def __init__(self, opened):
                self.opened = opened

            def __getattr__(self, name):
                return getattr(self.opened, name)

            def __enter__(self):
                return self

            def __exit__(self, *error):
                self.opened.close()

            def read(self, *size):
                found = self.opened.read(*size)
                taken.append(len(found))
                return found

        monkeypatch.setattr("builtins.open", lambda path, mode: Counting(real(os.open(path, os.O_RDONLY), mode)))
        assert [row["epoch"] for row in history.read()] == [20_000]
        assert sum(taken) < 2_000

    @given(
        st.lists(
            st.one_of(
                st.tuples(st.just("append"), st.text("0123456789,\n", max_size=9)),
                st.tuples(st.just("cut"), st.integers(0, 40)),
                st.tuples(st.just("write"), st.lists(st.integers(0, 99), max_size=5)),
            ),
            max_size=12,
        )
    )
    def test_all_that_was_read_is_what_is_there(self, tmp_path_factory, changes):
        """Whatever is done to the file between looks: what was given since the last `anew` is its whole content."""
        file = tmp_path_factory.mktemp("lines") / "log.txt"
        file.write_bytes(b"")
        lines, kept = Lines(file), []
        for what, value in changes:
            content = file.read_bytes()
            if what == "append":
                file.write_bytes(content + value.encode())
            elif what == "cut":
                file.write_bytes(content[:value])
            else:
                file.write_text("".join(f"{number}\n" for number in value))
            added = lines.read()
            kept = added if lines.anew else kept + added
            whole = file.read_text()
            assert kept == whole[: whole.rfind("\n") + 1].split("\n")[:-1]


class TestTails:
    def test_the_last_lines(self, tmp_path):
        (tmp_path / "log.txt").write_text("".join(f"line {n}\n" for n in range(100)))
        assert tail(tmp_path / "log.txt", 3) == ["line 97", "line 98", "line 99"]
        assert tail(tmp_path / "log.txt", 0) == []
        assert tail(tmp_path / "nowhere", 3) == []

    def test_of_a_long_log_only_the_end_is_read(self, tmp_path):
        (tmp_path / "log.txt").write_text("x" * 200_000 + "\nthe end\n")
        assert tail(tmp_path / "log.txt", 5) == ["the end"]

    def test_what_could_steer_a_terminal_is_left_out(self, tmp_path):
        (tmp_path / "log.txt").write_bytes(b"\x1b[2Jhello\x07\xff\n")
        assert tail(tmp_path / "log.txt", 1) == ["[2Jhello\ufffd"]

    def test_the_log_as_it_comes(self, tmp_path):
        log = Log(tmp_path)
        (tmp_path / "log.txt").write_text("one\ntw")
        assert log.read() == ["one"]
        with open(tmp_path / "log.txt", "a") as file:
            file.write("o\n")
        assert log.read() == ["two"]

    def test_the_last_rows_of_a_history(self, trained):
        with open(trained.path / "history.csv", newline="") as file:
            expected = list(csv.DictReader(file))
        found = last_rows(trained.path, 2)
        assert [row["epoch"] for row in found] == [2, 3]
        for row, wanted in zip(found, expected[-2:], strict=True):
            assert row["valid_elbo"] == float(wanted["valid_elbo"])

    def test_the_last_rows_of_a_long_history(self, tmp_path):
        rows = "".join(f"{epoch},{'9' * 50}\n" for epoch in range(5_000))
        (tmp_path / "history.csv").write_text("epoch,valid_elbo\n" + rows + "5000,12")
        assert [row["epoch"] for row in last_rows(tmp_path, 3)] == [4997, 4998, 4999]
