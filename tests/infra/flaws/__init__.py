"""Everything that may be wrong with the templates, planted one at a time: a line each, with who has to see it."""

from __future__ import annotations

from tests.infra.flaws import compute, identities, keys, messages, storage

FLAWS = (*messages.FLAWS, *storage.FLAWS, *identities.FLAWS, *keys.FLAWS, *compute.FLAWS)
