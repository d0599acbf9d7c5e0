"""An executor that answers a `BodyCall` with the whole body."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tailrace_core.aws.calls import BodyCall, Call
from tailrace_core.aws.errors import translate_exception


def reading_bodies(execute: Callable[[Call], Any]) -> Callable[[Call], Any]:
    """Wrap ``execute``; retries around the result repeat a read whose connection broke."""

    def executed(call: Call) -> Any:
        answer = execute(call)
        if not isinstance(call, BodyCall):
            return answer
        body = answer["Body"]
        try:
            return body.read()
        except Exception as exc:
            if not type(exc).__module__.startswith(("botocore.", "urllib3.")):
                raise
            raise translate_exception(exc, f"reading s3://{call.params['Bucket']}/{call.params['Key']}") from exc
        finally:
            body.close()

    return executed
