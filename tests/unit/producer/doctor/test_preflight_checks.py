"""Each check before a deployment: one precondition is missing, and exactly its check reports it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import pytest

from tailrace.doctor.diagnosis import examine
from tailrace.doctor.findings import Finding, Status
from tailrace.doctor.iam_actions import iam_action
from tailrace.doctor.preflight.deployer import ACTIONS, KEY_ACTIONS, SCALING_ACTIONS
from tailrace.doctor.preflight.plan import Plan
from tailrace.doctor.preflight.quotas import CONSUMERS, RESERVING
from tailrace.doctor.preflight.table import CHECKS
from tailrace_core.aws.calls import Call, run
from tailrace_core.errors import NotFoundError, PermanentError
from tests.infra.templates import as_list, root, source
from tests.unit.producer.doctor.account import COMMANDS, ID, NOW, REGION, ROLE, Answer, arn, denied

IMAGE = f"{ID}.dkr.ecr.{REGION}.amazonaws.com/demand:1"
DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
OCI = "application/vnd.oci.image.manifest.v1+json"
WHOLE: dict[str, Any] = {
    "image": IMAGE,
    "model_data": "s3://models/demand/model.tar.gz",
    "max_instance_count": 2,
    "customer_managed_key": True,
}


def _nothing_named(operation: str, text: str) -> Answer:
    def refuse(_: Mapping[str, Any]) -> Any:
        raise PermanentError(f"{operation}: ValidationError: {text}")

    return refuse


def _not_found(_: Mapping[str, Any]) -> Any:
    raise NotFoundError("404: Not Found")


def _image(architecture: str = "amd64", kind: str = DOCKER, **manifest: Any) -> dict[str, Any]:
    body = manifest or {"config": {"digest": f"sha256:{architecture}"}}
    return {
        "images": [
            {
                "imageId": {"imageDigest": "sha256:1"},
                "imageManifest": json.dumps(body),
                "imageManifestMediaType": kind,
            }
        ]
    }


def _settings(total: int, shared: int) -> dict[str, Any]:
    return {"AccountLimit": {"ConcurrentExecutions": total, "UnreservedConcurrentExecutions": shared}}


def _quota(value: float) -> dict[str, Any]:
    name = "ml.m5.large for endpoint usage"
    return {"Quotas": [{"QuotaName": name, "QuotaCode": "L-1", "ServiceCode": "sagemaker", "Value": value}]}


class Fresh:
    """An account that is ready for the first deployment, with everything named."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.answers: dict[str, Answer] = {
            "sts.get_caller_identity": lambda _: {
                "Arn": ROLE,
                "Account": ID,
                "ResponseMetadata": {"HTTPHeaders": {"date": "Fri, 15 Jan 2027 08:00:00 GMT"}},
            },
            "iam.get_role": lambda asked: {"Role": {"Arn": f"arn:aws:iam::{ID}:role/{asked['RoleName']}"}},
            "iam.list_roles": lambda _: {"Roles": [{"RoleName": "AWSServiceRoleForScaling"}]},
            "iam.simulate_principal_policy": lambda asked: {
                "EvaluationResults": [
                    {"EvalActionName": name, "EvalDecision": "allowed"} for name in asked["ActionNames"]
                ]
            },
            "cloudformation.describe_stacks": _nothing_named("describe_stacks", "Stack demand does not exist"),
            "s3.list_buckets": lambda _: {"Buckets": [{"Name": "models"}]},
            "dynamodb.list_tables": lambda _: {"TableNames": ["other"]},
            "kms.list_keys": lambda _: {"Keys": [{"KeyId": "k"}]},
            "kms.describe_key": lambda _: {"KeyMetadata": {"Arn": "arn:k", "KeyState": "Enabled", "Description": "x"}},
            "service-quotas.list_service_quotas": lambda asked: _quota(4) if "NextToken" in asked else _page(),
            "service-quotas.list_aws_default_service_quotas": lambda _: {"Quotas": []},
            "lambda.get_account_settings": lambda _: _settings(1000, 1000),
            "ecr.batch_get_image": lambda _: _image(),
            "ecr.get_download_url_for_layer": lambda asked: {"downloadUrl": f"https://{asked['layerDigest']}"},
            "s3.head_object": lambda _: {"ContentLength": 1234567},
            "s3.head_bucket": lambda _: {"BucketRegion": REGION},
        }

    def execute(self, call: Call) -> Any:
        self.calls.append(call)
        return self.answers[f"{call.service}.{call.operation}"](call.params)

    def plan(self, **changes: Any) -> Plan:
        return Plan(
            stack="demand", region=REGION, commands=COMMANDS, now=lambda: NOW, fetch=_fetch, **(WHOLE | changes)
        )

    def findings(self, **changes: Any) -> list[Finding]:
        return list(examine(self.plan(**changes), self.execute))

    def problems(self, **changes: Any) -> dict[str, Finding]:
        found = reversed(self.findings(**changes))
        return {each.check: each for each in found if each.status is not Status.OK}


