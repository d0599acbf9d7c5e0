"""The access matrix: each row names all identities that may do an action on a resource; nobody else may."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from tests.infra.access.policies import Request, Statement, decide

COLLECT, HANDLE, DISPATCH, RECONCILE, SCHEDULE, PROVIDE, ENDPOINT, PRODUCER, READER, OPERATOR = (
    "CollectResultsRole", "HandleFailuresRole", "DispatchRetriesRole", "ReconcileJobsRole", "TicksRole",
    "ProvideModelRole", "EndpointRole", "ProducerPolicy", "ReaderPolicy", "OperatorPolicy",
)  # fmt: skip
# Roles that exist with Studio. The notebooks' role holds the producers' policy beside its own.
SCIENTIST, TRAINING = "StudioScientistRole", "StudioTrainingRole"
# Roles of the functions that exist with other engines than asynchronous endpoints.
SCORE, TRANSFORM = "ScoringScoreChunksRole", "TransformingRunTransformsRole"
# Roles of the state machine that cuts sources in S3 and of its functions, and those of the inbox.
CUTTING = ("ListStripes", "CountStripe", "SumStripes", "CutStripe", "SealCutting", "FailCutting")
MACHINE = "CuttingCuttingMachineRole"
LIST, COUNT, SUM, CUT, SEAL, FAIL = (f"Cutting{name}Role" for name in CUTTING)
START, DELIVER = "ArrivingStartJobsRole", "ArrivingDeliverResultsRole"
ENDERS = {SEAL, FAIL}
CUTTERS = {LIST, COUNT, SUM, CUT, SEAL, FAIL}
FUNCTIONS = {COLLECT, HANDLE, DISPATCH, RECONCILE}
SENDERS = FUNCTIONS | {PRODUCER}
NOBODY: set[str] = set()
JOB = "Bucket/v1/jobs/01JD0WAWQSRPH4P5HK2ZTF1J2N"
QUEUES = ("Succeeded", "Failed", "Retries", "Parked", "Results")

Row = tuple[str, str, set[str]]

TRANSFORM_ACTIONS = {"CreateTransformJob": NOBODY, "DescribeTransformJob": {OPERATOR}, "StopTransformJob": {OPERATOR}}


def of_endpoint(kind: str) -> list[Row]:
    """Return the rows of an endpoint of a kind."""
    asynchronous = kind == "async"
    return [
        ("sagemaker:InvokeEndpointAsync", "EndpointName", SENDERS | {TRANSFORM, CUT, SEAL} if asynchronous else NOBODY),
        ("sagemaker:InvokeEndpoint", "EndpointName", NOBODY if asynchronous else {SCORE}),
        ("sagemaker:DescribeEndpoint", "EndpointName", {PRODUCER, OPERATOR}),
        ("sagemaker:UpdateEndpointWeightsAndCapacities", "EndpointName", {OPERATOR}),
        ("sagemaker:UpdateEndpoint", "EndpointName", NOBODY),
        ("sagemaker:DeleteEndpoint", "EndpointName", NOBODY),
    ]


def of_queue(name: str, reader: str, senders: set[str]) -> list[Row]:
    """Return the rows of an engine's queue and its dead letters."""
    return [
        ("sqs:ReceiveMessage", f"{name}Queue", {reader}),
        ("sqs:SendMessage", f"{name}Queue", senders | {OPERATOR}),
        ("sqs:ReceiveMessage", f"{name}DeadLetterQueue", {OPERATOR}),
        ("sqs:DeleteMessage", f"{name}DeadLetterQueue", {OPERATOR}),
        ("sqs:PurgeQueue", f"{name}Queue", NOBODY),
    ]


