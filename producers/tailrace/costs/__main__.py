"""``python -m tailrace.costs``: prints what a stack costs, as tables."""

from __future__ import annotations

import sys

from tailrace.costs.report import main

if __name__ == "__main__":
    sys.exit(main())