def _page() -> dict[str, Any]:
    return {"Quotas": [{"QuotaName": "another"}], "NextToken": "2"}


def _fetch(url: str) -> bytes:
    return json.dumps({"architecture": url.rpartition(":")[2]}).encode()


def test_an_account_that_is_ready_is_ok_throughout() -> None:
    found = Fresh().findings()
    assert {each.check: each.seen for each in found if each.status is not Status.OK} == {}
    assert [each.check for each in found] == [check.name for check in CHECKS]


def test_without_an_image_and_data_nothing_of_them_is_read() -> None:
    account = Fresh()
    assert account.problems(image="", model_data="", max_instance_count=0, customer_managed_key=False) == {}
    services = {call.service for call in account.calls}
    assert not services & {"ecr", "kms"}


@dataclass(frozen=True)
class Lack:
    """One precondition that is missing."""

    name: str
    apply: Callable[[Fresh], Any]
    check: str
    status: Status
    seen: str
    command: str = ""
    changes: dict[str, Any] = field(default_factory=dict)


def _answer(operation: str, value: Any) -> Callable[[Fresh], None]:
    return lambda account: account.answers.update({operation: lambda _: value})


def _unchanged(_: Fresh) -> None:
    """Leave the account; the plan is what does not fit."""


def _stack(status: str) -> Callable[[Fresh], None]:
    return _answer("cloudformation.describe_stacks", {"Stacks": [{"StackStatus": status}]})


def _caller(caller: str) -> Callable[[Fresh], None]:
    def apply(account: Fresh) -> None:
        before = account.answers["sts.get_caller_identity"]({})
        account.answers["sts.get_caller_identity"] = lambda _: {**before, "Arn": caller}

    return apply


def _deny(action: str) -> Callable[[Fresh], None]:
    def decide(asked: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "EvaluationResults": [
                {"EvalActionName": name, "EvalDecision": "implicitDeny" if name == action else "allowed"}
                for name in asked["ActionNames"]
            ]
        }

    return lambda account: account.answers.update({"iam.simulate_principal_policy": decide})


def _no_role(account: Fresh) -> None:
    account.answers["iam.list_roles"] = lambda _: {"Roles": []}


def _no_role_and_no_permission(account: Fresh) -> None:
    _no_role(account)
    _deny("iam:CreateServiceLinkedRole")(account)