def of_cutting() -> list[Row]:
    """Return the rows of a stack that cuts sources in S3 and has an inbox."""
    readers = {LIST, COUNT, SUM, CUT}
    return [
        ("s3:ListBucketMultipartUploads", "Bucket", {DELIVER}),
        ("s3:PutObject", f"{JOB}/cutting/request.json", {PRODUCER, START}),
        ("s3:GetObject", f"{JOB}/cutting/request.json", {PRODUCER, LIST, COUNT, SUM, CUT, START, OPERATOR}),
        ("s3:PutObject", f"{JOB}/cutting/stripes.jsonl", {LIST}),
        ("s3:GetObject", f"{JOB}/cutting/stripes.jsonl", {PRODUCER, MACHINE, LIST, SUM, OPERATOR}),
        ("s3:PutObject", f"{JOB}/cutting/counts/00000000.json", {COUNT}),
        ("s3:GetObject", f"{JOB}/cutting/counts/00000000.json", {SUM, OPERATOR}),
        ("s3:PutObject", f"{JOB}/cutting/starts.jsonl", {SUM}),
        ("s3:GetObject", f"{JOB}/cutting/starts.jsonl", {MACHINE, OPERATOR}),
        *((f"s3:{action}", "Bucket/v1/inbox/a.csv", readers | {START}) for action in ("GetObject", "GetObjectVersion")),
        *((f"s3:{action}", "Bucket/v1/inbox/a.csv", NOBODY) for action in ("PutObject", "DeleteObject")),
        ("s3:PutObject", "Bucket/v1/outbox/a.csv", {DELIVER}),
        ("s3:PutObject", "Bucket/v1/outbox/a.csv.error.json", {DELIVER, START}),
        ("s3:GetObject", "Bucket/v1/outbox/a.csv", {DELIVER}),
        ("s3:GetObject", "Bucket/v1/outbox/a.csv.error.json", {DELIVER, START}),
        *((f"s3:{action}", "Source/landing/a.csv", readers) for action in ("GetObject", "GetObjectVersion")),
        ("s3:GetObject", "Source/private/a.csv", NOBODY),
        ("s3:PutObject", "Source/landing/a.csv", NOBODY),
        ("s3:ListBucket", "Source", {LIST}),
        ("states:StartExecution", "CuttingStateMachine", {PRODUCER, START, MACHINE}),
        *((f"states:{action}StateMachine", "CuttingStateMachine", NOBODY) for action in ("Update", "Delete")),
        ("states:DescribeExecution", "CuttingExecution", {PRODUCER, OPERATOR}),
        ("states:StopExecution", "CuttingExecution", {PRODUCER, OPERATOR}),
        ("states:ListMapRuns", "CuttingExecution", {PRODUCER, OPERATOR}),
        ("states:DescribeMapRun", "CuttingMapRun", {PRODUCER, OPERATOR}),
        ("states:UpdateMapRun", "CuttingMapRun", NOBODY),
        *(("lambda:InvokeFunction", f"{name}Function", {MACHINE}) for name in CUTTING),
        *(("lambda:InvokeFunction", f"{name}Function", NOBODY) for name in ("StartJobs", "DeliverResults")),
        *of_queue("CuttingEnds", FAIL, NOBODY),
        *of_queue("Inbox", START, NOBODY),
        *of_queue("Outbox", DELIVER, {DELIVER}),
    ]  # fmt: skip


