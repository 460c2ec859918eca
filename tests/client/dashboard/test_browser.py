"""The browser of the tests hears what a page complains of, and sees what it asks for."""

from pathlib import Path

from tests.browser import Browser


async def test_a_quiet_page_asks_for_nothing_but_itself(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "quiet.html"
    path.write_text("<!doctype html><title>quiet</title><p>nothing to add", encoding="utf-8")
    visit = await browser.open(path.as_uri())
    assert await visit.page.title() == "quiet"
    assert visit.requests == [path.as_uri()]
    assert visit.complaints == []


async def test_what_leaves_a_page_and_what_fails_in_it_is_noticed(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "loud.html"
    path.write_text(
        "<!doctype html><title>loud</title><img src='http://pictures.invalid/a.png'>"
        "<script>new WebSocket('ws://sockets.invalid/live').onerror = () => { document.title = 'refused' };"
        "console.warn('hot'); throw new Error('broken')</script>",
        encoding="utf-8",
    )
    visit = await browser.open(path.as_uri())
    await visit.page.wait_for_function("document.title == 'refused'")
    assert set(visit.requests) == {path.as_uri(), "http://pictures.invalid/a.png", "ws://sockets.invalid/live"}
    heard = "\n".join(visit.complaints)
    assert "warning: hot" in heard
    assert "broken" in heard
    assert "net::ERR_NAME_NOT_RESOLVED" in heard


async def test_a_page_is_told_the_size_and_the_scheme(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "sized.html"
    path.write_text("<!doctype html><meta name=viewport content='width=device-width'><p>x", encoding="utf-8")
    visit = await browser.open(path.as_uri(), width=390, height=844, scheme="dark")
    assert await visit.page.evaluate("[innerWidth, innerHeight]") == [390, 844]
    assert await visit.page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