FAIL, WARN, CANNOT_TELL = Status.FAIL, Status.WARN, Status.CANNOT_TELL
INDEX: dict[str, Any] = {"manifests": [{"platform": {"architecture": "amd64"}}]}
LACKS = (
    Lack("the root's keys", _caller(f"arn:aws:iam::{ID}:root"), "identity", WARN, "root"),
    Lack("a failed first deployment", _stack("ROLLBACK_COMPLETE"), "stack", FAIL, "takes no update", "delete-stack"),
    Lack("another deployment", _stack("CREATE_IN_PROGRESS"), "stack", FAIL, "another deployment is running"),
    Lack(
        "a change set that nobody confirmed",
        _stack("REVIEW_IN_PROGRESS"),
        "stack",
        WARN,
        "not confirmed",
        "delete-stack",
    ),
    Lack(
        "an update that cannot roll back",
        _stack("UPDATE_ROLLBACK_FAILED"),
        "stack",
        FAIL,
        "no update",
        "continue-update",
    ),
    Lack(
        "an earlier stack's bucket",
        _answer("s3.list_buckets", {"Buckets": [{"Name": "demand-bucket-1"}]}),
        "leftovers",
        WARN,
        "demand-bucket-1",
        "aws s3api delete-bucket --bucket demand-bucket-1",
    ),
    Lack(
        "an earlier stack's table",
        _answer("dynamodb.list_tables", {"TableNames": ["demand-LedgerTable-1"]}),
        "leftovers",
        WARN,
        "demand-LedgerTable-1",
        "delete-table --table-name demand-LedgerTable-1",
    ),
    Lack(
        "an earlier stack's key",
        _answer(
            "kms.describe_key",
            {
                "KeyMetadata": {
                    "Arn": "arn:k",
                    "KeyState": "Enabled",
                    "Description": "Everything that the stack demand keeps",
                }
            },
        ),
        "leftovers",
        WARN,
        "arn:k",
        "schedule-key-deletion",
    ),
    Lack(
        "an action of a deployment",
        _deny("iam:CreateRole"),
        "actions",
        FAIL,
        "operator may not iam:CreateRole",
        "aws cloudformation deploy --stack-name demand-deployer --template-file infra/deployer.yaml",
    ),
    Lack("a federated user", _caller(f"arn:aws:sts::{ID}:federated-user/x"), "actions", CANNOT_TELL, "federated-user"),
    Lack(
        "the role of scaling",
        _no_role_and_no_permission,
        "scaling-role",
        FAIL,
        "may not make it",
        "create-service-linked-role --aws-service-name sagemaker.application-autoscaling.amazonaws.com",
    ),
    Lack(
        "a quota of 0",
        lambda account: account.answers.update({"service-quotas.list_service_quotas": lambda _: _quota(0)}),
        "instance-quota",
        FAIL,
        "is 0, and 2 are needed",
        "--quota-code L-1 --desired-value 4",
    ),
    Lack(
        "a quota for one update less",
        lambda account: account.answers.update({"service-quotas.list_service_quotas": lambda _: _quota(2)}),
        "instance-quota",
        WARN,
        "not for an update",
        "--desired-value 4",
    ),
    Lack(
        "a type that is unknown",
        _unchanged,
        "instance-quota",
        CANNOT_TELL,
        "ml.x9.huge",
        changes={"instance_type": "ml.x9.huge"},
    ),
    Lack(
        "a new account's concurrency",
        _answer("lambda.get_account_settings", _settings(10, 10)),
        "concurrency",
        WARN,
        "10 concurrent executions",
        "--quota-code L-B99A9384",
    ),
    Lack(
        "too much reserved",
        _answer("lambda.get_account_settings", _settings(100, 100)),
        "concurrency",
        FAIL,
        "100 must be left",
        "--desired-value 1000",
        {"reserved_concurrency": 10},
    ),
    Lack(
        "less reserved than mapped",
        _unchanged,
        "concurrency",
        FAIL,
        "below MaximumConcurrency",
        changes={"reserved_concurrency": 5},
    ),
    Lack(
        "an image of another region",
        _unchanged,
        "image",
        FAIL,
        "is in us-east-1",
        changes={"image": IMAGE.replace(REGION, "us-east-1")},
    ),
    Lack("something that is no image", _unchanged, "image", FAIL, "is not <account>", changes={"image": "demand:1"}),
    Lack(
        "an image that is gone",
        _answer("ecr.batch_get_image", {"images": [], "failures": [{}]}),
        "image",
        FAIL,
        "is not there",
        "aws ecr list-images",
    ),
    Lack(
        "a repository that is gone",
        lambda account: account.answers.update(
            {"ecr.batch_get_image": _nothing_named("batch_get_image", "RepositoryNotFoundException")}
        ),
        "image",
        FAIL,
        "demand is not there",
    ),
    Lack(
        "an image for another processor",
        _answer("ecr.batch_get_image", _image("arm64")),
        "image",
        FAIL,
        "is for arm64",
        "--platform linux/amd64",
    ),
    Lack(
        "an image for another type",
        _unchanged,
        "image",
        FAIL,
        "needs arm64",
        "--platform linux/arm64",
        {"instance_type": "ml.c7g.large"},
    ),
    Lack(
        "an index of images",
        _answer("ecr.batch_get_image", _image(**INDEX)),
        "image",
        FAIL,
        "an index",
        "--provenance=false",
    ),
    Lack(
        "an OCI manifest",
        _answer("ecr.batch_get_image", _image(kind=OCI)),
        "image",
        WARN,
        "OCI",
        "--output type=docker",
    ),
    Lack(
        "data that are gone",
        lambda account: account.answers.update({"s3.head_object": _not_found}),
        "model-data",
        FAIL,
        "is not there",
        "aws s3 cp model.tar.gz s3://models/demand/model.tar.gz",
    ),
    Lack(
        "data of another region",
        _answer("s3.head_bucket", {"BucketRegion": "us-east-1"}),
        "model-data",
        FAIL,
        "is in us-east-1",
    ),
    Lack(
        "data that are archived",
        _answer("s3.head_object", {"ContentLength": 1, "StorageClass": "GLACIER"}),
        "model-data",
        FAIL,
        "archived",
        "--storage-class STANDARD",
    ),
    Lack(
        "data that are no archive",
        _unchanged,
        "model-data",
        FAIL,
        ".tar.gz",
        changes={"model_data": "s3://models/model.pkl"},
    ),
)


