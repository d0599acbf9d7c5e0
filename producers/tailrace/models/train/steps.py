"""The calls of a training, as steps: the stack, the data in S3, the job, and its candidates."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tailrace.models.train.checks import Format, check_opening
from tailrace.models.train.jobs import Candidate, TrainingStatus, ranked
from tailrace.models.train.requests import Channel, same_training
from tailrace_core.aws.calls import BodyCall, Call, Steps
from tailrace_core.errors import AccessDeniedError, ConfigurationError, InputError, NotFoundError, PermanentError

DEFAULT_STACK = "tailrace-training"
_OPENING_BYTES = 1 << 20
_MAX_PAGES = 1_000
_POLICY = "attach the policy TrainerPolicy of the training stack to your identity"


@dataclass(frozen=True, slots=True)
class TrainingStack:
    """A stack of infra/training.yaml."""

    name: str
    bucket: str
    role: str


def find_stack(name: str, where: str) -> Steps[TrainingStack]:
    """Find the stack that training needs; ``where`` names the region in messages.

    Raises:
        InputError: there is none, or it is no such stack; the message says how to make it.
    """
    try:
        answer = yield Call("cloudformation", "describe_stacks", {"StackName": name})
    except AccessDeniedError:
        raise
    except PermanentError as exc:
        if "does not exist" not in exc.message:
            raise
        raise InputError(
            f"there is no stack {name!r} in {where}, which has the bucket and the role for training. Deploy it: "
            f"`aws cloudformation deploy --template-file infra/training.yaml --stack-name {name} --capabilities "
            "CAPABILITY_IAM` (the local cloud has it with `tailrace local up --train-locally`); or give --role and "
            "--output-path",
            stack=name,
        ) from exc
    outputs = {each["OutputKey"]: each["OutputValue"] for each in answer["Stacks"][0].get("Outputs", ())}
    if not {"Bucket", "TrainingRole"} <= outputs.keys():
        raise InputError(
            f"stack {name!r} in {where} has no outputs Bucket and TrainingRole: name the stack that was deployed from "
            "infra/training.yaml, or give --role and --output-path",
            stack=name,
        )
    return TrainingStack(name, outputs["Bucket"], outputs["TrainingRole"])


def is_stored(bucket: str, key: str, size_bytes: int) -> Steps[bool]:
    """Report whether an object of this size is stored under a key that names its content."""
    try:
        answer = yield Call("s3", "head_object", {"Bucket": bucket, "Key": key})
    except (NotFoundError, AccessDeniedError):
        # Without s3:ListBucket, S3 answers 403 for a key that does not exist.
        return False
    return bool(answer["ContentLength"] == size_bytes)


def find_data(address: str, target: str) -> Steps[Channel]:
    """Find the objects whose addresses begin with an address, and check the beginning of the first.

    Raises:
        InputError: there is none, their formats differ, or they cannot be trained on.
    """
    bucket, prefix = _parsed(address)
    objects = yield from _objects(bucket, prefix)
    formats = {Format.of(each["Key"]) for each in objects}
    if not objects:
        raise InputError(f"there is no object with bytes under {address}: check the address")
    if len(formats) > 1:
        raise InputError(f"the objects under {address} have several formats: give a prefix with one of them")
    (found,) = formats
    first = objects[0]
    if found.is_csv:
        whole = len(objects) == 1 and first["Size"] <= _OPENING_BYTES
        opening = yield from _opening(bucket, first["Key"], first["Size"])
        if opening is not None:
            text, complete = _decompressed(opening) if found.gzipped else (opening, True)
            check_opening(f"s3://{bucket}/{first['Key']}", text, target, whole=whole and complete)
    listed = [[each["Key"], each.get("ETag", ""), each["Size"]] for each in objects]
    digest = hashlib.sha256(json.dumps(listed).encode()).hexdigest()
    return Channel(address=address, format=found, digest=digest)


def create(request: Mapping[str, Any], *, named: bool) -> Steps[bool]:
    """Create a job; return False if the same training was started before, under the same name.

    Args:
        request: of CreateAutoMLJobV2.
        named: the name was chosen by the caller, and not made of the data.

    Raises:
        InputError: the name is taken by another training.
        PermanentError: SageMaker refuses the job; the message says what to do.
    """
    name = request["AutoMLJobName"]
    try:
        yield Call("sagemaker", "create_auto_ml_job_v2", request)
    except AccessDeniedError as exc:
        raise AccessDeniedError(
            f"{exc.message}: to train takes sagemaker:CreateAutoMLJobV2, and iam:PassRole on {request['RoleArn']}; "
            f"{_POLICY}",
            **exc.details,
        ) from exc
    except PermanentError as exc:
        code = exc.details.get("code")
        if code == "ResourceInUse":
            yield from _require_same(name, request, named=named, cause=exc)
            return False
        raise _with_remedy(exc, request["RoleArn"]) from exc
    return True


def describe(name: str) -> Steps[TrainingStatus]:
    """Look a job up.

    Raises:
        InputError: there is no such job.
    """
    return TrainingStatus.read((yield from _described(name)))


def stop(name: str) -> Steps[None]:
    """Stop a job."""
    yield Call("sagemaker", "stop_auto_ml_job", {"AutoMLJobName": name})


def leaderboard(name: str) -> Steps[list[Candidate]]:
    """Return a job's candidates, the best first.

    Raises:
        InputError: there is no such job.
    """
    found: list[Candidate] = []
    params: dict[str, Any] = {
        "AutoMLJobName": name,
        "SortBy": "FinalObjectiveMetricValue",
        "SortOrder": "Descending",
        "MaxResults": 100,
    }
    for _ in range(_MAX_PAGES):
        try:
            answer = yield Call("sagemaker", "list_candidates_for_auto_ml_job", params)
        except PermanentError as exc:
            raise _missing(name, exc) from exc
        found += [Candidate.read(each) for each in answer.get("Candidates", ())]
        if not answer.get("NextToken"):
            break
        params = {**params, "NextToken": answer["NextToken"]}
    return ranked(found)


def _described(name: str) -> Steps[dict[str, Any]]:
    try:
        answer: dict[str, Any] = yield Call("sagemaker", "describe_auto_ml_job_v2", {"AutoMLJobName": name})
    except PermanentError as exc:
        raise _missing(name, exc) from exc
    return answer


def _missing(name: str, exc: PermanentError) -> PermanentError | InputError:
    if isinstance(exc, NotFoundError) or "Could not find" in exc.message or "does not exist" in exc.message:
        return InputError(f"there is no AutoML job {name!r} in this account and region: check the name", job=name)
    return exc


def _require_same(name: str, request: Mapping[str, Any], *, named: bool, cause: PermanentError) -> Steps[None]:
    advice = "choose another with --name" if named else "give it a name of its own with --name"
    try:
        described = yield from _described(name)
    except InputError as exc:
        raise InputError(
            f"the name {name!r} is taken by an AutoML job whose name has other capitals: {advice}", job=name
        ) from exc
    if same_training(described, request):
        return
    raise InputError(
        f"there is an AutoML job {name!r} with other data or options (names are unique, whatever their capitals): "
        f"{advice}",
        job=name,
    ) from cause


def _with_remedy(exc: PermanentError, role: str) -> PermanentError | ConfigurationError:
    if exc.details.get("code") == "ResourceLimitExceeded":
        return PermanentError(
            f"{exc.message}: the account runs as many AutoML jobs as its quota allows; wait until one has ended, or "
            "raise the quota of SageMaker in Service Quotas",
            **exc.details,
        )
    if any(words in exc.message for words in ("assume", "trust", "AssumeRole")):
        return ConfigurationError(
            f"{exc.message}: SageMaker cannot act as {role}; its trust policy must allow sagemaker.amazonaws.com",
            **exc.details,
        )
    return exc


def _objects(bucket: str, prefix: str) -> Steps[list[dict[str, Any]]]:
    found: list[dict[str, Any]] = []
    params: dict[str, Any] = {"Bucket": bucket, "Prefix": prefix}
    for _ in range(_MAX_PAGES):
        try:
            answer = yield Call("s3", "list_objects_v2", params)
        except AccessDeniedError as exc:
            raise AccessDeniedError(
                f"{exc.message}: to look at s3://{bucket}/{prefix} takes s3:ListBucket on the bucket", **exc.details
            ) from exc
        except NotFoundError as exc:
            raise InputError(f"there is no bucket {bucket!r}: check the address") from exc
        found += [each for each in answer.get("Contents", ()) if each["Size"]]
        if not answer.get("NextContinuationToken"):
            break
        params = {**params, "ContinuationToken": answer["NextContinuationToken"]}
    return found


def _opening(bucket: str, key: str, size_bytes: int) -> Steps[bytes | None]:
    """Return the first bytes of an object; None if the identity may not read it."""
    ranged = {} if size_bytes <= _OPENING_BYTES else {"Range": f"bytes=0-{_OPENING_BYTES - 1}"}
    try:
        body: bytes = yield BodyCall("s3", "get_object", {"Bucket": bucket, "Key": key, **ranged})
    except AccessDeniedError:
        return None
    return body


def _decompressed(data: bytes) -> tuple[bytes, bool]:
    """Return the bytes of a gzip file of which the end may be missing, and whether it was there."""
    found = bytearray()
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            while block := file.read1(_OPENING_BYTES):
                found += block
                if len(found) > _OPENING_BYTES:
                    return bytes(found), False
    except (EOFError, zlib.error):
        return bytes(found), False
    except OSError as exc:
        raise InputError(f"the data are no gzip, though their name ends in .gz: {exc}") from exc
    return bytes(found), True


def _parsed(address: str) -> tuple[str, str]:
    bucket, _, prefix = address.removeprefix("s3://").partition("/")
    if not bucket:
        raise InputError(f"{address!r} is no address: write s3://BUCKET/PREFIX")
    return bucket, prefix
