"""AutoML jobs: a trainer works on them if there is one; their results can be set from outside.

Without a trainer a created job stays InProgress until `AutoMLJobs.update` (`PUT
/_tailrace/sagemaker/auto-ml-jobs/<name>`).
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from tailrace_local.emulator_base.shapes import check, service_model
from tailrace_local.sagemaker.clock import Clock
from tailrace_local.sagemaker.control.registry import Table, Tags, list_page, paginate
from tailrace_local.sagemaker.errors import ApiError, validation
from tailrace_local.sagemaker.locations import Arns

Request = Mapping[str, Any]
Response = dict[str, Any]
Operations = dict[str, Callable[[Request], Awaitable[Response]]]
_RUNNING = ("InProgress", "Stopping")
_FIRST_STEP = {"InProgress": "Starting"}
_NAME, _STATUS, _STEP = "AutoMLJobName", "AutoMLJobStatus", "AutoMLJobSecondaryStatus"
_SUMMARISED = (
    *(_NAME, "AutoMLJobArn", _STATUS, _STEP, "CreationTime", "EndTime", "LastModifiedTime"),
    *("FailureReason", "PartialFailureReasons"),
)
# Members of the newer TabularJobConfig that the older CreateAutoMLJob has in AutoMLJobConfig.
_TABULAR = ("CandidateGenerationConfig", "CompletionCriteria", "Mode")


class Trainer(Protocol):
    """Trains the jobs that are created."""

    def check(self, described: Mapping[str, Any]) -> None:
        """Refuse a job that cannot be trained. Raises ApiError."""
        ...

    def start(self, name: str) -> None:
        """Begin to train a job, which then exists."""
        ...

    def stop(self, name: str) -> None:
        """Stop training a job."""
        ...


@dataclass
class AutoMLJob:
    """A job.

    `described` is the answer of DescribeAutoMLJobV2, `older` the request of a CreateAutoMLJob.
    """

    name: str
    arn: str
    created_s: float
    described: dict[str, Any]
    candidates: list[dict[str, Any]] = field(default_factory=list)
    older: Mapping[str, Any] | None = None


class AutoMLJobs:
    """Implements the operations on AutoML jobs, and `update`."""

    def __init__(self, arns: Arns, tags: Tags, clock: Clock) -> None:
        self._jobs: Table[AutoMLJob] = Table("AutoML job", lambda name: arns.of("automl-job", name))
        self._arns = arns
        self._tags = tags
        self._clock = clock
        self._trainer: Trainer | None = None

    def train_with(self, trainer: Trainer) -> None:
        """Have the jobs that are created from now on trained."""
        self._trainer = trainer

    def operations(self) -> Operations:
        """Return the operations by their API names. Their requests must be validated."""
        return {
            "CreateAutoMLJob": self._create_older,
            "CreateAutoMLJobV2": self._create,
            "DescribeAutoMLJob": self._describe_older,
            "DescribeAutoMLJobV2": self._describe,
            "ListAutoMLJobs": self._list,
            "ListCandidatesForAutoMLJob": self._list_candidates,
            "StopAutoMLJob": self._stop,
        }

    def shown(self) -> list[dict[str, Any]]:
        """Return every job as DescribeAutoMLJobV2 answers it."""
        return [job.described for job in self._jobs]

    def find(self, name: str) -> dict[str, Any] | None:
        """Return a job as DescribeAutoMLJobV2 answers it; None if there is none."""
        job = self._jobs.find(name)
        return job.described if job else None

    def update(self, name: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Set members of DescribeAutoMLJobV2's answer, and optionally `Candidates`.

        A complete answer, such as one from an account, creates a job that does not exist. Required
        members that a candidate lacks are filled in. The best candidate is the only one unless
        `Candidates` lists more.

        Raises:
            ApiError: a member is unknown, wrong, or missing.
        """
        now, job = self._clock.time(), self._jobs.find(name)
        shape = service_model("sagemaker").operation_model("DescribeAutoMLJobV2").output_shape
        unknown = sorted(set(changes) - set(shape.members) - {"Candidates"}) if shape else []
        if unknown:
            raise validation(f"{', '.join(unknown)}: neither a member of DescribeAutoMLJobV2's answer nor Candidates.")
        changes = {key: value for key, value in changes.items() if key not in {_NAME, "AutoMLJobArn"}}
        candidates = [_completed(found, name, now) for found in changes.pop("Candidates", [])]
        if best := changes.get("BestCandidate"):
            changes["BestCandidate"] = _completed(best, name, now)
            candidates = candidates or [changes["BestCandidate"]]
        before = job.described if job else self._first(name, now)
        described = {**before, "LastModifiedTime": now, **_ended(changes, now), **changes}
        check(shape, described)
        for candidate in candidates:
            check(service_model("sagemaker").shape_for("AutoMLCandidate"), candidate)
        job = job or self._jobs.add(AutoMLJob(name, described["AutoMLJobArn"], now, {}))
        job.described, job.candidates = described, candidates or job.candidates
        return described

    def _first(self, name: str, now: float) -> dict[str, Any]:
        return {
            _NAME: name,
            "AutoMLJobArn": self._arns.of("automl-job", name),
            _STATUS: "InProgress",
            _STEP: _FIRST_STEP["InProgress"],
            "CreationTime": now,
            "LastModifiedTime": now,
        }

    async def _create(self, request: Request) -> Response:
        asked = {key: value for key, value in request.items() if key != "Tags"}
        kind = next(iter(request["AutoMLProblemTypeConfig"]), "")
        named = kind.removesuffix("JobConfig")
        return self._add(request, {**asked, "AutoMLProblemTypeConfigName": named}, older=None)

    async def _create_older(self, request: Request) -> Response:
        return self._add(request, _translated(request), older=request)

    def _add(self, request: Request, described: Mapping[str, Any], *, older: Request | None) -> Response:
        name, now = request[_NAME], self._clock.time()
        # AWS: the name must be unique, and is not case-sensitive.
        if any(job.name.lower() == name.lower() for job in self._jobs):
            raise ApiError("ResourceInUse", f"The AutoML job {name} exists already: choose another name.")
        _check_objective(described)
        if self._trainer:
            self._trainer.check(described)
        first = self._first(name, now)
        job = self._jobs.add(AutoMLJob(name, first["AutoMLJobArn"], now, {**first, **described}, older=older))
        self._tags.add(job.arn, list(request.get("Tags", ())))
        if self._trainer:
            self._trainer.start(name)
        return {"AutoMLJobArn": job.arn}

    async def _describe(self, request: Request) -> Response:
        return self._job(request).described

    async def _describe_older(self, request: Request) -> Response:
        job = self._job(request)
        if job.older is None:
            raise _missing(job.name, "It was not created by CreateAutoMLJob: call DescribeAutoMLJobV2.")
        shape = service_model("sagemaker").operation_model("DescribeAutoMLJob").output_shape
        known = shape.members if shape else {}
        found = {**job.described, **job.older}
        return {key: value for key, value in found.items() if key in known}

    async def _list(self, request: Request) -> Response:
        wanted = request.get("StatusEquals")
        chosen = [job for job in self._jobs if wanted in {None, job.described[_STATUS]}]
        rows, more = list_page(chosen, request)
        summaries = [{key: row.described[key] for key in _SUMMARISED if key in row.described} for row in rows]
        return {"AutoMLJobSummaries": summaries} | more

    async def _list_candidates(self, request: Request) -> Response:
        name, status = request.get("CandidateNameEquals"), request.get("StatusEquals")
        chosen = [
            found
            for found in self._job(request).candidates
            if name in {None, found["CandidateName"]} and status in {None, found["CandidateStatus"]}
        ]
        chosen.sort(key=_sort_key(request.get("SortBy")), reverse=request.get("SortOrder") == "Descending")
        rows, more = paginate(chosen, request)
        return {"Candidates": rows} | more

    async def _stop(self, request: Request) -> Response:
        job = self._job(request)
        if job.described[_STATUS] not in _RUNNING:
            raise validation(f"The AutoML job {job.name} is {job.described[_STATUS]}: there is nothing to stop.")
        if self._trainer:
            self._trainer.stop(job.name)
        self.update(job.name, {_STATUS: "Stopped"})
        return {}

    def _job(self, request: Request) -> AutoMLJob:
        job = self._jobs.find(request[_NAME])
        if job is None:
            raise _missing(request[_NAME])
        return job