@pytest.mark.parametrize("lack", LACKS, ids=lambda lack: lack.name)
def test_exactly_the_check_of_what_is_missing_reports_it(lack: Lack) -> None:
    account = Fresh()
    lack.apply(account)
    problems = account.problems(**lack.changes)
    if lack.name in {"a type that is unknown", "an image for another type"}:
        # A quota is known for one type only.
        problems = {name: each for name, each in problems.items() if name == lack.check}
    assert {name: each.status for name, each in problems.items()} == {lack.check: lack.status}
    assert lack.seen in problems[lack.check].seen
    assert lack.command in problems[lack.check].command


def test_the_role_of_scaling_is_made_by_the_deployment() -> None:
    account = Fresh()
    _no_role(account)
    assert account.problems() == {}


def test_a_stack_that_can_be_updated_keeps_what_is_its_own() -> None:
    account = Fresh()
    outputs = [{"OutputKey": "Bucket", "OutputValue": "demand-bucket-1"}]
    stack = {"StackStatus": "UPDATE_ROLLBACK_COMPLETE", "Outputs": outputs}
    _answer("cloudformation.describe_stacks", {"Stacks": [stack]})(account)
    _answer("s3.list_buckets", {"Buckets": [{"Name": "demand-bucket-1"}]})(account)
    assert account.problems() == {}


