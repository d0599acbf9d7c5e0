import json
import shutil
import subprocess
import tarfile
from pathlib import Path

from .conftest import Trained, environment, trained_at


def test_it_learns_and_reports_what_it_is_worth_on_rows_not_seen(trained: Trained) -> None:
    assert 0.85 < trained.report["r2"] < 0.97  # the noise in the data forbids more
    assert 0.4 < trained.report["r2_unknown"] < trained.report["r2"]
    assert trained.report["size_bytes"] == trained.archive.stat().st_size
    assert 0 < trained.report["seconds"] < trained.took_s


def test_training_again_gives_the_same_bytes(model_python: Path, trained: Trained, tmp_path: Path) -> None:
    again = tmp_path / "made" / "model.tar.gz"
    trained_at(model_python, again)
    assert again.read_bytes() == trained.archive.read_bytes()
    assert [path.name for path in again.parent.iterdir()] == ["model.tar.gz"]


def test_the_archive_holds_the_model_and_nothing_else(trained: Trained) -> None:
    with tarfile.open(trained.archive) as files:
        assert files.getnames() == ["model.json", "trees.joblib"]


def test_keep_trains_only_what_is_not_there_or_made_of_something_else(
    model_python: Path, trained: Trained, tmp_path: Path
) -> None:
    kept = Path(shutil.copy(trained.archive, tmp_path))
    assert trained_at(model_python, kept, "--keep").stdout == ""
    assert json.loads(trained_at(model_python, kept, "--keep", "--seed", "3").stdout)["seed"] == 3
    kept.write_bytes(b"half a file")
    assert json.loads(trained_at(model_python, kept, "--keep").stdout)["output"] == str(kept)


def test_a_model_of_other_versions_is_not_served(model_python: Path, trained: Trained, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(trained.folder, tmp_path / "old"))
    facts = json.loads((folder / "model.json").read_bytes())
    (folder / "model.json").write_text(json.dumps({**facts, "scikit-learn": "0.1"}))
    ended = subprocess.run(
        [model_python, "-m", "tailrace_local.demo.model", "serve"],
        env=environment(SM_MODEL_DIR=str(folder), SAGEMAKER_BIND_TO_PORT="0"),
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 1
    assert "'scikit-learn': '0.1'" in ended.stderr
