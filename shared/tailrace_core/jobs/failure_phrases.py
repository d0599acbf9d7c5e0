"""The phrases that tell failures apart: patterns for text in any case, and the classes they mean.

The texts are those that the service, its containers and AWS's SDKs are known to write. No text is
known for an expired request or a failed download: their patterns are wide.
"""

from __future__ import annotations

from tailrace_core.jobs.failures import FailureClass

# The service's statement that the container answered; what follows is the container's own words.
CONTAINER_ANSWERED = r"\breceived (?:client|server) error \([0-9]{1,3}\) from\b"

# The status, if the service or a container states one. Endpoint names hold letters, digits and
# hyphens, and accounts, paths and row counts hold numbers: none of them reads like one of these.
STATUS = (
    r"\b(?:client|server) error \(([0-9]{1,3})\)"
    r"|\b(?:status|error)(?: ?code)?(?: ?[:=] ?| is | )\(?([0-9]{3})\b"
    r"|\bHTTP(?:/[0-9](?:\.[0-9])?)?(?: error| status)?(?: ?: ?| )\(?([0-9]{3})\b"
)

# An AWS service's refusal in the wording of an SDK: of Java ("(Service: Amazon S3; Status Code:
# 403; Error Code: AccessDenied; …"; version 2 has commas and may have no code), and of Python ("An
# error occurred (AccessDenied) when calling the GetObject operation").
SDK_STATUS = r"\(service:? [^;,()]+[;,] status code: ([0-9]{3})(?:[;,] error code: ([\w.]+))?"
SDK_CODE = r"\b(?:an|a client|a server) error (?:occurred )?\(([\w.]+)\) (?:occurred )?when calling the \w+ operation"

SDK_CODES: dict[str, FailureClass | None] = {
    **dict.fromkeys(
        (
            "bandwidthlimitexceeded",
            "priorrequestnotcomplete",
            "provisionedthroughputexceededexception",
            "requestlimitexceeded",
            "requestthrottled",
            "requestthrottledexception",
            "slowdown",
            "throttledexception",
            "throttling",
            "throttlingexception",
            "toomanyrequestsexception",
        ),
        FailureClass.THROTTLED,
    ),
    **dict.fromkeys(
        (
            "internalerror",
            "internalfailure",
            "internalserverconflict",
            "internalservererror",
            "internalserverexception",
            "kmsinternalexception",
            "requesttimeout",
            "requesttimeoutexception",
            "serviceunavailable",
            "serviceunavailableexception",
        ),
        FailureClass.TRANSIENT,
    ),
    "entitytoolarge": FailureClass.TOO_LARGE,
    # The container's answer to a synchronous invocation: the text goes on with it.
    "modelerror": None,
}
"""Classes of error codes, in lower case.

Any other code is a refusal that says nothing about rows."""

# Throttling in the wording of an SDK that gives no code, as version 2 for Java may.
SDK_SLOW_DOWN = r"reduce (?:your request rate|the frequency of your calls)|\bslow ?down\b|\brate exceeded\b"

# The container took too long. The message comes with status 0, with a server error, or without a
# status.
TOO_LONG = r"timed out while waiting for a response from (?:the )?(?:model )?container"

_TRANSFORM_JOB = r"^the batch transform job (?:\S+ )?"

# Order matters: the first match wins. The first ones are `tailrace_core.transforms.verdicts`' own.
PHRASES: tuple[tuple[str, FailureClass], ...] = (
    (rf"{_TRANSFORM_JOB}refused this input", FailureClass.DATA),
    (rf"{_TRANSFORM_JOB}wrote nothing for this input", FailureClass.TRANSIENT),
    (rf"{_TRANSFORM_JOB}ended without this input", FailureClass.UNKNOWN),
    (
        rf"{_TRANSFORM_JOB}(?:was started without|may have left out|is the first to fail with) this input",
        FailureClass.EXPIRED,
    ),
    (rf"{_TRANSFORM_JOB}could not (?:be created|leave this input)", FailureClass.INFRASTRUCTURE),
    (r"exceed(?:s|ed)? the maximum (?:\w+ ){0,2}size|payload too large", FailureClass.TOO_LARGE),
    (
        (
            r"access ?denied|not authorized|unauthorized|forbidden|security token|credentials"
            r"|no ?such ?(?:key|bucket)"
            r"|\b(?:input (?:file|location|data)|object|bucket|endpoint)\b[^.]{0,80}(?:not found|not exist|deleted)"
            r"|could not find (?:the )?(?:endpoint|input|object)"
            r"|(?:could not (?:be )?|unable to |failed to )download"
            r"|did not specify the required content.length header"
        ),
        FailureClass.INFRASTRUCTURE,
    ),
    (
        r"\b(?:request|ttl|time[ -]to[ -]live)\b.{0,40}\bexpired?\b|\bexpired request|\bexceeded .{0,40}\bttl\b",
        FailureClass.EXPIRED,
    ),
    (
        (
            r"throttl|too many requests|rate exceeded|no capacity|insufficient ?(?:instance ?)?capacity"
            r"|\bcapacityerror\b|endpoint\b.{0,60}\bupdating"
        ),
        FailureClass.THROTTLED,
    ),
    (
        (
            r"could not get a response from|connection (?:was )?(?:reset|refused|aborted|closed)|broken pipe"
            r"|no response|worker (?:process )?died|model process exited"
            r"|timed out|timeout|temporarily unavailable|service unavailable"
            r"|internal ?(?:server ?)?(?:error|failure|exception)"
        ),
        FailureClass.TRANSIENT,
    ),
)