def test_an_image_whose_configuration_cannot_be_fetched_is_cannot_tell() -> None:
    def fetch(_: str) -> bytes:
        raise OSError("refused")

    account = Fresh()
    (check,) = [each for each in CHECKS if each.name == "image"]
    plan = Plan(stack="demand", region=REGION, commands=COMMANDS, now=lambda: NOW, fetch=fetch, image=IMAGE)
    (found,) = run(check.run(plan), account.execute)
    assert found.status is Status.CANNOT_TELL


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_a_check_makes_only_calls_that_it_names_and_they_only_read(check: Any) -> None:
    account = Fresh()
    _no_role(account)
    run(check.run(account.plan()), account.execute)
    assert {iam_action(f"{call.service}.{call.operation}") for call in account.calls} <= set(check.reads)
    verbs = {action.partition(":")[2] for action in check.reads}
    assert all(verb.startswith(("Get", "List", "Describe", "Simulate", "BatchGet")) for verb in verbs)


@pytest.mark.parametrize("operation", sorted(Fresh().answers))
def test_a_denied_call_is_never_ok(operation: str) -> None:
    account = Fresh()
    _no_role(account)
    account.answers[operation] = denied(operation)
    asking = {check.name for check in CHECKS if iam_action(operation) in check.reads}
    told = {name for name, each in account.problems().items() if each.status is Status.CANNOT_TELL}
    if operation == "iam.get_role":
        assert told == set()  # the simulation does without the role's path
    elif operation == "service-quotas.list_aws_default_service_quotas":
        assert told == set()  # the quota was found without
    else:
        assert told == asking


def test_the_arithmetic_of_concurrency_is_the_templates() -> None:
    functions = root().of_type("AWS::Lambda::Function")
    reserving = [key for key, each in functions.items() if _reserves(each["Properties"])]
    assert len({*reserving} - {"ProvideModel"}) == RESERVING
    assert len(root().of_type("AWS::Lambda::EventSourceMapping")) == CONSUMERS


def _reserves(properties: dict[str, Any]) -> bool:
    reserved = properties.get("ReservedConcurrentExecutions")
    return reserved is not None and reserved != {"Ref": "AWS::NoValue"}


def test_the_keys_description_is_the_templates() -> None:
    description = source("template.yaml").body["Resources"]["Key"]["Properties"]["Description"]
    assert description == {"Fn::Sub": "Everything that the stack ${AWS::StackName} keeps"}


def test_a_simulated_resource_has_an_arn_of_the_account() -> None:
    account = Fresh()
    account.findings()
    simulated = [call.params["ResourceArns"][0] for call in account.calls if call.operation.startswith("simulate")]
    assert arn("dynamodb", "table/demand-LedgerTable-1") in simulated
    assert "{" not in "".join(simulated)


def test_the_permissions_of_another_identity_are_simulated() -> None:
    account = Fresh()
    role = f"arn:aws:iam::{ID}:role/team/deployer"
    assert account.problems(deployer=role) == {}
    sources = {call.params["PolicySourceArn"] for call in account.calls if call.operation.startswith("simulate")}
    assert sources == {role}


def test_the_deployers_template_grants_what_is_simulated() -> None:
    names = {"partition": "aws", "region": REGION, "account": ID, "stack": "tailrace", "lower": "tailrace"}
    granted = list(_grants())
    for resource, actions in (ACTIONS | SCALING_ACTIONS | KEY_ACTIONS).items():
        arn = resource.format_map(names)
        for action in actions:
            assert any(action in each and any(fnmatchcase(arn, one) for one in on) for each, on in granted), (
                action,
                arn,
            )


def _grants() -> Iterator[tuple[list[str], list[str]]]:
    """Yield actions and resources of each unconditional statement of the deployer's policies."""
    values = {"AWS::Partition": "aws", "AWS::Region": REGION, "AWS::AccountId": ID, "StackName": "tailrace"}
    for _, statement in source("infra/deployer.yaml").role_statements():
        resources = [each["Fn::Sub"] if isinstance(each, dict) else each for each in as_list(statement["Resource"])]
        filled = [re.sub(r"\$\{([^}]+)\}", lambda match: values.get(match[1], "*"), each) for each in resources]
        if "StringLike" not in (condition := statement.get("Condition", {})) and "Bool" not in condition:
            yield as_list(statement["Action"]), filled
