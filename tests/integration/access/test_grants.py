"""Least privilege, seen in what was asked: nothing needed is missing, nothing granted is superfluous."""

from __future__ import annotations

import pytest

from tailrace_local.cloud.access import Decision
from tailrace_local.testing import RunningCloud
from tests.infra.access.policies import Request, identity_allows
from tests.integration.access.conftest import Exercised
from tests.integration.access.grants import Grant, Holder

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(420)]

# Grants that nothing asks for here, and why they are there all the same. A grant that is asked for after all has to
# leave this list, and a new one has to be asked for or be explained here.
_MISSING = "S3 asks it itself for an object that is missing, to answer 404 and not 403; here nothing was missing"
_ABORT = "a part above 8 MiB whose upload breaks off; tests of the adapter take that path"
_RARE = "taken only in a coincidence of faults; the sweep of the functions' calls takes that path in memory"
_OVERDUE = "hours after a request was lost, or for a finisher that died; the functions' own tests take that path"
_MODELS = "when the stack gets another model, or goes; tests of deployments take that path"
_KEY = "services use the key in the caller's name; the local ones encrypt nothing, so the templates are judged instead"
_SCHEDULER = "the schedule's work: a tick every five minutes, and a letter when it cannot be delivered"
UNASKED = {
    **{(f"{name}Role", "LearnWhatIsMissing", "s3:ListBucket"): _MISSING for name in ("ReconcileJobs", "Endpoint")},
    ("CollectResultsRole", "AbortParts", "s3:AbortMultipartUpload"): _ABORT,
    ("HandleFailuresRole", "AbortParts", "s3:AbortMultipartUpload"): _ABORT,
    ("EndpointRole", "WriteOutputsAndFailures", "s3:AbortMultipartUpload"): "SageMaker uploads large outputs in parts",
    ("ProvideModelRole", "PassRole", "iam:PassRole"): "SageMaker asks it itself when a model is made",
    ("ProvideModelRole", "MakeModels", "sagemaker:AddTags"): _MODELS,
    ("ProvideModelRole", "MakeModels", "sagemaker:DeleteModel"): _MODELS,
    **{(holder, "UseKey", f"kms:{action}"): _KEY
       for holder in ("CollectResultsRole", "HandleFailuresRole", "DispatchRetriesRole", "ReconcileJobsRole",
                      "ReconcileJobsScheduleRole", "EndpointRole", "ProducerPolicy")
       for action in ("Decrypt", "GenerateDataKey")},
    ("ProvideModelRole", "UseKey", "kms:Decrypt"): _KEY,
    ("ReconcileJobsRole", "GiveUp", "sqs:SendMessage"): "Lambda sends with it a tick that failed",
    ("ReconcileJobsScheduleRole", "Tick", "lambda:InvokeFunction"): _SCHEDULER,
    ("ReconcileJobsScheduleRole", "GiveUp", "sqs:SendMessage"): _SCHEDULER,
}  # fmt: skip
# Asked every five minutes: by the time the tests look, perhaps.
CLOCKED = {("ReconcileJobsScheduleRole", "Tick", "lambda:InvokeFunction")}
# The same for one resource among several.
RARE = {
    ("CollectResultsRole", "SendOn", "sqs:SendMessage", "RetriesQueue"): _RARE,
    ("CollectResultsRole", "SendOn", "sqs:SendMessage", "ParkedQueue"): _RARE,
    ("DispatchRetriesRole", "SendOn", "sqs:SendMessage", "RetriesQueue"): _RARE,
    ("DispatchRetriesRole", "SendOn", "sqs:SendMessage", "ParkedQueue"): _RARE,
    ("HandleFailuresRole", "ReadAndWriteJobs", "s3:GetObject", "jobs/*/rejects/*"): _RARE,
    ("ReconcileJobsRole", "KeepLedger", "dynamodb:PutItem", "LedgerTable"): _RARE,
    ("ReconcileJobsRole", "LookForAnswers", "s3:GetObject", "failures/*"): _OVERDUE,
    ("ReconcileJobsRole", "SendOn", "sqs:SendMessage", "RetriesQueue"): _OVERDUE,
    ("ReconcileJobsRole", "SendOn", "sqs:SendMessage", "ParkedQueue"): _OVERDUE,
    ("ReconcileJobsRole", "SendOn", "sqs:SendMessage", "FailedQueue"): _OVERDUE,
    ("ReconcileJobsRole", "InvokeModel", "sagemaker:InvokeEndpointAsync", "Endpoint"): _OVERDUE,
}