def matrix(kind: str = "async", *, transforms: bool = False, cutting: bool = False) -> list[Row]:
    """Return the rows for a kind of endpoint, with or without batch transform jobs and cutting in S3.

    Resources go by the name of their output, followed by the object's key.
    """
    # The model's role moves data where SageMaker reads inputs and writes outputs by itself.
    moving = {ENDPOINT} if kind == "async" or transforms else NOBODY
    notifying = {ENDPOINT} if kind == "async" else NOBODY
    asking = SENDERS | {TRANSFORM}
    return [
        ("s3:PutObject", f"{JOB}/input/a.csv", {PRODUCER, COLLECT, HANDLE, CUT, OPERATOR}),
        ("s3:PutObject", f"{JOB}/kept/a.csv", {PRODUCER, COLLECT, HANDLE, CUT}),
        ("s3:PutObject", f"{JOB}/rejects/a.csv", {PRODUCER, COLLECT, HANDLE, CUT}),
        ("s3:PutObject", f"{JOB}/parts/a.csv", {PRODUCER, COLLECT, HANDLE, CUT}),
        ("s3:PutObject", f"{JOB}/manifest.json", {PRODUCER, COLLECT, HANDLE, RECONCILE, OPERATOR, START} | ENDERS),
        ("s3:PutObject", f"{JOB}/anything.else", NOBODY),
        ("s3:PutObject", "Bucket/v1/outputs/a.out", moving | {SCORE}),
        ("s3:PutObject", "Bucket/v1/failures/a-error.out", notifying),
        ("s3:PutObject", f"{JOB}/rounds/1.json", {TRANSFORM}),
        ("s3:GetObject", f"{JOB}/rounds/1.json", {TRANSFORM, OPERATOR} | ({ENDPOINT} if transforms else NOBODY)),
        ("s3:PutObject", "Bucket/v2/a", NOBODY),
        ("s3:PutObject", "Bucket/studio/a.csv", {SCIENTIST, TRAINING}),
        ("s3:GetObject", "Bucket/studio/a.csv", {SCIENTIST, TRAINING}),
        ("s3:GetObject", f"{JOB}/input/a.csv", moving | {SCORE, COLLECT, HANDLE, OPERATOR}),
        ("s3:GetObject", f"{JOB}/kept/a.csv", {COLLECT, HANDLE, OPERATOR}),
        ("s3:GetObject", f"{JOB}/rejects/a.csv", {COLLECT, HANDLE, PRODUCER, READER, OPERATOR, DELIVER}),
        ("s3:GetObject", f"{JOB}/parts/a.csv", {COLLECT, HANDLE, PRODUCER, READER, OPERATOR, DELIVER}),
        ("s3:GetObject", f"{JOB}/manifest.json", {PRODUCER, READER, OPERATOR, DELIVER}),
        ("s3:GetObject", "Bucket/v1/outputs/a.out", {COLLECT, RECONCILE}),
        ("s3:GetObject", "Bucket/v1/outputs/transform/a.out", {COLLECT, RECONCILE, TRANSFORM}),
        ("s3:GetObject", "Bucket/v1/failures/a-error.out", {HANDLE, RECONCILE, OPERATOR}),
        *((f"s3:{action}", f"{JOB}/parts/a.csv", NOBODY)
          for action in ("DeleteObject", "DeleteObjectVersion", "PutObjectAcl", "BypassGovernanceRetention")),
        *((f"s3:{action}", "Bucket", NOBODY)
          for action in ("PutBucketPolicy", "PutLifecycleConfiguration", "PutEncryptionConfiguration", "DeleteBucket")),
        ("dynamodb:GetItem", "LedgerTable", SENDERS | {SCORE, TRANSFORM, OPERATOR, CUT, START, DELIVER} | ENDERS),
        ("dynamodb:BatchGetItem", "LedgerTable", SENDERS - {RECONCILE} | {SCORE, OPERATOR}),
        ("dynamodb:PutItem", "LedgerTable", SENDERS - {DISPATCH, RECONCILE} | {CUT, START, FAIL}),
        ("dynamodb:UpdateItem", "LedgerTable", SENDERS | {TRANSFORM, OPERATOR, CUT, START} | ENDERS),
        ("dynamodb:Query", "LedgerTable", SENDERS - {DISPATCH} | {TRANSFORM, OPERATOR, CUT, START} | ENDERS),
        ("dynamodb:Query", "LedgerTable/index/due", {RECONCILE, OPERATOR}),
        ("dynamodb:Query", "LedgerTable/index/created", {PRODUCER, OPERATOR}),
        *((f"dynamodb:{action}", "LedgerTable", NOBODY)
          for action in ("DeleteItem", "Scan", "DeleteTable", "UpdateTable", "ExportTableToPointInTime")),
        ("sns:Publish", "SucceededTopic", notifying),
        ("sns:Publish", "FailedTopic", notifying),
        ("sns:Publish", "ResultsTopic", {COLLECT, HANDLE, RECONCILE, PRODUCER, OPERATOR, CUT, START} | ENDERS),
        ("sns:ListSubscriptionsByTopic", "ResultsTopic", {OPERATOR}),
        *((f"sns:{action}", "ResultsTopic", NOBODY) for action in ("Subscribe", "SetTopicAttributes", "AddPermission")),
        ("sqs:ReceiveMessage", "SucceededQueue", {COLLECT}),
        ("sqs:ReceiveMessage", "FailedQueue", {HANDLE}),
        ("sqs:ReceiveMessage", "RetriesQueue", {DISPATCH}),
        ("sqs:ReceiveMessage", "ParkedQueue", {OPERATOR}),
        ("sqs:ReceiveMessage", "ResultsQueue", {READER}),
        *((action, f"{queue}DeadLetterQueue", {OPERATOR})
          for queue in (*QUEUES, "ReconcileJobs")
          for action in ("sqs:ReceiveMessage", "sqs:DeleteMessage")),
        ("sqs:SendMessage", "SucceededQueue", {RECONCILE, SCORE, TRANSFORM, OPERATOR}),
        ("sqs:SendMessage", "FailedQueue", {RECONCILE, SCORE, TRANSFORM, OPERATOR}),
        ("sqs:SendMessage", "RetriesQueue", FUNCTIONS | {OPERATOR}),
        ("sqs:SendMessage", "ParkedQueue", FUNCTIONS | {OPERATOR}),
        ("sqs:SendMessage", "ResultsQueue", {OPERATOR}),
        ("sqs:SendMessage", "ReconcileJobsDeadLetterQueue", {RECONCILE, SCHEDULE}),
        *((f"sqs:{action}", f"{queue}Queue", NOBODY)
          for queue in QUEUES for action in ("PurgeQueue", "SetQueueAttributes", "AddPermission", "DeleteQueue")),
        *(of_endpoint(kind) if kind != "none" else ()),
        *(of_queue("Scoring", SCORE, asking | {CUT, SEAL}) if kind in {"realtime", "serverless"} else ()),
        *(of_queue("Transforms", TRANSFORM, asking | {START} | ENDERS) if transforms else ()),
        *(of_cutting() if cutting else ()),
        *((f"sagemaker:{action}", "TransformJob", {TRANSFORM} | also if transforms else NOBODY)
          for action, also in TRANSFORM_ACTIONS.items()),
        ("lambda:InvokeFunction", "ReconcileJobsFunction", {SCHEDULE}),
        ("lambda:InvokeFunction", "CollectResultsFunction", NOBODY),
        ("lambda:UpdateFunctionCode", "CollectResultsFunction", NOBODY),
        ("lambda:GetFunction", "CollectResultsFunction", NOBODY),
        ("iam:PassRole", ENDPOINT, {PROVIDE}),
        ("iam:PassRole", TRAINING, {SCIENTIST, TRAINING}),
        ("iam:PassRole", COLLECT, NOBODY),
        *((action, role, NOBODY) for action in ("sts:AssumeRole", "iam:PutRolePolicy") for role in (COLLECT, ENDPOINT)),
    ]  # fmt: skip


