"""The clock of this machine, compared with AWS's."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import parsedate_to_datetime

from tailrace.doctor.findings import Finding, cannot_tell, fail, ok, warn
from tailrace_core.aws.calls import Call, Steps
from tailrace_core.errors import ConfigurationError

REFUSED_S = 300
"""AWS refuses requests whose time differs by more than five minutes (S3: fifteen)."""
SUSPECT_S = 60
_SKEWED = ("Signature expired", "Signature not yet current", "RequestTimeTooSkewed", "RequestExpired")
_REMEDY = "sudo timedatectl set-ntp true"


def clock(now: Callable[[], float]) -> Steps[list[Finding]]:
    """Compare the time of an answer with this machine's."""
    try:
        answer = yield Call("sts", "get_caller_identity", {})
    except ConfigurationError as error:
        if any(each in str(error) for each in _SKEWED):
            return [fail(f"this machine's clock is wrong: {error}", command=_REMEDY)]
        raise
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    if "date" not in headers:
        return [cannot_tell("the answer has no date")]
    off_s = now() - parsedate_to_datetime(headers["date"]).timestamp()
    # The header has whole seconds, and the answer took time.
    seen = f"this machine's clock is {abs(off_s):.0f} s {'ahead of' if off_s > 0 else 'behind'} AWS's"
    if abs(off_s) >= REFUSED_S:
        return [fail(f"{seen}: requests are refused", command=_REMEDY)]
    if abs(off_s) >= SUSPECT_S:
        return [warn(seen, command=_REMEDY)]
    return [ok(seen)]