def request_of(decision: Decision) -> Request:
    context = {key.lower(): value for key, value in decision.context.items()}
    return Request(decision.principal, decision.action, decision.resource, context)


def only_grant_of_some_request(grant: Grant, holder: Holder, asked: list[Request]) -> bool:
    """Whether something was asked that this grant allows, and none of the holder's others."""
    others = [other for other in holder.grants() if other is not grant and other != grant]
    return any(grant.allows(each) and not any(other.allows(each) for other in others) for each in asked)


def exercised_holders(exercised: Exercised) -> list[Holder]:
    """Those whose work the exercise is: readers and operators have none in it."""
    return [holder for name, holder in exercised.holders.items() if name not in {"ReaderPolicy", "OperatorPolicy"}]


def test_nothing_that_is_needed_is_refused(exercised: Exercised) -> None:
    refused = {
        (name, decision.action, decision.resource)
        for name, holder in exercised.holders.items()
        for decision in exercised.asked(holder)
        if not decision.allowed
    }
    assert refused == set()


def test_every_role_and_the_producer_were_at_work(exercised: Exercised) -> None:
    silent = {holder.name for holder in exercised_holders(exercised) if not exercised.asked(holder)}
    assert silent <= {"ReconcileJobsScheduleRole"}


def test_each_grant_is_the_only_one_that_allows_something_that_is_asked(exercised: Exercised) -> None:
    superfluous = {}
    for holder in exercised_holders(exercised):
        asked = list({str(request): request for request in map(request_of, exercised.asked(holder))}.values())
        for grant in holder.grants():
            if not only_grant_of_some_request(grant, holder, asked):
                superfluous[(grant.holder, grant.sid, grant.action, resource_name(grant.resource))] = str(grant)
    explained = {key: text for key, text in superfluous.items() if key[:3] in UNASKED or key in RARE}

    unexplained = sorted(superfluous.keys() - explained.keys())
    asked_after_all = sorted(UNASKED.keys() - CLOCKED - {found[:3] for found in superfluous})
    not_rare = sorted(RARE.keys() - superfluous.keys())
    assert (unexplained, asked_after_all, not_rare) == ([], [], [])


def test_the_emulator_decides_as_the_policies_read(exercised: Exercised) -> None:
    """Both evaluators agree on everything that was asked; resource policies only ever deny here."""
    for holder in exercised_holders(exercised):
        for decision in exercised.asked(holder):
            assert identity_allows(holder.document["Statement"], request_of(decision)) == decision.allowed, decision


def resource_name(resource: str) -> str:
    """A resource without what differs between deployments."""
    last = resource.rsplit(":", 1)[-1]
    if "/v1/" in last:
        return last[last.index("/v1/") + 4 :]
    parts = last.split("/")[-1].split("-")
    return parts[-2] if len(parts) > 1 else parts[0]


def test_the_endpoint_is_enforced_like_aws_own_services(enforcing: RunningCloud) -> None:
    """A user without policies may not even look at it."""
    iam = enforcing.client("iam")
    iam.create_user(UserName="nobody")
    key = iam.create_access_key(UserName="nobody")["AccessKey"]
    session = enforcing.session().__class__(key["AccessKeyId"], key["SecretAccessKey"], region_name=enforcing.region)
    client = session.client("sagemaker", endpoint_url=enforcing.endpoint_url)
    try:
        with pytest.raises(
            client.exceptions.ClientError, match="not authorized to perform: sagemaker:DescribeEndpoint"
        ):
            client.describe_endpoint(EndpointName=enforcing.facts.endpoint_name)
    finally:
        iam.delete_access_key(UserName="nobody", AccessKeyId=key["AccessKeyId"])
        iam.delete_user(UserName="nobody")
