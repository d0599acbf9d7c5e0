"""The code of a notebook as one script, for type checkers: ``python -m tests.notebooks FILE``."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def notebook_code(path: Path) -> str:
    """Return the code cells, one after the other."""
    cells = json.loads(path.read_text())["cells"]
    return "\n".join("".join(each["source"]) for each in cells if each["cell_type"] == "code") + "\n"


if __name__ == "__main__":
    print(notebook_code(Path(sys.argv[1])))
