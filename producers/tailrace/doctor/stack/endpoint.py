"""The endpoint: its state, the end of its log, its configuration, its instances."""

from __future__ import annotations

from typing import Any

from tailrace.doctor.deployment import Deployment
from tailrace.doctor.findings import Finding, cannot_tell, fail, ok, warn
from tailrace_core.aws.calls import Call, Steps
from tailrace_core.errors import AccessDeniedError, NotFoundError, PermanentError, TailraceError

_LOG_LINES = 15
_NONE = "the stack has no endpoint: its jobs are batch transforms"
_INVOCABLE = frozenset({"InService", "Updating", "SystemUpdating", "RollingBack"})


def state(stack: Deployment) -> Steps[list[Finding]]:
    """Require an endpoint that takes requests; otherwise show its reason and the end of its log."""
    if stack.kind == "none":
        return [ok(_NONE)]
    answer = yield from _described(stack)
    if isinstance(answer, Finding):
        return [answer]
    status = answer["EndpointStatus"]
    if status == "InService":
        return [ok(f"{stack.endpoint} is InService")]
    reason = answer.get("FailureReason")
    seen = f"{stack.endpoint} is {status}{f': {reason}' if reason else ''}"
    details = yield from log_end(stack)
    command = stack.commands.aws("logs", "tail", _group(stack), "--since", "1h")
    if status in _INVOCABLE:
        return [warn(seen, details=details, command=command, advice="it takes requests; wait for InService")]
    if status == "Creating":
        return [warn(seen, details=details, command=command, advice="wait for InService: 3 to 60 minutes")]
    return [fail(seen, details=details, command=command, advice="fix the model's container, then deploy again")]


def log_end(stack: Deployment) -> Steps[list[str]]:
    """Return the last lines of the endpoint's latest log stream; or the reason for none."""
    group = _group(stack)
    try:
        streams = yield Call(
            "logs",
            "describe_log_streams",
            {"logGroupName": group, "orderBy": "LastEventTime", "descending": True, "limit": 1},
        )
        if not streams.get("logStreams"):
            return [f"{group} has no log stream: no container has started"]
        name = streams["logStreams"][0]["logStreamName"]
        answer = yield Call(
            "logs",
            "get_log_events",
            {"logGroupName": group, "logStreamName": name, "limit": _LOG_LINES, "startFromHead": False},
        )
    except NotFoundError:
        return [f"there is no log group {group}: no container has started"]
    except TailraceError as error:
        return [f"the log {group} cannot be read: {error}"]
    return [event["message"].rstrip("\n") for event in answer["events"]]


def configuration(stack: Deployment) -> Steps[list[Finding]]:
    """Require that the endpoint writes to the bucket and notifies the topics of this stack."""
    if stack.kind == "none":
        return [ok(_NONE)]
    answer = yield from _described(stack)
    if isinstance(answer, Finding):
        return [cannot_tell(f"the endpoint cannot be described: {answer.seen}")]
    if stack.is_called:
        return [_called(stack, answer)]
    settings: dict[str, Any] = answer.get("AsyncInferenceConfig") or {}
    output = settings.get("OutputConfig") or {}
    topics = output.get("NotificationConfig") or {}
    bucket = stack.output("Bucket")
    wanted = {
        "S3OutputPath": (output.get("S3OutputPath", ""), f"s3://{bucket}/v1/outputs"),
        "S3FailurePath": (output.get("S3FailurePath", ""), f"s3://{bucket}/v1/failures"),
        "SuccessTopic": (topics.get("SuccessTopic", ""), stack.output("SucceededTopic")),
        "ErrorTopic": (topics.get("ErrorTopic", ""), stack.output("FailedTopic")),
    }
    wrong = [f"{name} is {has or 'not set'}, not {needs}" for name, (has, needs) in wanted.items() if has != needs]
    if not settings:
        wrong = ["it is not an asynchronous endpoint"]
    if wrong:
        advice = "give the endpoint a configuration with these values (docs/deploy.md), or deploy the stack again"
        name = answer["EndpointConfigName"]
        command = stack.commands.aws("sagemaker", "describe-endpoint-config", "--endpoint-config-name", name)
        return [fail(f"{stack.endpoint}: {'; '.join(wrong)}", advice=advice, command=command)]
    return [ok("it writes to this stack's bucket and notifies its topics")]


def instances(stack: Deployment) -> Steps[list[Finding]]:
    """Require instances, except where the endpoint scales from zero."""
    if stack.kind in {"none", "serverless"}:
        return [ok(_NONE if stack.kind == "none" else "a serverless endpoint has no instances")]
    return (yield from _instances(stack))


def _instances(stack: Deployment) -> Steps[list[Finding]]:
    answer = yield from _described(stack)
    if isinstance(answer, Finding):
        return [cannot_tell(f"the endpoint cannot be described: {answer.seen}")]
    variants = {each["VariantName"]: each for each in answer.get("ProductionVariants", ())}
    variant = variants.get(stack.variant)
    if variant is None:
        return [fail(f"{stack.endpoint} has no variant {stack.variant}", advice="set EndpointVariantName")]
    current, desired = variant.get("CurrentInstanceCount", 0), variant.get("DesiredInstanceCount", 0)
    seen = f"{current} of {desired} instances run"
    if current >= desired > 0:
        return [ok(seen)]
    if desired == 0 and stack.number("MaxInstanceCount"):
        return [ok("no instance runs; the first request starts one, which takes minutes")]
    if desired == 0:
        one = f"VariantName={stack.variant},DesiredInstanceCount={max(1, stack.number('InstanceCount', 1))}"
        command = stack.commands.aws(
            "sagemaker",
            "update-endpoint-weights-and-capacities",
            "--endpoint-name",
            stack.endpoint,
            "--desired-weights-and-capacities",
            one,
        )
        return [fail("no instance runs, and the endpoint does not scale: requests wait and expire", command=command)]
    details = yield from log_end(stack)
    return [warn(seen, details=details, command=stack.commands.aws("logs", "tail", _group(stack), "--since", "1h"))]


def _called(stack: Deployment, answer: dict[str, Any]) -> Finding:
    """Judge the configuration of an endpoint that ScoreChunks calls."""
    if not answer.get("AsyncInferenceConfig"):
        return ok(f"it is no asynchronous endpoint: ScoreChunks calls it ({stack.kind})")
    return fail(
        f"{stack.endpoint} is an asynchronous endpoint, and the stack's EndpointKind is {stack.kind}",
        advice="deploy with EndpointKind=async, or name an endpoint of that kind",
    )


def _described(stack: Deployment) -> Steps[Any]:
    """Return the endpoint's description, or the finding that it is gone."""
    try:
        return (yield Call("sagemaker", "describe_endpoint", {"EndpointName": stack.endpoint}))
    except AccessDeniedError:
        raise
    except PermanentError as error:
        return fail(
            f"the endpoint {stack.endpoint} is gone ({error})", advice="deploy the stack again, or name another"
        )


def _group(stack: Deployment) -> str:
    return f"/aws/sagemaker/Endpoints/{stack.endpoint}"
