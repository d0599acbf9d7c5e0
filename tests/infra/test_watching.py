"""The alarms, the dashboard and the runbook fit together, and each rule finds its planted flaw."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.infra import runbook, watching
from tests.infra.templates import ROOT, Template, monitoring, root, source, target

if TYPE_CHECKING:
    from collections.abc import Callable

Flaw = tuple[str, "Callable[[Template], Any]"]


def test_everything_that_watches_keeps_every_rule() -> None:
    assert watching.findings(monitoring()) == []


def test_the_alarms_of_engines_keep_the_rules_of_alarms() -> None:
    template = source("infra/engine-alarms.yaml")
    assert [finding for rule in watching.OF_ANY_ALARM for finding in rule(template)] == []
    assert {each["Condition"] for each in template.of_type(watching.ALARM).values()} == {
        "ScoresDirectly", "IsServerless", "Transforms",
    }  # fmt: skip


def test_the_alarms_of_files_keep_the_rules_of_alarms() -> None:
    template = source("infra/file-alarms.yaml")
    assert [finding for rule in watching.OF_ANY_ALARM for finding in rule(template)] == []
    alarms = template.of_type(watching.ALARM)
    of_inbox = {key for key, each in alarms.items() if each.get("Condition") == "HasInbox"}
    assert of_inbox == {key for key in alarms if key.startswith(("Inbox", "Outbox", "StartJobs", "DeliverResults"))}
    watched = {
        (name, target(value))
        for alarm in alarms.values()
        for _, name, dimensions in watching.measured(alarm)
        for value in dimensions.values()
    }
    for queue in ("CuttingEnds", "Inbox", "Outbox"):
        assert ("ApproximateNumberOfMessagesVisible", f"{queue}DeadLetterQueue") in watched
        assert ("ApproximateAgeOfOldestMessage", f"{queue}Queue") in watched
    for function, path in (("FailCutting", "infra/cutting.yaml"), ("StartJobs", "infra/inbox.yaml")):
        assert template.properties(f"{function}Slow")["Threshold"] == 800 * source(path).properties(function)["Timeout"]


@pytest.mark.parametrize(
    ("function", "path", "queue"),
    [("ScoreChunks", "infra/scoring.yaml", "Scoring"), ("RunTransforms", "infra/transforms.yaml", "Transforms")],
)
def test_the_alarms_of_an_engine_watch_its_function_its_queue_and_its_dead_letters(
    function: str, path: str, queue: str
) -> None:
    alarms = source("infra/engine-alarms.yaml")
    watched = {
        (name, target(value))
        for alarm in alarms.of_type(watching.ALARM).values()
        for _, name, dimensions in watching.measured(alarm)
        for value in dimensions.values()
    }
    assert watched >= {(name, function) for name in ("Errors", "Throttles", "Duration")}
    assert ("ApproximateNumberOfMessagesVisible", f"{queue}DeadLetterQueue") in watched
    assert ("ApproximateAgeOfOldestMessage", f"{queue}Queue") in watched
    timeout_s = source(path).properties(function)["Timeout"]
    assert alarms.properties(f"{function}Slow")["Threshold"] == 800 * timeout_s
    assert (
        alarms.properties(f"{queue}QueueOld")["Threshold"]
        < source(path).properties(f"{queue}Queue")["MessageRetentionPeriod"] / 4
    )


@pytest.mark.parametrize(("stack", "path"), [("EngineAlarms", "engine-alarms"), ("FileAlarms", "file-alarms")])
def test_the_root_hands_other_alarms_every_parameter(stack: str, path: str) -> None:
    handed = root().properties(stack)["Parameters"]
    assert set(handed) == set(source(f"infra/{path}.yaml").body["Parameters"])


def test_every_entry_of_the_runbook_has_its_alarms_and_all_its_parts() -> None:
    others = [source(f"infra/{path}.yaml").of_type(watching.ALARM) for path in ("engine-alarms", "file-alarms")]
    alarms = monitoring().of_type(watching.ALARM) | others[0] | others[1]
    for entry in runbook.entries(runbook.read()).values():
        assert entry.alarms, entry.heading
        assert set(entry.alarms) <= alarms.keys(), entry.heading
        assert entry.parts == runbook.PARTS, entry.heading


def test_every_anchor_of_the_page_is_that_of_one_heading() -> None:
    headings = re.findall(r"^#+ (.+)$", runbook.read(), flags=re.MULTILINE)
    anchors = Counter(map(runbook.anchor, headings))
    assert set(anchors.values()) == {1}
    assert set(re.findall(r"\(#([^)]+)\)", runbook.read())) <= anchors.keys()


def test_the_root_hands_the_watch_every_parameter_of_the_same_name() -> None:
    handed = root().properties("Watch")["Parameters"]
    assert set(handed) == set(monitoring().body["Parameters"])
    for name, value in handed.items():
        if target(value) in root().body["Resources"]:
            if value.get("Fn::GetAtt") == ["Ticks", "Outputs.GroupName"]:
                continue
            same = {name, f"ReconcileJobs{name}"}
            assert target(value) in same, name
            assert value.get("Fn::GetAtt", [None, kind(name)])[1] == kind(name), name


def kind(name: str) -> str | None:
    return next((f"{each}Name" for each in ("Queue", "Topic") if name.endswith(each)), None)


def test_the_watch_can_be_left_out() -> None:
    assert root().body["Resources"]["Watch"]["Condition"] == "Monitors"
    outputs = root().body["Outputs"]
    assert (outputs["AlarmTopic"]["Condition"], outputs["DashboardUrl"]["Condition"]) == ("Monitors", "HasDashboard")


def test_the_links_lead_to_a_page_that_exists() -> None:
    assert root().body["Parameters"]["RunbookUrl"]["Default"] == runbook.PAGE
    assert (ROOT / runbook.PAGE).exists()


def test_alarms_alone_may_publish_to_their_topic() -> None:
    allowed, denied = monitoring().properties("AlarmTopicPolicy")["PolicyDocument"]["Statement"]
    assert allowed["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert allowed["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    assert allowed["Condition"]["ArnLike"]["aws:SourceArn"]["Fn::Sub"].endswith(":alarm:*")
    assert (denied["Effect"], denied["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_the_console_is_that_of_the_partition() -> None:
    domains = {partition: each["Domain"] for partition, each in monitoring().body["Mappings"]["Console"].items()}
    assert domains["aws"] == "console.aws.amazon.com"
    assert domains["aws-cn"] == "console.amazonaws.cn"
    url = monitoring().body["Outputs"]["DashboardUrl"]["Value"]["Fn::Sub"]
    assert url[1] == {"Domain": {"Fn::FindInMap": ["Console", {"Ref": "AWS::Partition"}, "Domain"]}}


def of(key: str) -> Callable[[Template], dict[str, Any]]:
    return lambda template: template.properties(key)


def put(key: str, name: str, value: Any) -> Callable[[Template], None]:
    return lambda template: of(key)(template).update({name: value})


def drop(key: str, name: str) -> Callable[[Template], None]:
    return lambda template: of(key)(template).__delitem__(name)


def redraw(old: str, new: str) -> Callable[[Template], None]:
    def change(template: Template) -> None:
        body = of("Overview")(template)["DashboardBody"]
        assert old in body["Fn::Sub"]
        body["Fn::Sub"] = body["Fn::Sub"].replace(old, new, 1)

    return change


def dimension(key: str, name: str, value: str) -> Callable[[Template], None]:
    return put(key, "Dimensions", [{"Name": name, "Value": {"Ref": value}}])


def describe(key: str, text: str) -> Callable[[Template], None]:
    return put(key, "AlarmDescription", {"Fn::Sub": text})


FLAWS: list[Flaw] = [
    ("every_metric_exists", put("ParkedChunks", "MetricName", "ApproximateNumberOfMessageVisible")),
    ("every_metric_exists", put("ParkedChunks", "Namespace", "AWS/Sqs")),
    ("every_metric_exists", put("OverdueFailing", "MetricName", "OverdueFailing")),
    ("every_metric_exists", put("ExpiredRequests", "Dimensions", [{"Name": "EndpointName", "Value": "x"}])),
    ("every_metric_exists", dimension("LedgerReadsThrottled", "Table", "LedgerTable")),
    ("every_metric_exists", redraw("HasBacklogWithoutCapacity", "BacklogWithoutCapacity")),
    ("every_metric_exists", redraw('"service", "reconcile_jobs"', '"service", "collect_results"')),
    ("every_dimension_is_of_this_stack", dimension("ParkedChunks", "QueueName", "ParkedTopic")),
    ("every_dimension_is_of_this_stack", dimension("CollectResultsSlow", "FunctionName", "ParkedQueue")),
    ("every_dimension_is_of_this_stack", redraw("${ParkedQueue}", "tailrace-parked")),
    ("every_alarm_tells_people", drop("NoCapacity", "AlarmActions")),
    ("every_alarm_tells_people", put("NoCapacity", "OKActions", [])),
    ("every_alarm_tells_people", put("NoCapacity", "ActionsEnabled", value=False)),
    ("every_alarm_says_what_missing_data_means", drop("NoCapacity", "TreatMissingData")),
    ("every_alarm_says_what_missing_data_means", put("NoCapacity", "DatapointsToAlarm", 21)),
    ("every_alarm_leads_to_its_runbook", drop("JobsLate", "AlarmDescription")),
    ("every_alarm_leads_to_its_runbook", drop("JobsLate", "Tags")),
    ("every_alarm_leads_to_its_runbook", describe("JobsLate", "page: jobs are late. ${RunbookUrl}#jobs-are-latte")),
    ("every_alarm_leads_to_its_runbook", describe("JobsLate", "ticket: jobs are late. ${RunbookUrl}#jobs-are-late")),
    ("every_alarm_leads_to_its_runbook", describe("JobsLate", "page: jobs are late. ${RunbookUrl}#requests-expire")),
    (
        "expressions_compute_what_is_measured",
        lambda template: of("ModelFailing")(template)["Metrics"][0].update(Expression="failed"),
    ),
    (
        "expressions_compute_what_is_measured",
        lambda template: of("ModelFailing")(template)["Metrics"][1].update(ReturnData=True),
    ),
    ("everything_of_the_stack_is_watched", lambda template: template.body["Resources"].pop("FailedDeadLetters")),
    ("everything_of_the_stack_is_watched", dimension("FailedDeadLetters", "QueueName", "RetriesDeadLetterQueue")),
    ("thresholds_fit_what_they_watch", put("DispatchRetriesSlow", "Threshold", 96000)),
    ("thresholds_fit_what_they_watch", put("OldRequests", "Threshold", 21600)),
    ("thresholds_fit_what_they_watch", put("FailedQueueOld", "Threshold", 345600)),
    (
        "what_depends_on_a_choice_is_conditional",
        lambda template: template.body["Resources"]["IdleInstances"].pop("Condition"),
    ),
    (
        "what_depends_on_a_choice_is_conditional",
        lambda template: template.body["Resources"]["NoCapacity"].update(Condition="ScalesToZero"),
    ),
    ("the_dashboard_can_be_drawn", redraw('"x": 8', '"x": 7')),
    ("the_dashboard_can_be_drawn", redraw('"width": 24', '"width": 25')),
    ("the_dashboard_can_be_drawn", redraw('"region": "${AWS::Region}"', '"region": "eu-west-1"')),
    ("queries_ask_the_functions_logs", put("QueryChunk", "LogGroupNames", ["/aws/lambda/collect"])),
    ("queries_ask_the_functions_logs", put("QueryChunk", "QueryString", "fields @message")),
]


@pytest.mark.parametrize(("rule", "plant"), [pytest.param(*flaw, id=f"{flaw[0]}-{n}") for n, flaw in enumerate(FLAWS)])
def test_a_planted_flaw_is_found_by_its_rule(rule: str, plant: Callable[[Template], Any]) -> None:
    template = monitoring().copy()
    plant(template)
    (judge,) = [each for each in watching.RULES if each.__name__ == rule]
    assert list(judge(template)) != list(judge(monitoring())) == []


def test_every_rule_has_a_flaw_planted_for_it() -> None:
    assert {rule for rule, _ in FLAWS} == {rule.__name__ for rule in watching.RULES}


def test_a_dashboard_that_is_no_json_is_not_taken() -> None:
    template = monitoring().copy()
    redraw('"widgets": [', '"widgets": [,')(template)
    with pytest.raises(ValueError, match="Expecting value"):
        watching.widgets(template)


def test_a_runbook_entry_that_is_gone_is_missed() -> None:
    page = runbook.read().replace("### Jobs are late", "### Jobs are tardy")
    assert "jobs-are-late" not in runbook.entries(page)
