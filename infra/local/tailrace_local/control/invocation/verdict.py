"""The verdict on a model's answer: whether the pipeline would take it as the rows' predictions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tailrace.download.rejects_summary.first_aid import hints_for
from tailrace_core.answers.evidence import check_evidence
from tailrace_core.answers.reader import AnswerReader, ExpectedPredictions
from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.errors import AlignmentError
from tailrace_core.jobs.classification import classify
from tailrace_core.jobs.failures import POLICIES, Action, FailureClass
from tailrace_local.control.invocation.request import ModelAnswer, SentRows
from tailrace_local.sagemaker.messages.notifications import model_error
from tailrace_local.sagemaker.settings import RESPONSE_HEADERS_LIMIT_BYTES

_SUCCESS = 2
_SHOWN_CHARS = 500
_BLOCK_BYTES = 1024 * 1024
_ACTIONS = {
    Action.SPLIT: "split the chunk until the rows at fault are alone, and reject those",
    Action.RETRY: "try the chunk again, and isolate or park it when that does not help",
    Action.PROBE: "try single rows alone",
    Action.PARK: "park the chunk for an operator",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The pipeline's reading of an answer.

    Attributes:
        aligned: True if the answer holds one prediction for each row.
        why: the shape of an aligned answer; else the reason why it is refused.
        then: what would happen to the chunk of a refused answer.
        format: csv, json or jsonlines; None if a single row leaves it open, or if it is refused.
        columns: name and type of each output column; empty if it is refused.
        hints: options that may help.
    """

    aligned: bool
    why: str
    then: str | None = None
    format: str | None = None
    columns: tuple[tuple[str, str], ...] = ()
    hints: tuple[str, ...] = ()


def judge(answer: ModelAnswer, sent: SentRows) -> Verdict:
    """Judge an answer as SageMaker and then CollectResults or HandleFailures do."""
    if answer.status // 100 != _SUCCESS:
        words = " ".join(answer.body.decode(errors="replace").split())
        return _failed(f"{model_error(answer.status)} {words}".strip())
    if answer.headers_bytes >= RESPONSE_HEADERS_LIMIT_BYTES:
        return _failed(
            f"SageMaker refuses it: its headers take {answer.headers_bytes} bytes, and at most "
            f"{RESPONSE_HEADERS_LIMIT_BYTES - 1} are allowed",
            FailureClass.TRANSIENT,
        )
    if answer.body and answer.header("content-length") is None:
        return _failed(
            "SageMaker refuses it: it did not specify the required Content-Length header (it came in HTTP chunks, or "
            "ended with the connection)"
        )
    return _read(answer.body, sent)


def _read(body: bytes, sent: SentRows) -> Verdict:
    settings = sent.settings
    expected = ExpectedPredictions(
        sent.rows,
        settings.output_columns,
        settings.accept,
        header=settings.header is HeaderPolicy.REPEAT,
        declared=settings.output_type,
    )
    reader = AnswerReader(expected)
    try:
        for _ in reader.read(_blocks(body)):
            pass
        check_evidence(reader, expected, None)
    except AlignmentError as error:
        return _failed(error.message, FailureClass.DATA)
    shape = reader.shape
    header = "; the prediction for the header is left out" if reader.header_scored else ""
    return Verdict(
        aligned=True,
        why=f"{sent.rows} prediction(s) for {sent.rows} row(s): {shape.describe()}{header}",
        format=shape.format,
        columns=tuple(zip(settings.output_columns, map(str, shape.types), strict=True)),
    )


def _failed(reason: str, failure: FailureClass | None = None) -> Verdict:
    then = _ACTIONS[POLICIES[failure or classify(reason)].first]
    return Verdict(aligned=False, why=reason[:_SHOWN_CHARS], then=then, hints=hints_for([reason]))


def _blocks(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), _BLOCK_BYTES):
        yield body[start : start + _BLOCK_BYTES]
