"""Each check of a stack: one thing is broken, exactly its check reports it, and names the fix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tailrace.doctor.findings import Status
from tailrace.doctor.iam_actions import iam_action
from tailrace.doctor.stack.cloudformation import OUTPUTS
from tailrace.doctor.stack.table import CHECKS
from tailrace_core.aws.calls import run
from tailrace_core.errors import ConfigurationError, NotFoundError, PermanentError, TailraceError, TransientError
from tests.infra.templates import source
from tests.unit.producer.doctor.account import VALUES, Account, denied, queue_arn


def test_a_healthy_stack_is_ok_throughout() -> None:
    found = Account().findings()
    assert {each.check: each.seen for each in found if each.status is not Status.OK} == {}
    assert [each.check for each in found] == [check.name for check in CHECKS]


def with_engine(kind: str, *, asynchronous: bool = False, **parameters: str) -> Account:
    account = Account(**parameters)
    queue = "Transforms" if kind == "none" else "Scoring"
    function = "RunTransforms" if kind == "none" else "ScoreChunks"
    account.outputs |= {
        "EndpointKind": kind,
        f"{queue}QueueUrl": f"https://sqs.eu-west-1.amazonaws.com/1/demand-{queue}Queue",
        f"{queue}DeadLetterQueue": f"https://sqs.eu-west-1.amazonaws.com/1/demand-{queue}DeadLetterQueue",
        f"{function}Function": f"demand-{function}",
    }
    if kind == "none":
        del account.outputs["EndpointName"]
    if not asynchronous:
        del account.endpoint["AsyncInferenceConfig"]
    account.answers["application-autoscaling.describe_scaling_policies"] = lambda _: {
        "ScalingPolicies": [{"PolicyName": "SageMakerEndpointInvocationScalingPolicy"}]
    }
    return account


@pytest.mark.parametrize("kind", ["realtime", "serverless", "none"])
@pytest.mark.parametrize("most", ["0", "3"])
def test_a_healthy_stack_of_another_engine_is_ok_throughout(kind: str, most: str) -> None:
    account = with_engine(kind, MaxInstanceCount=most)
    found = account.findings()
    assert [each for each in found if each.status is not Status.OK] == []
    asked = [
        action for call in account.calls if call.operation == "simulate_principal_policy"
        for action in call.params["ActionNames"]
    ]  # fmt: skip
    assert "sagemaker:InvokeEndpointAsync" not in asked
    mapped = [call.params["FunctionName"] for call in account.calls if call.operation == "list_event_source_mappings"]
    assert mapped[-1] == ("demand-RunTransforms" if kind == "none" else "demand-ScoreChunks")


def test_a_healthy_stack_with_an_inbox_is_ok_throughout() -> None:
    account = Account().with_files()
    assert account.problems() == {}
    mapped = {call.params["FunctionName"] for call in account.calls if call.operation == "list_event_source_mappings"}
    assert mapped >= {"demand-FailCutting", "demand-StartJobs", "demand-DeliverResults"}
    asked = {
        action for call in account.calls if call.operation == "simulate_principal_policy"
        for action in call.params["ActionNames"]
    }  # fmt: skip
    assert "states:StartExecution" in asked


OF_FILES: dict[str, tuple[Callable[[Account], Any], str, Status, str]] = {
    "dead letters of files": (
        lambda account: account.counts.update(InboxDeadLetterQueue={"ApproximateNumberOfMessages": "2"}),
        "dead-letters",
        Status.WARN,
        "2 dead letters of inbox",
    ),
    "an outbox that hears of no job": (
        lambda account: account.subscribed[VALUES["ResultsTopic"]].remove(queue_arn("OutboxQueue")),
        "subscriptions",
        Status.FAIL,
        "OutboxQueue is not subscribed to ResultsTopic",
    ),
    "a bucket that reports nothing": (
        lambda account: account.answers.update({"s3.get_bucket_notification_configuration": lambda _: {}}),
        "arrivals",
        Status.FAIL,
        "start no jobs",
    ),
    "a state machine that is being deleted": (
        lambda account: account.answers.update(
            {"stepfunctions.describe_state_machine": lambda _: {"status": "DELETING"}}
        ),
        "state-machine",
        Status.FAIL,
        "is DELETING",
    ),
    "a queue that EventBridge may not send to": (
        lambda account: account.counts.update(InboxQueue={"Policy": "{}"}),
        "events",
        Status.FAIL,
        "the policy of InboxQueue does not let EventBridge send",
    ),
}


@pytest.mark.parametrize("name", OF_FILES)
def test_exactly_the_check_of_what_is_broken_about_files_reports_it(name: str) -> None:
    apply, check, status, seen = OF_FILES[name]
    account = Account().with_files()
    apply(account)
    problems = account.problems()
    assert {name: each.status for name, each in problems.items()} == {check: status}
    assert seen in problems[check].seen
    assert problems[check].command


def test_an_endpoint_of_another_kind_than_the_stacks_fails() -> None:
    found = with_engine("realtime", asynchronous=True).findings()
    (failed,) = [each for each in found if each.status is not Status.OK]
    assert (failed.check, failed.status) == ("endpoint-configuration", Status.FAIL)
    assert "EndpointKind is realtime" in failed.seen


def test_a_healthy_stack_that_scales_is_ok_throughout() -> None:
    account = Account(MaxInstanceCount="3")
    account.endpoint["ProductionVariants"][0] |= {"CurrentInstanceCount": 0, "DesiredInstanceCount": 0}
    assert account.problems() == {}


@dataclass(frozen=True)
class Break:
    """One thing that is broken."""

    name: str
    apply: Callable[[Account], Any]
    checks: dict[str, Status]
    command: str = ""
    """Words of the command that fixes it."""
    seen: str = ""
    parameters: dict[str, str] = field(default_factory=dict)


def _answer(operation: str, value: Any) -> Callable[[Account], None]:
    def apply(account: Account) -> None:
        account.answers[operation] = lambda _: value

    return apply


def _refuse(operation: str, error: TailraceError) -> Callable[[Account], None]:
    def raise_it(_: Any) -> Any:
        raise error

    def apply(account: Account) -> None:
        account.answers[operation] = raise_it

    return apply


def _letters(queue: str) -> Callable[[Account], None]:
    return lambda account: account.counts.update({queue: {"ApproximateNumberOfMessages": "2"}})


def _old(account: Account) -> None:
    account.counts["FailedQueue"] = {"ApproximateNumberOfMessages": "2"}
    account.metrics["ApproximateAgeOfOldestMessage", "demand-FailedQueue"] = [10.0, 7200.0]


def _unread(account: Account) -> None:
    account.counts["ResultsQueue"] = {"ApproximateNumberOfMessages": "9"}
    account.metrics["ApproximateAgeOfOldestMessage", "demand-ResultsQueue"] = [7200.0]


def _status(status: str) -> Callable[[Account], None]:
    def apply(account: Account) -> None:
        account.status = status
        account.answers["cloudformation.describe_stack_events"] = _events

    return apply


def _events(asked: Any) -> Any:
    nested = "arn:nested"
    root = [
        ("demand", "ROLLBACK_COMPLETE", "", "arn:root"),
        ("Bucket", "CREATE_FAILED", "Resource creation cancelled", "b"),
        ("Endpoint", "CREATE_FAILED", "Embedded stack was not successfully created", nested),
        ("demand", "CREATE_IN_PROGRESS", "User Initiated", "arn:root"),
        ("Old", "CREATE_FAILED", "of an earlier deployment", "o"),
    ]
    inner = [
        ("Endpoint", "CREATE_FAILED", "did not pass the ping health check", "e"),
        ("demand-Endpoint", "CREATE_IN_PROGRESS", "", nested),
    ]
    is_nested = asked["StackName"] == nested
    return {
        "StackEvents": [
            {
                "StackId": nested if is_nested else "arn:root",
                "LogicalResourceId": logical,
                "ResourceType": "AWS::CloudFormation::Stack" if physical.startswith("arn") else "AWS::Other",
                "PhysicalResourceId": physical,
                "ResourceStatus": status,
                "ResourceStatusReason": reason,
            }
            for logical, status, reason, physical in (inner if is_nested else root)
        ]
    }


def _failed_endpoint(account: Account) -> None:
    account.endpoint |= {"EndpointStatus": "Failed", "FailureReason": "did not pass the ping health check"}


def _no_instances(account: Account) -> None:
    account.endpoint["ProductionVariants"][0] |= {"CurrentInstanceCount": 0, "DesiredInstanceCount": 0}


def _foreign_topic(account: Account) -> None:
    account.endpoint["AsyncInferenceConfig"]["OutputConfig"]["NotificationConfig"]["ErrorTopic"] = "arn:other"


def _unsubscribed(account: Account) -> None:
    account.subscribed[VALUES["FailedTopic"]] = []


def _unheard(account: Account) -> None:
    account.subscribed[VALUES["AlarmTopic"]] = []


def _alarm(**more: Any) -> dict[str, Any]:
    alarm = {"AlarmName": "demand-Watch-1", "AlarmDescription": "page", "AlarmActions": [VALUES["AlarmTopic"]]}
    return {"MetricAlarms": [{**alarm, **more}]}


def _in_alarm(account: Account) -> None:
    account.answers["cloudwatch.describe_alarms"] = lambda _: _alarm(AlarmDescription="page: … #chunks-are-parked")


def _undelivered(account: Account) -> None:
    account.counts["SucceededQueue"] = {"Policy": '{"Statement": []}'}


def _mapping(**more: Any) -> Callable[[Account], None]:
    return lambda account: account.mapping.update(more)


def _attributes(**more: str) -> Callable[[Account], None]:
    return lambda account: account.attributes.update(more)


def _not_there(operation: str) -> NotFoundError:
    return NotFoundError(f"{operation}: 404: Not Found", operation=operation)


SCALES = {"MaxInstanceCount": "3"}
_SIMULATED = {
    "EvaluationResults": [
        {"EvalActionName": "s3:PutObject", "EvalDecision": "implicitDeny"},
        {"EvalActionName": "s3:GetObject", "EvalDecision": "explicitDeny"},
    ]
}
_SCHEDULE = {
    "Name": "ReconcileJobsSchedule",
    "GroupName": "group",
    "State": "DISABLED",
    "ScheduleExpression": "rate(5 minutes)",
    "FlexibleTimeWindow": {"Mode": "OFF"},
    "Target": {"Arn": "a", "RoleArn": "r"},
    "CreationDate": object(),
}
FAIL, WARN = Status.FAIL, Status.WARN
BREAKS = (
    Break(
        "another account",
        _answer("sts.get_caller_identity", {"Arn": "arn:aws:iam::9:root", "Account": "9"}),
        {"identity": FAIL, "clock": Status.CANNOT_TELL},
        seen="another account",
    ),
    Break(
        "a wrong clock",
        _answer(
            "sts.get_caller_identity",
            {
                "Arn": "arn:aws:iam::123456789012:root",
                "Account": "123456789012",
                "ResponseMetadata": {"HTTPHeaders": {"date": "Fri, 15 Jan 2027 08:10:00 GMT"}},
            },
        ),
        {"clock": FAIL},
        "timedatectl",
        "600 s behind",
    ),
    Break(
        "a slow clock",
        _answer(
            "sts.get_caller_identity",
            {
                "Arn": "arn:aws:iam::123456789012:root",
                "Account": "123456789012",
                "ResponseMetadata": {"HTTPHeaders": {"date": "Fri, 15 Jan 2027 07:58:00 GMT"}},
            },
        ),
        {"clock": WARN},
        "timedatectl",
        "120 s ahead",
    ),
    Break(
        "tasks that are not allowed",
        _answer("iam.simulate_principal_policy", _SIMULATED),
        {"tasks": WARN},
        "aws iam attach-role-policy --role-name operator --policy-arn",
        "s3:PutObject on",
    ),
    Break(
        "a first deployment that failed",
        _status("ROLLBACK_COMPLETE"),
        {"stack": FAIL},
        "delete-stack --stack-name demand",
    ),
    Break("an update that failed", _status("UPDATE_ROLLBACK_COMPLETE"), {"stack": WARN}),
    Break(
        "an update that cannot roll back",
        _status("UPDATE_ROLLBACK_FAILED"),
        {"stack": FAIL},
        "continue-update-rollback",
    ),
    Break("a deployment that goes on", _status("UPDATE_IN_PROGRESS"), {"stack": WARN}, "describe-stack-events"),
    Break("a bucket that is gone", _refuse("s3.head_bucket", _not_there("s3.head_bucket")), {"bucket": FAIL}),
    Break(
        "a table that is gone",
        _refuse("dynamodb.describe_table", _not_there("dynamodb.describe_table")),
        {"ledger": FAIL},
    ),
    Break(
        "a table without indexes",
        _answer("dynamodb.describe_table", {"Table": {"TableStatus": "ACTIVE"}}),
        {"ledger": FAIL},
    ),
    Break(
        "an endpoint that failed",
        _failed_endpoint,
        {"endpoint": FAIL},
        "logs tail /aws/sagemaker/Endpoints/",
        "ping health check",
    ),
    Break(
        "an endpoint that is gone",
        _refuse("sagemaker.describe_endpoint", PermanentError("Could not find endpoint")),
        {"endpoint": FAIL, "endpoint-configuration": Status.CANNOT_TELL, "instances": Status.CANNOT_TELL},
        seen="is gone",
    ),
    Break(
        "an endpoint that notifies others",
        _foreign_topic,
        {"endpoint-configuration": FAIL},
        seen="ErrorTopic is arn:other",
    ),
    Break("no instances", _no_instances, {"instances": FAIL}, "DesiredInstanceCount=1"),
    Break(
        "scaling that is not registered",
        _answer("application-autoscaling.describe_scalable_targets", {"ScalableTargets": []}),
        {"scaling": FAIL},
        "register-scalable-target",
        parameters=SCALES,
    ),
    Break(
        "scaling that is suspended",
        _answer(
            "application-autoscaling.describe_scalable_targets",
            {
                "ScalableTargets": [
                    {"MinCapacity": 0, "MaxCapacity": 3, "SuspendedState": {"DynamicScalingOutSuspended": True}}
                ]
            },
        ),
        {"scaling": FAIL},
        "--suspended-state '{\"DynamicScalingOutSuspended\": false}'",
        parameters=SCALES,
    ),
    Break(
        "a lower maximum",
        _answer(
            "application-autoscaling.describe_scalable_targets",
            {"ScalableTargets": [{"MinCapacity": 0, "MaxCapacity": 1}]},
        ),
        {"scaling": WARN},
        "--max-capacity 3",
        parameters=SCALES,
    ),
    Break(
        "no scaling policy",
        _answer("application-autoscaling.describe_scaling_policies", {"ScalingPolicies": []}),
        {"scaling": FAIL},
        seen="FollowBacklog and LeaveZero",
        parameters=SCALES,
    ),
    Break(
        "no capacity",
        _answer(
            "application-autoscaling.describe_scaling_activities",
            {"ScalingActivities": [{"StatusCode": "Failed", "StatusMessage": "no capacity"}]},
        ),
        {"scaling": WARN},
        "describe-scaling-activities",
        "no capacity",
        parameters=SCALES,
    ),
    Break("no subscription", _unsubscribed, {"subscriptions": FAIL}, "aws sns subscribe --topic-arn"),
    Break(
        "a filter",
        _attributes(FilterPolicy='{"a": ["b"]}'),
        {"filters": FAIL},
        "--attribute-name FilterPolicy --attribute-value '{}'",
    ),
    Break(
        "an envelope",
        _attributes(RawMessageDelivery="false"),
        {"filters": FAIL},
        "--attribute-name RawMessageDelivery --attribute-value true",
    ),
    Break(
        "no dead-letter queue", _attributes(RedrivePolicy=""), {"filters": WARN}, queue_arn("SucceededDeadLetterQueue")
    ),
    Break("a queue's policy", _undelivered, {"delivery": FAIL}, "aws sqs set-queue-attributes"),
    Break(
        "a disabled mapping",
        _mapping(State="Disabled"),
        {"mappings": FAIL},
        "update-event-source-mapping --uuid u-1 --enabled",
    ),
    Break(
        "whole batches",
        _mapping(FunctionResponseTypes=[]),
        {"mappings": FAIL},
        "--function-response-types ReportBatchItemFailures",
    ),
    Break(
        "no mapping",
        _answer("lambda.list_event_source_mappings", {"EventSourceMappings": []}),
        {"mappings": FAIL},
        "create-event-source-mapping --function-name",
    ),
    Break(
        "a throttled function",
        _answer("lambda.get_function", {"Configuration": {}, "Concurrency": {"ReservedConcurrentExecutions": 0}}),
        {"functions": FAIL},
        "delete-function-concurrency",
    ),
    Break(
        "a function that failed",
        _answer("lambda.get_function", {"Configuration": {"State": "Failed", "StateReason": "key"}}),
        {"functions": FAIL},
        "sam deploy",
        "key",
    ),
    Break(
        "a new account's concurrency",
        _answer(
            "lambda.get_account_settings",
            {"AccountLimit": {"ConcurrentExecutions": 10, "UnreservedConcurrentExecutions": 10}},
        ),
        {"concurrency": WARN},
        "request-service-quota-increase",
        "30 batches",
    ),
    Break(
        "a disabled schedule", _answer("scheduler.get_schedule", _SCHEDULE), {"schedule": FAIL}, '"State": "ENABLED"'
    ),
    Break(
        "a schedule that is gone",
        _refuse("scheduler.get_schedule", _not_there("scheduler.get_schedule")),
        {"schedule": FAIL},
    ),
    Break(
        "a reconciler that does not run", lambda account: account.metrics.clear(), {"reconciler": FAIL}, seen="no run"
    ),
    Break(
        "a reconciler that fails",
        lambda account: account.metrics.update({("Errors", "demand-reconcilejobsfunction"): [1.0]}),
        {"reconciler": WARN},
        seen="1 of 2 runs",
    ),
    Break(
        "dead letters",
        _letters("ResultsDeadLetterQueue"),
        {"dead-letters": WARN},
        "tailrace dlq redrive results --yes --stack demand",
    ),
    Break("dead ticks", _letters("ReconcileJobsDeadLetterQueue"), {"dead-letters": WARN}, "aws sqs purge-queue"),
    Break("parked chunks", _letters("ParkedQueue"), {"parked": WARN}, "tailrace parked redrive --all --yes"),
    Break("old messages", _old, {"ages": WARN}, seen="2.0 hours old"),
    Break("no reader", _unread, {"results-reader": WARN}, "purge-queue", "nobody has read"),
    Break("nobody is told of alarms", _unheard, {"alarm-subscribers": WARN}, "aws sns subscribe"),
    Break(
        "alarms without actions", _answer("cloudwatch.describe_alarms", {"MetricAlarms": []}), {"alarm-actions": FAIL}
    ),
    Break("an active alarm", _in_alarm, {"alarms": WARN}, seen="demand-Watch-1 is in ALARM"),
    Break(
        "an alarm's action",
        lambda account: account.answers.update(
            {
                "cloudwatch.describe_alarms": lambda asked: (
                    {"MetricAlarms": []} if asked.get("StateValue") else _alarm(ActionsEnabled=False)
                )
            }
        ),
        {"alarm-actions": WARN},
        "enable-alarm-actions --alarm-names demand-Watch-1",
    ),
)


@pytest.mark.parametrize("broken", BREAKS, ids=lambda broken: broken.name)
def test_exactly_the_check_of_what_is_broken_reports_it_and_names_the_fix(broken: Break) -> None:
    account = Account(**broken.parameters)
    broken.apply(account)
    problems = account.problems()
    assert {name: finding.status for name, finding in problems.items()} == broken.checks
    first = problems[next(iter(broken.checks))]
    assert broken.command in first.command
    assert broken.seen in first.seen
    assert first.command or first.advice


def test_the_reasons_of_a_failed_deployment_come_from_nested_stacks_too() -> None:
    account = Account()
    _status("ROLLBACK_COMPLETE")(account)
    assert account.problems()["stack"].details == ("Endpoint/Endpoint: did not pass the ping health check",)


def test_an_endpoint_that_failed_shows_the_end_of_its_log() -> None:
    account = Account()
    _failed_endpoint(account)
    assert account.problems()["endpoint"].details == ("Traceback", "KeyError: 'x'")


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_a_check_makes_only_calls_that_it_names(check: Any) -> None:
    account = Account(MaxInstanceCount="3")
    account.outputs["KeyArn"] = "arn:key"
    _status("ROLLBACK_COMPLETE")(account)
    account.endpoint["EndpointStatus"] = "Failed"
    stack = account.deployment()
    account.calls.clear()
    run(check.run(stack), account.execute)
    assert {iam_action(f"{call.service}.{call.operation}") for call in account.calls} <= set(check.reads)


@pytest.mark.parametrize("operation", sorted(Account().answers))
def test_a_denied_call_is_never_ok(operation: str) -> None:
    account = Account(MaxInstanceCount="3").with_files()
    account.outputs["KeyArn"] = "arn:key"
    account.counts["ResultsQueue"] = {"ApproximateNumberOfMessages": "1"}
    asking = {
        check.name
        for check in CHECKS
        if operation.split(".", maxsplit=1)[0] != "cloudformation"
        and iam_action(operation) in check.reads
        # The role's path, the ARN's case and the log are extras of checks that do without.
        and (check.name, operation) != ("tasks", "sagemaker.describe_endpoint")
        and operation not in {"iam.get_role", "logs.describe_log_streams", "logs.get_log_events"}
    }
    account.answers[operation] = denied(operation)
    problems = account.problems()
    assert {name for name, each in problems.items() if each.status is Status.CANNOT_TELL} >= asking
    assert Status.FAIL not in {each.status for each in problems.values()}


def test_a_stack_that_may_not_be_described_ends_the_diagnosis() -> None:
    account = Account()
    account.answers["cloudformation.describe_stacks"] = denied("cloudformation.describe_stacks")
    (finding,) = account.findings()
    assert (finding.check, finding.status) == ("stack", Status.CANNOT_TELL)
    assert "cloudformation:DescribeStacks" in finding.seen


def test_a_stack_that_is_not_there_fails_with_the_command_that_lists_stacks() -> None:
    account = Account()
    _refuse("cloudformation.describe_stacks", PermanentError("Stack with id demand does not exist"))(account)
    (finding,) = account.findings()
    assert (finding.check, finding.status) == ("stack", Status.FAIL)
    assert "describe-stacks" in finding.command


def test_a_skewed_clock_is_recognised_by_the_refusal() -> None:
    account = Account()
    error = ConfigurationError("sts.get_caller_identity: SignatureDoesNotMatch: Signature expired: 20270115T0800Z")
    _refuse("sts.get_caller_identity", error)(account)
    assert "clock is wrong" in account.problems()["clock"].seen


def test_an_answer_that_does_not_come_is_cannot_tell() -> None:
    account = Account()
    _refuse("lambda.get_account_settings", TransientError("read timeout"))(account)
    assert account.problems()["concurrency"].status is Status.CANNOT_TELL


def test_an_answer_of_an_unknown_form_does_not_end_the_diagnosis() -> None:
    account = Account()
    _answer("lambda.get_account_settings", {})(account)
    assert {name: each.status for name, each in account.problems().items()} == {"concurrency": Status.CANNOT_TELL}


def test_missing_outputs_are_named() -> None:
    account = Account()
    del account.outputs["OperatorPolicy"]
    assert "OperatorPolicy" in account.problems()["outputs"].seen


def test_the_outputs_are_those_of_the_template() -> None:
    always = {name for name, output in source("template.yaml").body["Outputs"].items() if "Condition" not in output}
    # Stacks of before have one kind of endpoint, and do not say so.
    assert set(OUTPUTS) - {"EndpointName"} == always - {"EndpointKind", "BatchTransform"}


def test_attempts_in_delay_are_counted() -> None:
    account = Account()
    account.counts["RetriesQueue"] = {"ApproximateNumberOfMessagesDelayed": "3"}
    (found,) = [each for each in account.findings() if each.check == "retries"]
    assert found.status is Status.OK
    assert "3 attempts" in found.seen


def test_a_young_stack_has_no_run_yet() -> None:
    account = Account()
    account.metrics.clear()
    account.age_s = 60
    assert account.problems()["reconciler"].status is Status.CANNOT_TELL
