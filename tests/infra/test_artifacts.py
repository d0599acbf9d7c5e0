"""The artifacts as the Makefile builds them, imported as Lambda would, with nothing else on the path."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.faults import sample_events
from tests.infra import plain_events
from tests.infra.templates import ROOT, functions

RUNTIME = ROOT / ".tools/lambda/bin/python"  # the runtime client and boto3, as in AWS's runtime
LOCKED = {
    "annotated_types",
    "aws_lambda_powertools",
    "jmespath",
    "pydantic",
    "pydantic_core",
    "typing_extensions.py",
    "typing_inspection",
}
OF_CUTTERS = {"numpy", "numpy.libs", "zstandard"}
CUTTERS = {"CountStripe", "SumStripes", "CutStripe", "StartJobs"}
"""Functions that read sources, and carry NumPy and zstandard for that."""
OURS = {"tailrace_core", "tailrace_consumers"}
FUNCTIONS = functions()
HANDLERS = {key: resource["Properties"]["Handler"] for key, resource in FUNCTIONS.items()}
PLAIN = plain_events.events()
OTHER_VALUES = {
    "POWERTOOLS_LOG_LEVEL": "INFO", "POWERTOOLS_METRICS_DISABLED": "false", "TAILRACE_BATCH_TRANSFORM": "false",
    "TAILRACE_ENDPOINT_KIND": "async", "TAILRACE_REST_ENGINE": "async", "TAILRACE_TRANSFORM_INSTANCE_COUNT": "1",
}  # fmt: skip
# Unzipped: 10.4 MB, of which 5.0 are pydantic's compiled core; there were 6.4 more that no function
# imports.
SIZE_LIMIT_BYTES = 12 * 1024 * 1024
# Unzipped: 72 MB, of which NumPy and its OpenBLAS are 48 and zstandard 11. Lambda takes 250.
CUTTERS_LIMIT_BYTES = 80 * 1024 * 1024
BARE = {"ProvideModel"}
BARE_LIMIT_BYTES = 3 * 1024 * 1024


def runtime_version() -> str:
    ask = "import sys; print('%d.%d' % sys.version_info[:2])"
    return subprocess.run([RUNTIME, "-c", ask], capture_output=True, text=True, check=True, timeout=300).stdout.strip()


def make(tree: Path, function: str, into: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Build one function of a checkout as `sam build` does."""
    return subprocess.run(
        ["make", "--makefile", "Makefile", f"build-{function}"],
        cwd=tree / "consumers",
        env={**os.environ, "ARTIFACTS_DIR": str(into), "TAILRACE_BUILD_PYTHON": runtime_version(), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with two functions, code that they share, and files that must not ship."""
    tree = tmp_path_factory.mktemp("checkout")
    (tree / ".tools").symlink_to(ROOT / ".tools")
    package = tree / "consumers/tailrace_consumers"
    for name in ("Makefile", "requirements.txt", "requirements-cutting.txt"):
        (package.parent / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "consumers" / name, package.parent / name)
    sources = {
        "__init__.py": "",
        "py.typed": "",
        "envelopes.py": "BODY = 'body'\n",
        "adapters/__init__.py": "",
        "adapters/table.py": "import boto3\n",
        "collect_results/__init__.py": "",
        "collect_results/handler.py": (
            "import aws_lambda_powertools.logging, pydantic, tailrace_core\n"
            "from tailrace_consumers import envelopes\n"
            "from tailrace_consumers.adapters import table\n"
            "def handler(event, context):\n    return {'batchItemFailures': []}\n"
        ),
        "collect_results/__pycache__/stale.pyc": "stale",
        "dispatch_retries/__init__.py": "",
        "dispatch_retries/handler.py": "",
        "files/__init__.py": "",
        "files/stripes.py": "STRIPE = 1\n",
        "files/fail_cutting/__init__.py": "",
        "files/fail_cutting/handler.py": "from tailrace_consumers.files import stripes\nhandler = print\n",
        "files/seal_cutting/__init__.py": "",
        "files/seal_cutting/handler.py": "",
    }
    for name, text in sources.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text)
    (tree / "shared/tailrace_core").mkdir(parents=True)
    (tree / "shared/tailrace_core/__init__.py").write_text('"""The core."""\n')
    return tree


@pytest.fixture(scope="module")
def artifact(checkout: Path) -> Path:
    built = make(checkout, "CollectResults", checkout / "artifact")
    assert built.returncode == 0, built.stderr
    return checkout / "artifact"


def top_level(artifact: Path) -> set[str]:
    return {entry.name for entry in artifact.iterdir() if not entry.name.endswith((".dist-info", "__pycache__"))}


def files(artifact: Path) -> dict[str, bytes]:
    return {str(path.relative_to(artifact)): path.read_bytes() for path in artifact.rglob("*") if path.is_file()}


def import_alone(artifact: Path, handler: str) -> subprocess.CompletedProcess[str]:
    """Import a handler in isolation; the answer says whether its code came from .pyc files."""
    module, _, name = handler.rpartition(".")
    code = (
        f"import sys, importlib; sys.path.insert(0, {str(artifact)!r})\n"
        f"module = importlib.import_module({module!r})\n"
        f"assert callable(module.{name})\n"
        "assert module.__spec__.cached and __import__('os').path.exists(module.__spec__.cached), 'no .pyc'\n"
    )
    return subprocess.run(
        [RUNTIME, "-I", "-B", "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={"AWS_DEFAULT_REGION": "eu-west-1"},
    )


def test_an_artifact_holds_the_locked_dependencies_and_our_two_packages(artifact: Path) -> None:
    assert top_level(artifact) == LOCKED | OURS


def test_an_artifact_holds_the_shared_modules_and_no_other_function(artifact: Path) -> None:
    inside = {path.name for path in (artifact / "tailrace_consumers").iterdir()}
    assert inside == {"__init__.py", "__pycache__", "adapters", "collect_results", "envelopes.py"}


def test_a_function_of_a_group_has_the_groups_modules_and_no_other_function(checkout: Path, tmp_path: Path) -> None:
    built = make(checkout, "FailCutting", tmp_path / "artifact")
    assert built.returncode == 0, built.stderr
    inside = {path.name for path in (tmp_path / "artifact/tailrace_consumers").iterdir()}
    assert inside == {"__init__.py", "__pycache__", "adapters", "envelopes.py", "files"}
    files = {path.name for path in (tmp_path / "artifact/tailrace_consumers/files").iterdir()}
    assert files == {"__init__.py", "__pycache__", "stripes.py", "fail_cutting"}
    done = import_alone(tmp_path / "artifact", "tailrace_consumers.files.fail_cutting.handler.handler")
    assert done.returncode == 0, done.stderr


def test_an_artifact_imports_with_nothing_but_the_runtime_beside_it(artifact: Path) -> None:
    done = import_alone(artifact, "tailrace_consumers.collect_results.handler.handler")
    assert done.returncode == 0, done.stderr


def test_every_module_is_compiled_once_and_unchecked(artifact: Path) -> None:
    sources = set(artifact.rglob("*.py"))
    compiled = {path.parent.parent / f"{path.name.partition('.')[0]}.py": path for path in artifact.rglob("*.pyc")}
    assert compiled.keys() == sources
    # PEP 552: bit 0 says hash-based, bit 1 says checked against the source.
    assert {path.read_bytes()[4:8] for path in compiled.values()} == {b"\1\0\0\0"}


def test_an_artifact_tells_scanners_its_versions_and_nothing_else_about_its_distributions(artifact: Path) -> None:
    assert {path.name for folder in artifact.glob("*.dist-info") for path in folder.rglob("*")} == {"METADATA"}
    assert {folder.name.partition("-")[0] for folder in artifact.glob("*.dist-info")} >= {
        "pydantic",
        "aws_lambda_powertools",
    }


def test_the_same_sources_give_the_same_artifact_wherever_it_is_built(
    artifact: Path, checkout: Path, tmp_path: Path
) -> None:
    cache = str(tmp_path / "cache")
    built = make(checkout, "CollectResults", tmp_path / "again", TAILRACE_BUILD_CACHE=cache)
    assert built.returncode == 0, built.stderr
    assert files(tmp_path / "again") == files(artifact)


def test_builds_at_once_do_not_disturb_each_other(checkout: Path, artifact: Path, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "TAILRACE_BUILD_PYTHON": runtime_version(),
        "TAILRACE_BUILD_CACHE": str(tmp_path / "cache"),
    }
    command = ["make", "--makefile", "Makefile", "build-CollectResults"]
    running = [
        subprocess.Popen(
            command,
            cwd=checkout / "consumers",
            env={**environment, "ARTIFACTS_DIR": str(tmp_path / name)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for name in ("first", "second")
    ]
    assert [process.wait(timeout=300) for process in running] == [0, 0]
    assert files(tmp_path / "first") == files(tmp_path / "second") == files(artifact)
    assert len(list((tmp_path / "cache/dependencies").iterdir())) == 1
    assert list((tmp_path / "cache/own").iterdir()) == []


def test_a_build_without_an_interpreter_of_the_version_says_that_it_is_not_compiled(
    checkout: Path, tmp_path: Path
) -> None:
    nowhere = str(tmp_path / "python")
    built = make(checkout, "CollectResults", tmp_path / "out", TAILRACE_BUILD_INTERPRETER=nowhere)
    assert built.returncode == 0, built.stderr
    assert "built without .pyc files" in built.stderr
    assert list((tmp_path / "out").rglob("*.pyc")) == []


def test_a_build_for_the_templates_runtime_takes_its_binaries(checkout: Path, tmp_path: Path) -> None:
    (runtime,) = {key["Properties"]["Runtime"] for key in FUNCTIONS.values()}
    version = runtime.removeprefix("python")
    built = make(checkout, "CollectResults", tmp_path / "out", TAILRACE_BUILD_PYTHON="")
    assert built.returncode == 0, built.stderr
    (binary,) = (tmp_path / "out/pydantic_core").glob("*.so")
    assert f"cpython-{version.replace('.', '')}-x86_64-linux-gnu" in binary.name


def test_a_function_without_a_handler_fails_the_build_and_names_the_file(checkout: Path, tmp_path: Path) -> None:
    built = make(checkout, "ReconcileJobs", tmp_path / "out")
    assert built.returncode != 0
    assert "consumers/tailrace_consumers/reconcile_jobs/handler.py" in built.stderr


def test_a_copy_without_the_core_fails_the_build_and_says_what_to_do(checkout: Path, tmp_path: Path) -> None:
    shutil.copytree(checkout / "consumers", tmp_path / "consumers")
    built = make(tmp_path, "CollectResults", tmp_path / "out", TAILRACE_BUILD_CACHE=str(checkout / ".tailrace/build"))
    assert built.returncode != 0
    assert "--build-in-source" in built.stderr


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings")
    sample_events.main(folder)
    plain_events.write(folder)
    return folder


@pytest.mark.parametrize("function", HANDLERS)
def test_a_function_of_the_template_builds_stays_small_and_starts_alone(
    function: str, recordings: Path, tmp_path: Path
) -> None:
    built = make(ROOT, function, tmp_path / "artifact")
    assert built.returncode == 0, built.stderr
    locked = LOCKED | OF_CUTTERS if function in CUTTERS else LOCKED
    assert top_level(tmp_path / "artifact") == (OURS if function in BARE else locked | OURS)
    limit_bytes = BARE_LIMIT_BYTES if function in BARE else SIZE_LIMIT_BYTES
    limit_bytes = CUTTERS_LIMIT_BYTES if function in CUTTERS else limit_bytes
    assert sum(map(len, files(tmp_path / "artifact").values())) < limit_bytes
    done = import_alone(tmp_path / "artifact", HANDLERS[function])
    assert done.returncode == 0, done.stderr
    if function not in PLAIN:
        return
    said = handle_first_event(tmp_path / "artifact", function, recordings)
    assert said["answer"] == PLAIN[function]["expected"], said["log"]
    # The imports of boto3 take longer than all others together.
    assert {"boto3", "botocore.session", "urllib3", "asyncio"} & set(said["modules"]) == set()
    assert ("numpy" in said["modules"]) == (function in {"CountStripe", "CutStripe"})


OUTCOMES = {
    "CollectResults": "ChunksScored",
    "HandleFailures": "ChunksRetrying",
    "DispatchRetries": "ChunksInvoked",
    "ReconcileJobs": "JobsPastDeadline",
}
TRACE = "1-5759e988-bd862e3fe1be46a994272793"


def handle_first_event(artifact: Path, function: str, recordings: Path) -> dict[str, Any]:
    """Run `tests.infra.first_event` on an artifact that is read-only, traced, and alone with the runtime."""
    folder = HANDLERS[function].removeprefix("tailrace_consumers.").removesuffix(".handler.handler")
    recording = recordings / f"{function if function in PLAIN else folder}.json"
    for path in artifact.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    variables: dict[str, Any] = FUNCTIONS[function]["Properties"]["Environment"]["Variables"]
    named = {name: name.lower() for name, value in variables.items() if not isinstance(value, str)}
    done = subprocess.run(
        [RUNTIME, "-I", "-W", "error", Path(__file__).with_name("first_event.py"), artifact, folder, recording],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={
            **{name: value for name, value in variables.items() if isinstance(value, str)},
            **({**named, **OTHER_VALUES} if function in PLAIN else {}),
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "_X_AMZN_TRACE_ID": f"Root={TRACE};Parent=0;Sampled=1",
        },
    )  # fmt: skip
    for path in (artifact, *artifact.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


@pytest.mark.parametrize("function", OUTCOMES)
def test_a_built_function_handles_an_ordinary_event_with_what_its_artifact_holds(
    function: str, recordings: Path, tmp_path: Path
) -> None:
    assert make(ROOT, function, tmp_path / "artifact").returncode == 0
    before = set(files(tmp_path / "artifact"))
    said = handle_first_event(tmp_path / "artifact", function, recordings)
    assert said["answer"] == ({} if function == "ReconcileJobs" else {"batchItemFailures": []}), said["log"]
    assert OUTCOMES[function] in set().union(*said["log"])
    assert said["log"][0]["xray_trace_id"] == TRACE
    assert set(files(tmp_path / "artifact")) == before


def test_a_start_does_without_what_costs_time_and_is_not_needed(recordings: Path, tmp_path: Path) -> None:
    assert make(ROOT, "CollectResults", tmp_path / "artifact").returncode == 0
    said = handle_first_event(tmp_path / "artifact", "CollectResults", recordings)
    # Powertools imports the package botocore, of which its session is the large part.
    unneeded = {"boto3", "botocore.session", "urllib3", "s3transfer", "asyncio", "multiprocessing", "unittest"}
    assert unneeded & set(said["modules"]) == set()
    assert said["collects as before"]


@pytest.mark.parametrize("module", ["aws_lambda_powertools/logging", "pydantic/type_adapter.py"])
def test_an_artifact_that_lacks_what_is_needed_is_noticed(module: str, recordings: Path, tmp_path: Path) -> None:
    assert make(ROOT, "CollectResults", tmp_path / "artifact").returncode == 0
    lost = tmp_path / "artifact" / module
    if lost.is_dir():
        shutil.rmtree(lost)
    else:
        lost.unlink()
    with pytest.raises(AssertionError, match="ModuleNotFoundError"):
        handle_first_event(tmp_path / "artifact", "CollectResults", recordings)
