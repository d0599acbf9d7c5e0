"""A model server that does not answer: the endpoint's reason says how it is and what it wrote."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tailrace_local.sagemaker import ImageCommand

from .cloud import IMAGE, REGION
from .conftest import MakeLab

SERVER = Path(__file__).parents[1] / "own_model.py"


@pytest.mark.parametrize(
    ("wrong", "reasons"),
    [
        ("crash", ["ended with status 1", "cannot load the model: the file is from another version"]),
        ("port", ["the process listens on port ", "SAGEMAKER_BIND_TO_PORT", "own model: weight 1.0"]),
        ("silence", ["the process runs and does not listen on port ", "own model: weight 1.0"]),
    ],
)
def test_the_endpoints_reason_shows_the_process_and_the_end_of_its_log(
    make_lab: MakeLab, wrong: str, reasons: list[str]
) -> None:
    lab = make_lab(
        startup_timeout_s=60 if wrong == "crash" else 3, images={IMAGE: ImageCommand([sys.executable, str(SERVER)])}
    )
    name = lab.endpoint(lab.config(lab.model(WRONG=wrong), asynchronous=lab.async_config()))
    described = lab.settled(name)
    assert described["EndpointStatus"] == "Failed"
    for reason in ("did not pass the ping health check", *reasons):
        assert reason in described["FailureReason"]
    assert REGION in described["EndpointArn"]
