"""Pages in headless Chromium: quiet on the console, and nothing asked for over a network."""

from pathlib import Path

import pytest

from builders.browser import CHROMIUM, visit
from foldline.report import Page

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="the Debian package chromium is not installed")


def test_a_visit_sees_errors_and_requests(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text('<script>console.error("bad")</script><img src="http://127.0.0.1:9/picture.png">')
    seen = visit(page, tmp_path)
    assert any("bad" in line for line in seen.console)
    assert seen.requests == ["http://127.0.0.1:9/picture.png"]


def test_a_report_page_is_quiet_and_escapes_what_it_shows(tmp_path: Path) -> None:
    page = Page("Title <b>", "Subtitle")
    page.heading("Figures")
    page.figures({"rows": 336_776, "share": 0.123456, "text": "<script>console.error(1)</script>"})
    page.table(["name", "value"], [["a", 1], ["link", None]], links={"link": "other.html"})
    page.text("All is well.", "good")
    page.write(tmp_path / "report" / "page.html")
    seen = visit(tmp_path / "report" / "page.html", tmp_path)
    assert seen.console == []
    assert seen.requests == []
    assert "336 776" in seen.document
    assert "0.1235" in seen.document
    assert 'href="other.html"' in seen.document
