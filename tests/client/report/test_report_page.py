"""The page of a report in a real browser: everything is seen, nothing is asked for, on any screen and on paper."""

import json
from pathlib import Path
from typing import Literal

import pytest
from stream_filters_client.replays import runs
from stream_filters_client.report import content, page

from tests.browser import Browser
from tests.client.command import Run
from tests.client.made_runs import run_document

PICTURES = """
[...document.querySelectorAll('svg')].map(svg => {
  const box = svg.getBoundingClientRect();
  const drawn = [...svg.querySelectorAll('path, use')].filter(part => {
    const size = part.getBoundingClientRect();
    return size.width + size.height > 1;
  });
  return {width: box.width, height: box.height, right: box.right, drawn: drawn.length, told: svg.ariaLabel};
})
"""
COLOURS = """
(() => {
  const label = document.querySelector('svg text');
  return [getComputedStyle(document.body).backgroundColor, getComputedStyle(label).fill];
})()
"""
IDS = "[...document.querySelectorAll('[id]')].map(element => element.id)"


# the page is made once, for one worker
pytestmark = pytest.mark.xdist_group("report page")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A report of two runs with every model in them."""
    folder = tmp_path_factory.mktemp("report")
    found = []
    for score in (-1.5, -1.0):
        document = run_document({name: name for name in ("kalman-demo", "ar-demo", "mixture-demo")}, length=120)
        for series in document["series"].values():
            series["scores"]["log_score_mean"] = score
        path = folder / f"{score}.json"
        path.write_text(json.dumps(document), encoding="utf-8")
        found.append(runs.read(path))
    output = folder / "report.html"
    output.write_text(page.html(content.content(found, None, ())), encoding="utf-8")
    return output.as_uri()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
async def test_every_picture_is_seen_and_nothing_is_asked_for(
    browser: Browser, address: str, width: int, scheme: Literal["light", "dark"]
) -> None:
    visit = await browser.open(address, width=width, scheme=scheme)
    pictures = await visit.page.evaluate(PICTURES)
    assert len(pictures) == 2 * (8 + 8 + 10)
    for picture in pictures:
        assert picture["width"] > 300, picture
        assert 100 < picture["height"] < picture["width"], picture
        assert picture["right"] <= width, picture
        assert picture["drawn"] > 10, picture
        assert picture["told"], picture
    assert await visit.page.evaluate("document.documentElement.scrollWidth") <= width
    assert await visit.page.locator("table.scores").count() == 3
    assert await visit.page.locator(".better").count() > 0
    ids = await visit.page.evaluate(IDS)
    assert len(ids) == len(set(ids))
    assert visit.complaints == []
    assert visit.requests == [address]


async def test_colours_follow_the_scheme(browser: Browser, address: str) -> None:
    light = await (await browser.open(address)).page.evaluate(COLOURS)
    dark = await (await browser.open(address, scheme="dark")).page.evaluate(COLOURS)
    assert light[0] == "rgb(255, 255, 255)"
    assert dark[0] == "rgb(24, 28, 33)"
    assert light[1] != dark[1]


async def test_on_paper_it_is_light_and_each_stream_begins_a_page(browser: Browser, address: str) -> None:
    visit = await browser.open(address, scheme="dark")
    pdf = await visit.page.pdf(prefer_css_page_size=True)
    assert pdf.startswith(b"%PDF")
    await visit.page.emulate_media(media="print", color_scheme="dark")
    assert (await visit.page.evaluate(COLOURS))[0] == "rgb(255, 255, 255)"
    breaks = "[...document.querySelectorAll('.stream')].map(part => getComputedStyle(part).breakBefore)"
    assert await visit.page.evaluate(breaks) == ["auto", "page", "page"]


async def test_links_lead_to_their_streams(browser: Browser, address: str) -> None:
    visit = await browser.open(address)
    await visit.page.get_by_role("link", name="mixture-demo").click()
    assert (
        await visit.page.evaluate("document.querySelector(':target h2').textContent") == "mixture-demo adaptive_mixture"
    )
    assert await visit.page.evaluate("document.querySelector(':target').getBoundingClientRect().top < 100")


async def test_a_name_that_is_markup_is_shown_as_it_is(browser: Browser, run: Run, tmp_path: Path) -> None:
    name = "<img src=x onerror=console.error(1)>"
    saved, output = tmp_path / "run.json", tmp_path / "report.html"
    saved.write_text(json.dumps(run_document({name: "kalman-demo"})), encoding="utf-8")
    assert run("report", str(saved), "--output", str(output)).code == 0
    visit = await browser.open(output.as_uri())
    assert name in await visit.page.locator("h2").nth(1).inner_text()
    assert visit.requests == [output.as_uri()]
    assert visit.complaints == []
