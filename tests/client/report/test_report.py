"""`stream-filters report` says what is in a run, the same way every time."""

import json
import struct
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from tests.client.command import Run
from tests.client.fake_predictor import FakePredictor
from tests.client.made_runs import run_document, write_run


class Words(HTMLParser):
    """The text of a page outside of its style, and the attributes of its elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attributes}))

    def handle_data(self, data: str) -> None:
        if self.elements and self.elements[-1][0] != "style" and data.strip():
            self.words.append(data.strip())

    def told(self) -> list[str]:
        """What the pictures say to those who do not see them."""
        return [values["aria-label"] for tag, values in self.elements if tag == "svg"]


def page(path: Path) -> Words:
    return Words(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("scenario", "pictures"),
    [
        (
            "kalman-demo",
            ["Observations and position", "True less filtered position", "Velocity", "PIT", "intervals", "answers"],
        ),
        ("ar-demo", ["Observations and one-step forecast", "Intercept", "Coefficients", "PIT", "intervals", "answers"]),
        (
            "mixture-demo",
            ["Observations in the colours", "Probability of each regime", "changes announced", "Learned means"],
        ),
    ],
)
def test_every_model_is_shown_by_what_it_learns(run: Run, tmp_path: Path, scenario: str, pictures: list[str]) -> None:
    output = tmp_path / "report.html"
    assert run("report", str(write_run(tmp_path / "run.json", scenario)), "--output", str(output)).code == 0
    told = [text.replace("probability integral transform", "PIT") for text in page(output).told()]
    for picture in pictures:
        assert any(picture in text for text in told), (picture, told)
    assert "made 1.2.3 at localhost:8081" in page(output).words


def test_a_real_replay_becomes_a_page(predictor: FakePredictor, run: Run, tmp_path: Path) -> None:
    saved, output = tmp_path / "run.json", tmp_path / "page.html"
    arguments = ("--target", predictor.target, "--length", "30", "-q", "--save", str(saved))
    assert run("replay", "kalman-demo", "mixture-demo", *arguments).code == 0
    outcome = run("report", str(saved), "--output", str(output), "--title", "Tuesday's pumps")
    assert (outcome.code, outcome.out) == (0, f"wrote {output}\n")
    words = page(output).words
    assert "Tuesday's pumps" in words
    assert "fake 1.2.3 at " + predictor.target in words
    assert "30 observations in 3 requests" in words


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    saved = write_run(tmp_path / "run.json", "mixture-demo", length=100)
    made = []
    for name in ("one", "two"):
        html, png = tmp_path / f"{name}.html", tmp_path / f"{name}.png"
        # another process hashes in another way
        command = [sys.executable, "-m", "stream_filters_client.cli", "report", str(saved)]
        subprocess.run([*command, "--output", str(html), "--png", str(png)], check=True, capture_output=True)
        made.append((html.read_bytes(), png.read_bytes()))
    assert made[0] == made[1]
    assert b"DejaVu Sans'" not in made[0][0]


def test_the_picture_has_a_row_for_every_two_panels(run: Run, tmp_path: Path) -> None:
    sizes = {}
    for scenario in ("kalman-demo", "mixture-demo"):
        png = tmp_path / f"{scenario}.png"
        outcome = run("report", str(write_run(tmp_path / "run.json", scenario)), "--png", str(png))
        assert (outcome.code, outcome.out) == (0, f"wrote {png}\n")
        head = png.read_bytes()[:24]
        assert head.startswith(b"\x89PNG")
        sizes[scenario] = struct.unpack(">II", head[16:])
    assert sizes["kalman-demo"][0] == sizes["mixture-demo"][0]
    # eight panels, and ten
    assert sizes["mixture-demo"][1] - sizes["kalman-demo"][1] == pytest.approx(3.2 * 130, abs=2)


def test_nothing_is_better_where_the_data_are_others(run: Run, tmp_path: Path) -> None:
    paths = [write_run(tmp_path / f"{seed}.json", "kalman-demo", seed=seed) for seed in (1, 2)]
    output = tmp_path / "report.html"
    assert run("report", *map(str, paths), "--output", str(output)).code == 0
    words = page(output).words
    assert not {"better", "worse"} & set(words)
    assert any("The runs saw different data" in word for word in words)


def test_stamps_are_dates_under_the_pictures(run: Run, tmp_path: Path) -> None:
    document = run_document({"pump": "kalman-demo"}, length=120)
    stamps = np.datetime64("2024-03-01") + np.arange(120)
    document["series"]["pump"]["stamps"] = [str(stamp) for stamp in stamps]
    path, output = tmp_path / "run.json", tmp_path / "report.html"
    path.write_text(json.dumps(document), encoding="utf-8")
    assert run("report", str(path), "--output", str(output)).code == 0
    assert any("2024-Jun" in word for word in page(output).words)


def test_two_runs_stand_side_by_side_with_the_better_score_marked(run: Run, tmp_path: Path) -> None:
    paths = []
    for name, score in (("before", 0.5), ("after", 0.25)):
        document = run_document({"pump": "kalman-demo"})
        scores = {"position_rmse": score, "predictive_coverage": 1.0 - score, "log_score_mean": -score}
        document["series"]["pump"]["scores"] = scores
        paths.append(tmp_path / f"{name}.json")
        paths[-1].write_text(json.dumps(document), encoding="utf-8")
    output = tmp_path / "report.html"
    assert run("report", *map(str, paths), "--output", str(output)).code == 0
    found = page(output)
    words = found.words
    for label, before, after in (
        ("position RMSE", "0.5", "0.25"),
        ("observations in 90 % interval", "50.0 %", "75.0 %"),
        ("log score of an observation", "-0.5", "-0.25"),
    ):
        begin = words.index(label)
        assert words[begin + 1 : begin + 5] == [before, "worse", after, "better"]
    begin = words.index("median answer in ms")
    assert words[begin + 1] == words[begin + 2]
    assert {"before.json", "after.json", "A", "B"} <= set(words)
    # each picture twice, and both on the same scales
    assert len(found.told()) == 16
    assert found.told().count(found.told()[0]) == 2


def test_a_stream_of_one_run_alone_is_shown_without_the_other(run: Run, tmp_path: Path) -> None:
    paths = [write_run(tmp_path / "a.json", "kalman-demo"), write_run(tmp_path / "b.json", "kalman-demo", "ar-demo")]
    output = tmp_path / "report.html"
    assert run("report", *map(str, paths), "--output", str(output)).code == 0
    words = page(output).words
    assert "A: not in this run" in words
    assert words.count("not in this run") == 8


def test_of_many_streams_the_least_calibrated_are_drawn_and_all_are_counted(run: Run, tmp_path: Path) -> None:
    document = run_document({f"pump {number}": "kalman-demo" for number in range(1, 31)}, length=60)
    document["series"]["pump 4"] |= {"status": "failed", "error": "the pump broke"}
    saved, output = tmp_path / "run.json", tmp_path / "report.html"
    saved.write_text(json.dumps(document), encoding="utf-8")
    assert run("report", str(saved), "--output", str(output)).code == 0
    found = page(output)
    assert any(text.startswith("6 of 30 streams are drawn one by one: those that did not") for text in found.words)
    sections = [values["id"] for tag, values in found.elements if tag == "section" and "id" in values]
    assert sections == ["all", *(f"stream-{number}" for number in range(1, 7))]
    for name in ("pump 4", *(f"pump {number}" for number in range(26, 31))):
        assert name in found.words
    assert "pump 25" not in found.words
    assert any("failed: the pump broke" in text for text in found.words)
    # the furthest from uniform of all, and the median of 0.01, 0.02, ... 0.3
    begin = found.words.index("PIT off uniform (5 % limit)")
    assert found.words[begin + 1] == "30"
    assert "0.155" in found.words[begin : begin + 6]
    assert "0.3 (0.1)" in found.words[begin : begin + 7]
    assert "pump 30" in found.words[begin : begin + 7]
    # 60 observations of each, of which the oracle leaves the first one undefined
    assert any("of 1,770 observations" in text for text in found.told())
    assert output.stat().st_size < 4_000_000


def test_streams_are_chosen_by_name(run: Run, tmp_path: Path) -> None:
    document = run_document({f"pump {number}": "kalman-demo" for number in range(1, 10)}, length=60)
    saved, output = tmp_path / "run.json", tmp_path / "report.html"
    saved.write_text(json.dumps(document), encoding="utf-8")
    arguments = ("report", str(saved), "--output", str(output), "--stream")
    assert run(*arguments, "pump 2", "--stream", "pump 7").code == 0
    words = page(output).words
    assert {"pump 2", "pump 7"} <= set(words)
    assert "pump 8" not in words
    outcome = run(*arguments, "pump 10")
    assert outcome.code == 2
    assert "no run has a stream 'pump 10'; there are pump 1, pump 2" in outcome.err


def test_names_from_a_file_are_text_and_never_markup(run: Run, tmp_path: Path) -> None:
    name = "<script>alert('&\"$x^2$')</script>"
    saved, output = tmp_path / "run.json", tmp_path / "report.html"
    saved.write_text(json.dumps(run_document({name: "kalman-demo"})), encoding="utf-8")
    assert run("report", str(saved), "--output", str(output), "--title", name).code == 0
    found = page(output)
    assert found.words.count(name) >= 2
    assert "script" not in {tag for tag, _ in found.elements}


def test_a_long_stream_is_thinned_and_the_page_says_so(run: Run, tmp_path: Path) -> None:
    saved = write_run(tmp_path / "run.json", "mixture-demo", length=20_000)
    output = tmp_path / "report.html"
    assert run("report", str(saved), "--output", str(output)).code == 0
    assert any("Of every 40 rows the lowest and the highest are drawn" in text for text in page(output).words)
    assert output.stat().st_size < 2_000_000


def test_without_the_libraries_the_extra_is_named(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name.startswith("stream_filters_client.report")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    outcome = run("report", str(write_run(tmp_path / "run.json", "kalman-demo")))
    assert outcome.code == 2
    assert "pip install 'stream-filters-client[report]'" in outcome.err


def test_a_summary_a_missing_file_and_an_output_nowhere_are_one_sentence(
    predictor: FakePredictor, run: Run, tmp_path: Path
) -> None:
    summary = tmp_path / "summary.json"
    summary.write_text(run("replay", "kalman-demo", "--target", predictor.target, "--json").out, encoding="utf-8")
    saved = str(write_run(tmp_path / "run.json", "kalman-demo"))
    for arguments, sentence in (
        ([str(summary)], "replay with --save FILE instead of --json"),
        ([saved, str(tmp_path / "none.json")], "none.json cannot be read"),
        ([saved, "--output", "/nowhere/report.html"], "/nowhere/report.html cannot be written"),
    ):
        outcome = run("report", *arguments)
        assert outcome.code == 2
        assert sentence in outcome.err
        assert "Traceback" not in outcome.err
