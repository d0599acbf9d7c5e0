"""The command `tailrace prepare`: files, reports, exit codes."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from tailrace.cli.application import run
from tailrace.cli.environment import Environment

ROOT = Path(__file__).parents[5]
RECIPE = """
target = "y"
[columns.x]
strip = true
to = "number"
on_error = "null"
fill = "median"
[columns.y]
to = "number"
"""
RAW = b"id,x,y\n1, 2 ,5\n2,n/a,6\n3,4,bad\n4,6,7\n"


@dataclass
class Shown:
    code: int
    out: bytes
    err: str


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "recipe.toml").write_text(RECIPE)
    (tmp_path / "raw.csv").write_bytes(RAW)
    return tmp_path


def prepare(folder: Path, *arguments: str, stdin: bytes = b"") -> Shown:
    out, err = io.BytesIO(), io.StringIO()
    environment = Environment(stdin=io.BytesIO(stdin), stdout=out, stderr=err)
    named = [str(folder / each) if each.endswith((".csv", ".toml", ".json")) else each for each in arguments]
    return Shown(run(["prepare", *named], environment), out.getvalue(), err.getvalue())


def test_rejected_rows_are_counted_reported_and_end_with_3(folder: Path) -> None:
    shown = prepare(
        folder, "raw.csv", "-o", "out.csv", "--recipe", "recipe.toml", "--report", "r.json", "--rejects", "rejects.csv"
    )
    assert shown.code == 3
    assert not shown.out
    assert (folder / "out.csv").read_bytes() == b"id,x,y\n1,2,5\n2,4,6\n4,6,7\n"
    assert (folder / "rejects.csv").read_bytes() == (
        b"row,reason,id,x,y\n2,\"not a finite number: 'bad' in column 'y'\",3,4,bad\n"
    )
    assert json.loads((folder / "fitted.json").read_bytes())["fitted"] == {"x": "4"}
    assert json.loads((folder / "r.json").read_bytes()) == {
        "recipe": str(folder / "recipe.toml"),
        "rows_read": 4,
        "rows_written": 3,
        "rows_rejected": 1,
        "rows_dropped": 0,
        "first_rejects": [{"row": 2, "reason": "not a finite number: 'bad' in column 'y'"}],
        "columns": {
            "x": {"missing": 0, "wrong": 1, "nulls": 1, "filled": 1, "changed": 1, "fill": "4"},
            "y": {"missing": 0, "wrong": 1, "nulls": 0, "filled": 0, "changed": 0, "fill": None},
        },
    }
    assert shown.err == (
        "4 rows read: 3 written, 1 rejected, 0 dropped\n"
        "  x: 1 rewritten, 1 not numbers, 1 filled with 4\n"
        "  y: 1 not numbers\n"
        "  row 2 rejected: not a finite number: 'bad' in column 'y'\n"
        f"score with the same recipe: tailrace submit FILE --recipe {folder / 'fitted.json'}\n"
    )


def test_a_slow_preparation_tells_how_far_it_is(folder: Path) -> None:
    err = io.StringIO()
    ticks = iter(range(0, 1000, 7))
    environment = Environment(stdout=io.BytesIO(), stderr=err, clock=lambda: float(next(ticks)))
    files = [str(folder / "raw.csv"), "-o", str(folder / "out.csv"), "--recipe", str(folder / "recipe.toml")]
    assert run(["prepare", *files], environment) == 3
    # Both passes: one computes the median, one writes.
    assert err.getvalue().startswith("4 rows read\n4 rows read\n4 rows read: 3 written")


def test_another_output_leaves_the_values_that_a_model_was_trained_with(folder: Path) -> None:
    prepare(folder, "raw.csv", "-o", "out.csv", "--recipe", "recipe.toml")
    before = (folder / "fitted.json").read_bytes()
    (folder / "raw.csv").write_text("x,y\n9,1\n,2\n")
    shown = prepare(folder, "raw.csv", "-o", "other.csv", "--recipe", "recipe.toml")
    assert (shown.code, (folder / "fitted.json").read_bytes()) == (2, before)
    assert "name another file with --fitted" in shown.err
    assert not (folder / "other.csv").exists()
    assert prepare(folder, "raw.csv", "-o", "out.csv", "--recipe", "recipe.toml").code == 0
    assert (folder / "fitted.json").read_bytes() != before


def test_a_fitted_recipe_prepares_other_rows_with_the_same_values(folder: Path) -> None:
    assert prepare(folder, "raw.csv", "-o", "out.csv", "--recipe", "recipe.toml", "-q").code == 3
    before = (folder / "fitted.json").read_bytes()
    shown = prepare(folder, "-", "-o", "-", "--recipe", "fitted.json", stdin=b"x,y\n100,1\n,2\n")
    assert (shown.code, shown.out) == (0, b"x,y\n100,1\n4,2\n")
    assert (folder / "fitted.json").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("raw.csv", "-o", "out.csv"), "--recipe is missing"),
        (("raw.csv", "--recipe", "recipe.toml"), "--output is missing"),
        (("raw.csv", "-o", "raw.csv", "--recipe", "recipe.toml"), "which it would replace"),
        (("raw.csv", "-o", "recipe.toml", "--recipe", "recipe.toml"), "which it would replace"),
        (("raw.csv", "-o", "out.csv", "--recipe", "recipe.toml", "--rejects", "out.csv"), "name two files"),
        (("raw.csv", "-o", "out.csv", "--recipe", "recipe.toml", "--report", "-"), "standard output is for the rows"),
        (("none.csv", "-o", "out.csv", "--recipe", "recipe.toml"), "does not exist"),
        (("raw.csv", "-o", "out.csv", "--recipe", "none.toml"), "cannot be read"),
        (("-", "-o", "out.csv", "--recipe", "recipe.toml"), "can be read once"),
        (("s3://b/k", "-o", "out.csv", "--recipe", "recipe.toml"), "no access to S3"),
    ],
)
def test_a_wrong_call_ends_with_2_and_writes_nothing(folder: Path, arguments: tuple[str, ...], said: str) -> None:
    before = sorted(folder.iterdir())
    shown = prepare(folder, *arguments)
    assert shown.code == 2
    assert said in shown.err
    assert sorted(folder.iterdir()) == before


def test_no_clobber_refuses_each_file_that_is_there(folder: Path) -> None:
    (folder / "fitted.json").write_text("{}")
    shown = prepare(folder, "raw.csv", "-o", "out.csv", "--recipe", "recipe.toml", "--no-clobber")
    assert shown.code == 2
    assert "fitted.json exists" in shown.err


def test_a_suggested_recipe_says_what_was_seen_and_prepares_the_data(folder: Path) -> None:
    (folder / "raw.csv").write_bytes(b"id,unit price,name\n1, 2.5 ,a\n2,n/a, b\n3,,\n" + b"4,7,c\n" * 7 + b"5\n")
    shown = prepare(folder, "--suggest", "raw.csv", "-o", "suggested.toml")
    assert shown.code == 0
    text = (folder / "suggested.toml").read_text()
    assert "# unit price: 8 numbers, 1 empty, 1 other texts, 1 with blanks around\n" in text
    assert "# no numbers: 'n/a' 1 times\n" in text
    assert tomllib.loads(text)["columns"] == {
        "id": {"to": "number"},
        "unit price": {"strip": True, "to": "number", "on_error": "null", "fill": "median"},
        "name": {"strip": True},
    }
    shown = prepare(folder, "raw.csv", "-o", "out.csv", "--recipe", "suggested.toml")
    assert shown.code == 3  # the row of one field
    assert (folder / "out.csv").read_bytes().startswith(b"id,unit price,name\n1,2.5,a\n2,7,b\n3,7,\n4,7,c\n")


def test_a_suggestion_finds_the_dialect(folder: Path) -> None:
    (folder / "raw.csv").write_bytes("a;b\n1,5;é\n2,5;x\n".encode("cp1252"))
    shown = prepare(folder, "--suggest", "raw.csv")
    assert tomllib.loads(shown.out.decode())["input"] == {"delimiter": ";", "encoding": "cp1252", "decimal": ","}
    (folder / "raw.csv").write_bytes("a;b\n1.234,5;1\n200.000,0;01.02.2025\n".encode("latin-1"))
    shown = prepare(folder, "--suggest", "raw.csv")
    assert tomllib.loads(shown.out.decode())["input"] == {"delimiter": ";", "decimal": ",", "thousands": "."}
    assert b"# b: 1 numbers, 1 other texts\n" in shown.out
    (folder / "raw.csv").write_bytes(b'a,b,c\n"1,234.5",x,\n"2,000",y,""\n3,z,\n')
    shown = prepare(folder, "--suggest", "raw.csv")
    assert tomllib.loads(shown.out.decode())["input"] == {"thousands": ","}
    assert b"# a: 3 numbers\n" in shown.out
    assert b"# [columns.b]  # nothing to do\n" in shown.out
    assert b"# [columns.c]  # always empty: leave it out with select\n" in shown.out
    (folder / "raw.csv").write_bytes("a\tb\n1\t2\n".encode("utf-16"))
    shown = prepare(folder, "--suggest", "raw.csv")
    assert tomllib.loads(shown.out.decode())["input"] == {"delimiter": "\t", "encoding": "utf-16"}
    (folder / "raw.csv").write_bytes("a;b\n1;2\n".encode("utf-16-le"))
    shown = prepare(folder, "--suggest", "raw.csv")
    assert tomllib.loads(shown.out.decode())["input"] == {"delimiter": ";", "encoding": "utf-16-le"}


@pytest.mark.parametrize(
    ("raw", "advice"),
    [
        (b"x;y\n1;2\n", "or name its delimiter in a recipe of tailrace prepare"),
        ("x,y\n1,2\n".encode("utf-16"), "or name its encoding in a recipe of tailrace prepare"),
        (b"x,y\n", "if its first record is data, treat the file as one without a header"),
        (b"", "is empty: it needs a header, and rows below it"),
    ],
)
def test_an_error_of_the_input_names_what_a_recipe_can_do(folder: Path, raw: bytes, advice: str) -> None:
    (folder / "raw.csv").write_bytes(raw)
    shown = prepare(folder, "raw.csv", "-o", "out.csv", "--recipe", "recipe.toml")
    assert shown.code == 2
    assert advice in shown.err


def test_the_examples_of_the_documentation_run(folder: Path) -> None:
    text = (ROOT / "docs/preparing.md").read_text()
    recipe = text.split("```toml\n")[1].split("```")[0]
    (folder / "recipe.toml").write_text(recipe)
    (folder / "raw.csv").write_bytes(b"unit price;region;unit_sales\n 1,5 ;a;3\nn/a;b;4\n2;c;\n")
    assert prepare(folder, "raw.csv", "-o", "train.csv", "--recipe", "recipe.toml").code == 0
    assert (folder / "train.csv").read_bytes() == b"price,region,unit_sales\n1.5,a,3\n1.5,b,4\n"
    program = text.split("```python\n")[1].split("```")[0]
    (folder / "raw.csv").write_bytes(b'price\n 1\n2\n""\n')
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout == "3 1\n"


def test_without_polars_the_message_names_the_extra(folder: Path) -> None:
    program = "import sys; sys.modules['polars'] = None\nfrom tailrace.cli import main\nmain()"
    for command in (
        ("prepare", "raw.csv", "-o", "out.csv", "--recipe", "recipe.toml"),
        ("submit", "raw.csv", "--recipe", "recipe.toml", "--dry-run"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", program, *command], cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert done.stderr == "tailrace: preparing data needs polars: install tailrace[prepare]\n"


def test_the_dry_run_of_a_submit_prepares_the_rows(folder: Path) -> None:
    prepare(folder, "raw.csv", "-o", "out.csv", "--recipe", "recipe.toml", "-q")
    out, err = io.BytesIO(), io.StringIO()
    arguments = ["submit", str(folder / "raw.csv"), "--recipe", str(folder / "fitted.json"), "--dry-run", "--json"]
    assert run(arguments, Environment(stdout=out, stderr=err)) == 0, err.getvalue()
    # `id` and `x` of four rows, the padded number without its blanks.
    found = json.loads(out.getvalue())
    assert (found["rows"], found["rows_rejected"], found["upload_bytes"]) == (4, 0, 16)