MATRIX = matrix()
# Users of the customer's key, if there is one, by service; and those that may only decrypt.
KEY_USERS: dict[str, set[str]] = {
    "dynamodb": SENDERS | {SCORE, TRANSFORM, OPERATOR, CUT, START, DELIVER} | ENDERS,
    "lambda": FUNCTIONS | {SCORE, TRANSFORM, PROVIDE, START, DELIVER} | CUTTERS,
    "s3": {SCORE, TRANSFORM, COLLECT, HANDLE, RECONCILE, ENDPOINT, TRAINING, PRODUCER, READER, OPERATOR}
    | {MACHINE, START, DELIVER}
    | CUTTERS,
    "sns": {COLLECT, HANDLE, RECONCILE, ENDPOINT, PRODUCER, OPERATOR, CUT, START} | ENDERS,
    "sqs": FUNCTIONS | {SCORE, TRANSFORM, SCHEDULE, READER, OPERATOR, CUT, START, DELIVER} | ENDERS,
    "states": NOBODY,
    "ec2": NOBODY,
    "ssm": NOBODY,
}
ONLY_DECRYPT = {PROVIDE, READER, MACHINE}
# Context of a request that some policy evaluates, by action.
CONTEXT = {"iam:PassRole": {"iam:passedtoservice": "sagemaker.amazonaws.com"}}
# Actions that even an administrator is denied by the resource's own policy.
FORGERIES = [
    ("s3:PutObject", "Bucket/v1/outputs/a.out"),
    ("s3:PutObject", "Bucket/v1/failures/a-error.out"),
    ("sns:Publish", "SucceededTopic"),
    ("sns:Publish", "FailedTopic"),
]
ADMINISTRATOR: Sequence[Statement] = [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
TOPICS = ("SucceededTopic", "FailedTopic", "ResultsTopic")


class Judged(Protocol):
    """A stack whose policies can be read, deployed or not. Resources are named by their outputs."""

    @property
    def policies(self) -> Mapping[str, Sequence[Statement]]:
        """The statements of each role and of each managed policy."""

    @property
    def engines(self) -> tuple[str, bool]:
        """The kind of the endpoint, and whether there are batch transform jobs."""

    def principal(self, holder: str) -> str:
        """The caller when a role, or an identity with a managed policy, makes a request."""

    def arn(self, name: str) -> str:
        """A resource's ARN, followed by the part of the name after its first slash."""

    def resource_policy(self, name: str) -> Sequence[Statement]:
        """The statements of the resource's own policy."""


Context = Mapping[str, str]
_EMPTY: Context = {}


def rows(stack: Judged) -> list[Row]:
    """Return the rows of the matrix that a stack is judged by."""
    kind, transforms = stack.engines
    return matrix(kind, transforms=transforms, cutting=MACHINE in stack.policies)


def allows(stack: Judged, holder: str, action: str, name: str, context: Context = _EMPTY) -> bool:
    """Return true if a role, or an identity with a managed policy, may make the request."""
    request = Request(stack.principal(holder), action, stack.arn(name), context)
    return decide(stack.policies[holder], stack.resource_policy(name), request)


def may(stack: Judged, action: str, name: str) -> set[str]:
    """Return every identity that is allowed."""
    context = CONTEXT.get(action, _EMPTY)
    return {holder for holder in stack.policies if allows(stack, holder, action, name, context)}


def administrator_may(stack: Judged, action: str, name: str, context: Context = _EMPTY) -> bool:
    """Return true if an identity whose own policies allow everything may make the request."""
    account = stack.principal(PRODUCER).rsplit(":", 1)[0]
    request = Request(f"{account}:role/Admin", action, stack.arn(name), context)
    return decide(ADMINISTRATOR, stack.resource_policy(name), request)


def delivers(stack: Judged, topic: str, queue: str) -> bool:
    """Return true if a queue accepts messages that SNS delivers for a topic."""
    request = Request("sns.amazonaws.com", "sqs:SendMessage", stack.arn(queue), {"aws:sourcearn": stack.arn(topic)})
    return decide((), stack.resource_policy(queue), request)


def reached_over_plain_http(stack: Judged) -> list[tuple[str, str, str]]:
    """Return what the permitted identities would reach without TLS, where the service accepts plain HTTP."""
    return [
        (holder, action, name)
        for action, name, who in rows(stack)
        if action.partition(":")[0] in {"s3", "sqs"} or action == "sns:Publish"
        if not name.startswith("Source")  # whose policy is its owner's
        for holder in who & stack.policies.keys()
        if allows(stack, holder, action, name, {"aws:securetransport": "false"})
    ]


def disagreements(stack: Judged) -> Iterator[str]:
    """Yield each difference between a stack and the matrix."""
    for action, name, who in rows(stack):
        if name.endswith("Role") and name not in stack.policies:
            continue
        found = may(stack, action, name)
        if found != (should := _expected(stack, who)):
            yield f"{action} on {name}: {_difference(found, should)}"
    for action, name in FORGERIES:
        if administrator_may(stack, action, name):
            yield f"{action} on {name}: an administrator may speak for the endpoint"
    for holder, action, name in reached_over_plain_http(stack):
        yield f"{action} on {name}: {holder} needs no TLS"
    for queue in ("Succeeded", "Failed", "Results", "SucceededDeadLetter", "FailedDeadLetter", "ResultsDeadLetter"):
        taken = [topic for topic in TOPICS if delivers(stack, topic, f"{queue}Queue")]
        if taken != [f"{queue.removesuffix('DeadLetter')}Topic"]:
            yield f"{queue}Queue takes messages from {taken}"


def key_users(stack: Judged, action: str, service: str) -> set[str]:
    """Return every identity that may use the customer's key through a service."""
    region = stack.arn("LedgerTable").split(":")[3]
    return {
        holder
        for holder in stack.policies
        # In China the service's name may have another suffix. No policy may depend on it.
        if all(
            decide(
                stack.policies[holder],
                stack.resource_policy("Key"),
                Request(
                    stack.principal(holder), action, stack.arn("Key"), {"kms:viaservice": f"{service}.{region}.{end}"}
                ),
            )
            for end in ("amazonaws.com", "amazonaws.com.cn")
        )
    }


def key_disagreements(stack: Judged) -> Iterator[str]:
    """Yield each difference between the users of the customer's key and the matrix."""
    kind, transforms = stack.engines
    for service, users in KEY_USERS.items():
        if service == "sqs" and (kind != "async" or transforms):
            users = users | {PRODUCER}  # sends requests  # noqa: PLW2901
        for action, named in (
            ("kms:Decrypt", users),
            ("kms:GenerateDataKey", users - ONLY_DECRYPT),
            ("kms:ScheduleKeyDeletion", NOBODY),
            ("kms:PutKeyPolicy", NOBODY),
        ):
            found, who = key_users(stack, action, service), _expected(stack, named)
            if found != who:
                yield f"{action} through {service}: {_difference(found, who)}"


def service_uses_key(stack: Judged, service: str, action: str, context: Context = _EMPTY) -> bool:
    """Return true if a service that acts without a role may use the customer managed key."""
    return decide((), stack.resource_policy("Key"), Request(service, action, stack.arn("Key"), context))


def _expected(stack: Judged, who: set[str]) -> set[str]:
    """Return the identities of a row that exist in this deployment."""
    return (who | ({SCIENTIST} if PRODUCER in who else set())) & stack.policies.keys()


def _difference(found: set[str], should: set[str]) -> str:
    return f"{sorted(found - should)} may and should not, {sorted(should - found)} should and may not"
