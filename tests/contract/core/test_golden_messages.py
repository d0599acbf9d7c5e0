"""Golden messages of version 1: readers must accept them while queues may hold them, and writers
must write the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tailrace_core.messages.arrivals import DeliveryDue, FileError, FileRefused
from tailrace_core.messages.events import ChunkParked, DiscardDue, JobFinished, PartReady, RetryDue, SplitDue, decode
from tailrace_core.messages.manifest import Manifest
from tailrace_core.messages.notifications import decode_notification
from tailrace_core.messages.rounds import RoundDue
from tailrace_core.messages.scoring import ScoreDue

GOLDEN = Path(__file__).parent / "golden"
MODELS: dict[str, Any] = {
    model.__name__: model
    for model in (
        ChunkParked,
        DeliveryDue,
        DiscardDue,
        FileError,
        FileRefused,
        JobFinished,
        Manifest,
        PartReady,
        RetryDue,
        RoundDue,
        ScoreDue,
        SplitDue,
    )
}
OURS = sorted(path for path in GOLDEN.glob("*.json") if path.stem.split("-")[0] in MODELS)
SERVICE = sorted(GOLDEN.glob("notification-*.json"))


def model_of(path: Path) -> Any:
    return MODELS[path.stem.split("-")[0]]


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.stem)
def test_a_message_of_version_1_is_read_and_written_as_it_was(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    message = model_of(path).model_validate_json(text)
    assert json.loads(message.to_json()) == json.loads(text)


@pytest.mark.parametrize("path", [path for path in OURS if "Manifest" not in path.stem], ids=lambda path: path.stem)
def test_a_message_is_read_in_its_envelope_too(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    envelope = json.dumps({"Type": "Notification", "Message": text})
    assert decode(model_of(path), envelope) == decode(model_of(path), text)


ADDED = {"not_isolated", "rows_not_isolated"}
"""Fields that later writers added; a message without them stands for one with their defaults."""


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.stem)
def test_a_message_from_before_a_field_was_added_is_read_with_its_default(path: Path) -> None:
    stored = json.loads(path.read_text(encoding="utf-8"))
    older = {name: value for name, value in stored.items() if name not in ADDED}
    assert model_of(path).model_validate(older) == model_of(path).model_validate(stored)


def test_every_kind_of_message_has_a_golden_one() -> None:
    assert {path.stem.split("-")[0] for path in OURS} == set(MODELS)
    assert len(SERVICE) == 5


@pytest.mark.parametrize(
    ("name", "is_test", "is_result", "succeeded", "location"),
    [
        ("notification-success", False, True, True, "s3://tailrace-bucket/v1/outputs/1c9a3d2e.out"),
        ("notification-success-https-china", False, True, True,
         "https://tailrace-bucket.s3.cn-north-1.amazonaws.com.cn/v1/outputs/1c9a3d2e.out"),
        ("notification-failure", False, True, False, None),
        ("notification-failure-without-response", False, True, False, None),
        ("notification-test", True, False, False, None),
    ],
)  # fmt: skip
def test_the_services_messages_are_read(
    name: str, *, is_test: bool, is_result: bool, succeeded: bool, location: str | None
) -> None:
    read = decode_notification((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    assert (read.is_test, read.is_result, read.succeeded) == (is_test, is_result, succeeded)
    assert read.response.output_location == location