def _check_objective(described: Mapping[str, Any]) -> None:
    tabular = described.get("AutoMLProblemTypeConfig", {}).get("TabularJobConfig", {})
    if ("ProblemType" in tabular) != ("AutoMLJobObjective" in described):
        raise validation(
            "You must either specify both the type of supervised learning problem in ProblemType and provide the "
            "AutoMLJobObjective metric, or none at all."
        )


def _missing(name: str, hint: str = "") -> ApiError:
    return ApiError("ResourceNotFound", f"Could not find an AutoML job with the name {name}. {hint}".rstrip())


def _ended(changes: Mapping[str, Any], now: float) -> dict[str, Any]:
    """Return the members that follow from a status, unless they are set."""
    status = changes.get(_STATUS)
    if status is None:
        return {}
    step = {_STEP: _FIRST_STEP.get(status, status)}
    return step if status in _RUNNING else {**step, "EndTime": now}


def _completed(candidate: Mapping[str, Any], job: str, now: float) -> dict[str, Any]:
    return {
        "CandidateName": f"{job[:50]}-candidate",
        "ObjectiveStatus": "Succeeded",
        "CandidateSteps": [],
        "CandidateStatus": "Completed",
        "CreationTime": now,
        "LastModifiedTime": now,
        **candidate,
    }


def _translated(request: Request) -> dict[str, Any]:
    """Translate a CreateAutoMLJob request to CreateAutoMLJobV2."""
    config = request.get("AutoMLJobConfig", {})
    channels = request["InputDataConfig"]
    of_channel = ("ChannelType", "ContentType", "CompressionType", "DataSource")
    tabular = {"TargetAttributeName": channels[0]["TargetAttributeName"]}
    tabular |= {key: config[key] for key in _TABULAR if key in config}
    tabular |= {key: request[key] for key in ("ProblemType", "GenerateCandidateDefinitionsOnly") if key in request}
    same = ("OutputDataConfig", "RoleArn", "AutoMLJobObjective", "ModelDeployConfig")
    beside = {key: config[key] for key in ("SecurityConfig", "DataSplitConfig") if key in config}
    return {
        **{key: request[key] for key in same if key in request},
        **beside,
        "AutoMLJobInputDataConfig": [{key: one[key] for key in of_channel if key in one} for one in channels],
        "AutoMLProblemTypeConfig": {"TabularJobConfig": tabular},
        "AutoMLProblemTypeConfigName": "Tabular",
    }


def _sort_key(sort_by: str | None) -> Callable[[Mapping[str, Any]], Any]:
    if sort_by == "FinalObjectiveMetricValue":
        return lambda found: found.get("FinalAutoMLJobObjectiveMetric", {}).get("Value", float("-inf"))
    member = "CandidateStatus" if sort_by == "Status" else "CreationTime"
    return lambda found: str(found[member])
