"""The reference of commands, API and database is what the code says."""

from __future__ import annotations

from pathlib import Path

from eisd.api import reference as api
from eisd.cli import printed_reference as printed
from eisd.cli import reference as commands
from eisd.store.migrations import views

PAGES = Path(__file__).parents[2] / "docs/reference"


def test_the_page_of_commands_is_current():
    """docs/reference/cli.md is made from the help pages: make docs"""
    assert (PAGES / "cli.md").read_text() == commands.render()


def test_the_page_of_json_is_current():
    """docs/reference/json.md is made from the shapes of answers: make docs"""
    assert (PAGES / "json.md").read_text() == printed.render()


def test_the_page_of_the_api_is_current():
    """docs/reference/api.md is made from the routes: make docs"""
    assert (PAGES / "api.md").read_text() == api.render()


def test_every_view_and_column_is_documented():
    """docs/reference/database.md has a section for each view, and in it each column, in order."""
    page = (PAGES / "database.md").read_text()

    for view, names in views().items():
        section = page.partition(f"## {view}\n")[2].partition("\n## ")[0]
        places = [section.find(f"`{name}`") for name in names]
        assert -1 not in places, (view, names[places.index(-1)])
