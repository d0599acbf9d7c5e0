"""Every public name can be imported from the package."""

from __future__ import annotations

import pytest

import tailrace


@pytest.mark.parametrize("name", tailrace.__all__)
def test_each_public_name_is_there(name: str) -> None:
    assert getattr(tailrace, name) is not None
