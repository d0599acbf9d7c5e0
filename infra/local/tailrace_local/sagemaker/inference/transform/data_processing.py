"""A job's DataProcessing: filters by JSONPath, and outputs joined to their inputs.

Source: "Associate Prediction Results with Input Records" in SageMaker's guide. A record is a line
of CSV, which is a JSON array of its cells, or a JSON value. What AWS does not document: a filter
that selects several members of an object gives an object of them, several elements an array.
"""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tailrace_local.sagemaker.errors import validation

CSV, JSON, LINES = "text/csv", "application/json", "application/jsonlines"
_WHOLE = "$"
Select = Callable[[Any], Any]


class ProcessingError(Exception):
    """Records cannot be read, filtered or joined."""


@dataclass(frozen=True)
class DataProcessing:
    """Treatment of a job's records before and after the model."""

    content_type: str
    accept: str | None
    select_input: Select | None
    select_output: Select | None
    join: bool

    @classmethod
    def of(cls, request: Mapping[str, Any]) -> "DataProcessing | None":
        """Read a CreateTransformJob request; None if it leaves the records as they are.

        Raises:
            ApiError: a filter is no JSONPath, or the content type has no records.
        """
        asked = request.get("DataProcessing", {})
        inputs, outputs = asked.get("InputFilter", _WHOLE), asked.get("OutputFilter", _WHOLE)
        join = asked.get("JoinSource", "None") == "Input"
        if inputs == outputs == _WHOLE and not join:
            return None
        kind, accept = request["TransformInput"].get("ContentType"), request["TransformOutput"].get("Accept")
        for name, found in (("ContentType", kind), ("Accept", accept or kind)):
            if media_type(found) not in {CSV, JSON, LINES}:
                raise validation(f"DataProcessing supports {CSV}, {JSON} and {LINES}, and {name} is {found}.")
        return cls(
            media_type(kind), accept, _selection("InputFilter", inputs), _selection("OutputFilter", outputs), join
        )

    def before(self, body: bytes) -> bytes:
        """Return the records of a mini-batch as the model gets them. Raises ProcessingError."""
        if self.select_input is None:
            return body
        select = self.select_input
        return write_records(self.content_type, [select(record) for record in read_records(self.content_type, body)])

    def after(self, body: bytes, answer: bytes, answered: str | None) -> bytes:
        """Return the output for a mini-batch: joined, then filtered. Raises ProcessingError."""
        kind = media_type(self.accept or answered or self.content_type)
        found = read_records(kind, answer)
        if self.join:
            found = self._joined(read_records(self.content_type, body), found, kind)
        if self.select_output is not None:
            found = [self.select_output(record) for record in found]
        return write_records(kind, found)

    def _joined(self, records: Sequence[Any], predictions: Sequence[Any], kind: str) -> list[Any]:
        if len(records) != len(predictions):
            raise ProcessingError(f"{len(records)} records have {len(predictions)} results: they cannot be joined")
        if (self.content_type == CSV) != (kind == CSV):
            raise ProcessingError(f"records of {self.content_type} cannot be joined to results of {kind}")
        return [_join(*pair) for pair in zip(records, predictions, strict=True)]


def media_type(text: str | None) -> str:
    """Return a content type without its parameters, in lower case."""
    return (text or "").partition(";")[0].strip().lower()


def read_records(kind: str, body: bytes) -> list[Any]:
    """Return the records of a body. Raises ProcessingError."""
    try:
        text = body.decode("utf-8-sig")
        if kind == CSV:
            return list(csv.reader(io.StringIO(text, newline=""), strict=True))
        if kind == JSON:
            return [json.loads(text)]
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    except (ValueError, csv.Error) as error:
        raise ProcessingError(f"a record of {kind} cannot be read: {error}") from error


def write_records(kind: str, records: Sequence[Any]) -> bytes:
    """Return the body of some records, each line ended by a newline."""
    if kind != CSV:
        return b"".join(json.dumps(record, ensure_ascii=False).encode() + b"\n" for record in records)
    written = io.StringIO(newline="")
    rows = csv.writer(written, lineterminator="\n")
    for record in records:
        rows.writerow(record if isinstance(record, list) else [record])
    return written.getvalue().encode()


def _join(record: Any, prediction: Any) -> Any:
    if isinstance(record, list) and isinstance(prediction, list):
        return [*record, *prediction]
    if isinstance(record, dict):
        return {**record, "SageMakerOutput": prediction}
    return {"SageMakerInput": record, "SageMakerOutput": prediction}


def _selection(name: str, text: str) -> Select | None:
    if text == _WHOLE:
        return None
    # Here, because only jobs with filters need the library.
    import jsonpath  # noqa: PLC0415

    try:
        path = jsonpath.compile(text)
    except jsonpath.JSONPathError as error:
        raise validation(f"{name} {text} is no JSONPath: {error}") from error
    return lambda record: _selected(f"{name} {text}", path, record)


def _selected(name: str, path: Any, record: Any) -> Any:
    found = list(path.finditer(record))
    if path.singular_query() and not found:
        raise ProcessingError(f"{name} selects nothing of a record")
    if isinstance(record, dict) and not path.singular_query():
        return {str(match.parts[-1]): match.obj for match in found}
    return found[0].obj if path.singular_query() else [match.obj for match in found]
