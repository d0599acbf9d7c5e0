"""An account with AutoML in memory; each request is held to SageMaker's own model of the API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tailrace_core.aws.calls import Call
from tailrace_core.aws.errors import translate_response
from tailrace_core.errors import NotFoundError, TailraceError
from tailrace_local.emulator_base.shapes import validate

ROLE = "arn:aws:iam::123456789012:role/tailrace-training-TrainingRole-1"
BUCKET = "tailrace-training-bucket-1"
_OPERATIONS = {
    "create_auto_ml_job_v2": "CreateAutoMLJobV2",
    "describe_auto_ml_job_v2": "DescribeAutoMLJobV2",
    "list_candidates_for_auto_ml_job": "ListCandidatesForAutoMLJob",
    "stop_auto_ml_job": "StopAutoMLJob",
}
Json = dict[str, Any]


def refusal(operation: str, code: str, message: str, status: int = 400) -> TailraceError:
    """Make the error for an answer of AWS."""
    response = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return translate_response(response, operation)


class AutoMLAccount:
    """Answers the calls of a training; a connection for the trainer and for the commands."""

    region = "eu-west-1"
    where = "region eu-west-1"

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.stacks: dict[str, dict[str, str]] = {"tailrace-training": {"Bucket": BUCKET, "TrainingRole": ROLE}}
        self.objects: dict[tuple[str, str], bytes] = {}
        self.jobs: dict[str, Json] = {}
        self.steps: list[Json | TailraceError] = [{"AutoMLJobStatus": "Completed"}]
        """What each look at a job finds, in turn; the last one stays."""
        self.candidates: list[Json] = []
        self.page = 100
        self.errors: dict[str, TailraceError] = {}
        """Errors by operation, until they are removed."""
        self.closed = False

    def execute(self, call: Call) -> Any:
        self.calls.append(call)
        params = dict(call.params)
        if call.operation in _OPERATIONS:
            validate(_OPERATIONS[call.operation], params)
        if call.operation in self.errors:
            raise self.errors[call.operation]
        answer: Callable[[Json], Any] = getattr(self, f"_{call.operation}")
        return answer(params)

    def close(self) -> None:
        self.closed = True

    def operations(self) -> list[str]:
        """Return the operations that were called, in order."""
        return [call.operation for call in self.calls]

    def made(self) -> Json:
        """Return the request of the one job."""
        (found,) = self.jobs.values()
        return found

    def _describe_stacks(self, params: Json) -> Json:
        found = self.stacks.get(params["StackName"])
        if found is None:
            message = f"Stack with id {params['StackName']} does not exist"
            raise refusal("cloudformation.describe_stacks", "ValidationError", message)
        return {"Stacks": [{"Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in found.items()]}]}

    def _head_object(self, params: Json) -> Json:
        return {"ContentLength": len(self._object(params))}

    def _get_object(self, params: Json) -> bytes:
        end = int(params["Range"].rpartition("-")[2]) + 1 if "Range" in params else None
        return self._object(params)[:end]

    def _object(self, params: Json) -> bytes:
        key = params["Bucket"], params["Key"]
        if key not in self.objects:
            raise NotFoundError("s3: 404: Not Found", code="404")
        return self.objects[key]

    def _put_object(self, params: Json) -> Json:
        self.objects[params["Bucket"], params["Key"]] = params["Body"]
        return {}

    def _list_objects_v2(self, params: Json) -> Json:
        found = [
            {"Key": key, "Size": len(body), "ETag": f"{hash(body)}"}
            for (bucket, key), body in sorted(self.objects.items())
            if bucket == params["Bucket"] and key.startswith(params["Prefix"])
        ]
        return {"Contents": found} if found else {}

    def _create_auto_ml_job_v2(self, params: Json) -> Json:
        if any(name.lower() == params["AutoMLJobName"].lower() for name in self.jobs):
            raise refusal("sagemaker.create_auto_ml_job_v2", "ResourceInUse", "The job exists already")
        self.jobs[params["AutoMLJobName"]] = params
        return {"AutoMLJobArn": self._arn(params["AutoMLJobName"])}

    def _describe_auto_ml_job_v2(self, params: Json) -> Json:
        name = params["AutoMLJobName"]
        if name not in self.jobs:
            message = f"Could not find an AutoML job with the name {name}."
            raise refusal("sagemaker.describe_auto_ml_job_v2", "ResourceNotFound", message)
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        if isinstance(step, TailraceError):
            raise step
        described = {"AutoMLJobArn": self._arn(name), "AutoMLJobSecondaryStatus": step["AutoMLJobStatus"], **step}
        return {**self.jobs[name], **described}

    def _list_candidates_for_auto_ml_job(self, params: Json) -> Json:
        self._describe_auto_ml_job_v2({"AutoMLJobName": params["AutoMLJobName"]})
        start = int(params.get("NextToken", 0))
        end = start + self.page
        more = {"NextToken": str(end)} if end < len(self.candidates) else {}
        return {"Candidates": self.candidates[start:end], **more}

    def _stop_auto_ml_job(self, _: Json) -> Json:
        self.steps[:] = [{"AutoMLJobStatus": "Stopped"}]
        return {}

    def _arn(self, name: str) -> str:
        return f"arn:aws:sagemaker:eu-west-1:123456789012:automl-job/{name.lower()}"


def candidate(name: str, value: float | None, metric: str = "RMSE", **metrics: float) -> Json:
    """Return a candidate as SageMaker lists it."""
    objective = {"FinalAutoMLJobObjectiveMetric": {"MetricName": metric, "Value": value}} if value is not None else {}
    return {
        "CandidateName": name,
        "CandidateStatus": "Completed" if value is not None else "Failed",
        **objective,
        "InferenceContainers": [{"Image": "image", "ModelDataUrl": f"s3://models/{name}.tar.gz"}],
        "CandidateProperties": {
            "CandidateMetrics": [
                {"MetricName": key, "StandardMetricName": key, "Value": each, "Set": "Validation"}
                for key, each in metrics.items()
            ]
        },
    }
