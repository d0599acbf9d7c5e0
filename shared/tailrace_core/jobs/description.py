"""Descriptions of jobs: what people call a job, where its rows came from, and who submitted it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from tailrace_core.errors import InputError

if TYPE_CHECKING:
    from tailrace_core.jobs.model import Job

MAX_NAME_CHARS = 200
MAX_TAGS = 20
MAX_TAG_KEY_CHARS = 128
MAX_TAG_VALUE_CHARS = 256
"""The limits of tags on AWS resources, but for the number."""
MAX_SOURCES = 20
MAX_SOURCE_CHARS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDescription:
    """The part of a job that is for people: nothing in the pipeline depends on it.

    Written once, with the job. Jobs from before it was recorded have an empty one.
    """

    name: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    sources: tuple[str, ...] = ()
    """Names of the first `MAX_SOURCES` files, objects and streams that the rows came from."""
    source_count: int = 0
    job_key: str | None = None
    submitted_by: str | None = None
    """ARN of the identity that submitted it; None if AWS did not tell."""

    def __post_init__(self) -> None:
        if self.name is not None and not 0 < len(self.name.strip()) <= len(self.name) <= MAX_NAME_CHARS:
            raise InputError(f"a job's name has 1 to {MAX_NAME_CHARS} characters, this one has {len(self.name)}")
        if len(self.tags) > MAX_TAGS:
            raise InputError(f"a job has at most {MAX_TAGS} tags, these are {len(self.tags)}")
        for key, value in self.tags.items():
            if not 0 < len(key) <= MAX_TAG_KEY_CHARS or len(value) > MAX_TAG_VALUE_CHARS:
                raise InputError(
                    f"tag {key[:40]!r} has a key of {len(key)} and a value of {len(value)} characters: a key has 1 to "
                    f"{MAX_TAG_KEY_CHARS}, a value at most {MAX_TAG_VALUE_CHARS}"
                )

    @classmethod
    def from_sources(cls, sources: Sequence[str], **values: Any) -> Self:
        """Build a description; of many sources or long names it holds the beginning."""
        shown = tuple(each[:MAX_SOURCE_CHARS] for each in sources[:MAX_SOURCES])
        return cls(sources=shown, source_count=len(sources), **values)

    @property
    def shown_name(self) -> str | None:
        """The name, or without one the first source; None if it has neither."""
        return self.name or next(iter(self.sources), None)

    def has_tags(self, wanted: Mapping[str, str]) -> bool:
        """Return True if it has each of these tags, with that value."""
        return all(self.tags.get(key) == value for key, value in wanted.items())

    def to_json(self) -> str:
        """Return it as JSON, without what is empty."""
        values = {
            "name": self.name,
            "tags": dict(self.tags),
            "sources": self.sources,
            "source_count": self.source_count,
            "job_key": self.job_key,
            "submitted_by": self.submitted_by,
        }
        return json.dumps({name: value for name, value in values.items() if value}, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote; fields that are not known are left out."""
        values = json.loads(text)
        return cls(
            name=values.get("name"),
            tags=values.get("tags", {}),
            sources=tuple(values.get("sources", ())),
            source_count=values.get("source_count", 0),
            job_key=values.get("job_key"),
            submitted_by=values.get("submitted_by"),
        )


@dataclass(frozen=True, slots=True)
class DescribedJob:
    """A job and its description."""

    job: Job
    description: JobDescription


def parse_tags(texts: Sequence[str]) -> dict[str, str]:
    """Return the tags of a command line, ``KEY=VALUE`` each.

    Raises:
        InputError: one has no ``=``, or a key stands there twice with different values.
    """
    tags: dict[str, str] = {}
    for text in texts:
        key, sign, value = text.partition("=")
        if not sign or not key.strip():
            raise InputError(f"tag {text!r}: write KEY=VALUE, for instance team=forecasting")
        if tags.setdefault(key.strip(), value) != value:
            raise InputError(f"tag {key.strip()!r} is given twice, with different values: give it once")
    return tags
