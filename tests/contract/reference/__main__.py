"""Writes the pages of the reference."""

from __future__ import annotations

from tests.contract.reference.pages import PAGES, path_of

for name, page in PAGES.items():
    path_of(name).write_text(page(), encoding="utf-8")
