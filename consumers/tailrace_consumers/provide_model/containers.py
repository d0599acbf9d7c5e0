"""The containers of a model, and the ARNs that its execution role reads."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tailrace_core.errors import InputError

_IMAGE = re.compile(
    r"(?P<account>[0-9]{12})\.dkr\.ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\.[a-z0-9.-]+/"
    r"(?P<repository>[a-z0-9][a-z0-9._/-]*?)(?::[A-Za-z0-9_][A-Za-z0-9_.-]*)?(?:@sha256:[0-9a-f]{64})?"
)
_ARCHIVE = re.compile(r"s3://(?P<bucket>[^/]+)/(?P<key>.*[^/])")
_DIGEST_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Container:
    """A container.

    Image, model archive (empty when the image holds the model), whole environment.
    """

    image: str
    model_data_url: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)

    def definition(self) -> dict[str, Any]:
        """Return the container definition for CreateModel."""
        found: dict[str, Any] = {"Image": self.image}
        if self.model_data_url:
            found["ModelDataUrl"] = self.model_data_url
        if self.environment:
            found["Environment"] = dict(self.environment)
        return found

    def repository_arn(self, partition: str) -> str:
        """Return the ARN of the image's ECR repository.

        Raises:
            InputError: the image is not in ECR.
        """
        match = _IMAGE.fullmatch(self.image)
        if match is None:
            raise InputError(
                f"the image {self.image!r} is not one of ECR: it has to be "
                "<account>.dkr.ecr.<region>.<suffix>/<repository>, then :<tag> or @sha256:<digest>"
            )
        return f"arn:{partition}:ecr:{match['region']}:{match['account']}:repository/{match['repository']}"

    def model_data_arn(self, partition: str) -> str | None:
        """Return the model archive's ARN; None without an archive.

        Raises:
            InputError: the location is not that of an S3 object.
        """
        if not self.model_data_url:
            return None
        match = _ARCHIVE.fullmatch(self.model_data_url)
        if match is None:
            raise InputError(f"the model data {self.model_data_url!r} is not the s3://bucket/key of an archive")
        return f"arn:{partition}:s3:::{match['bucket']}/{_literal(match['key'])}"


Containers = tuple[Container, ...]


def digest(value: Any) -> str:
    """Return a hexadecimal hash of a JSON value, independent of key order and process."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_LENGTH]


def definitions(containers: Containers) -> list[dict[str, Any]]:
    """Return the definitions for CreateModel, in the order of a request's path."""
    return [container.definition() for container in containers]


def repository_arns(containers: Containers, partition: str) -> list[str]:
    """Return the ARN of each repository once."""
    return _distinct(container.repository_arn(partition) for container in containers)


def model_data_arns(containers: Containers, partition: str) -> list[str]:
    """Return the ARN of each archive once."""
    return _distinct(arn for container in containers if (arn := container.model_data_arn(partition)))


def _distinct(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))


def _literal(key: str) -> str:
    """Escape a key for a policy's resource, where three characters are special."""
    return re.sub(r"[*?$]", lambda match: f"${{{match[0]}}}", key)
