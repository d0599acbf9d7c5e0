"""``python -m tailrace.costs``: the costs of a stack, as tables."""

from __future__ import annotations

import sys

from tailrace.costs.stack_costs import main

if __name__ == "__main__":
    sys.exit(main())
