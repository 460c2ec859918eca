"""The picture of the dashboard for the docs, from a real run: a part of `make pictures`. Needs Chromium.

python -m tools.dashboard_picture COMMAND FILE.png SCENARIO ...
"""

import re
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from tools.processes import predictor
from tools.programs import chromium

_WIDTH, _HEIGHT = 1280, 900
# so many observations in, with changes of regime behind and everything learnt that there is to learn
_OBSERVATIONS = 480
_DEADLINE_MILLISECONDS = 180_000
_FAR_ENOUGH = """count => [...(Bokeh.documents[0]?.all_models ?? [])].some(
    model => model.type == 'ColumnDataSource' && (model.data.observed_1 || []).length >= count)"""


def main() -> int:
    """Replay the scenarios on a dashboard, and keep what a browser shows of it."""
    command, target, *scenarios = sys.argv[1:]
    browser = chromium()
    if browser is None:
        sys.exit("Chromium is needed for the pictures: install the package chromium")
    with predictor() as (grpc, _):
        options = ["--target", grpc, "--port", "0", "--no-open", "--rate", "40", "--length", str(10 * _OBSERVATIONS)]
        dashboard = subprocess.Popen(  # noqa: S603
            [command, "dashboard", *scenarios, *options], stdout=subprocess.PIPE, text=True
        )
        try:
            _shoot(browser, _address(dashboard), Path(target))
        finally:
            dashboard.terminate()
            dashboard.wait(timeout=60)
    print(target)  # noqa: T201
    return 0


def _address(dashboard: subprocess.Popen[str]) -> str:
    """Where the page is, as the command says once it is there."""
    assert dashboard.stdout is not None  # noqa: S101
    line = dashboard.stdout.readline()
    if (found := re.search(r"http://\S+/", line)) is None:
        raise RuntimeError(f"the dashboard did not start: {line}")
    return found[0]


def _shoot(chromium: str, url: str, target: Path) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": _WIDTH, "height": _HEIGHT})
        page.goto(url)
        page.wait_for_function(_FAR_ENOUGH, arg=_OBSERVATIONS, timeout=_DEADLINE_MILLISECONDS)
        page.screenshot(path=target, full_page=True, timeout=_DEADLINE_MILLISECONDS)
        browser.close()


if __name__ == "__main__":
    sys.exit(main())
