"""Botocore's errors for the services' error answers."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError


def refusal(code: str, message: str, operation: str, status: int = 400, **extra: Any) -> ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": {}},
        **extra,
    }
    return ClientError(response, operation)
