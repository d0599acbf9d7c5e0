"""Rules for the monitoring template: each yields its violations as text."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from tailrace_core.jobs.model import JobSettings
from tests.infra import metrics, runbook
from tests.infra.templates import FUNCTIONS, Template, as_list, root, target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ALARM, DASHBOARD, QUERY = "AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard", "AWS::Logs::QueryDefinition"
QUEUES = ("Succeeded", "Failed", "Retries", "Parked", "Results")
TO_THE_TOPIC = [{"Fn::If": ["MakesTopic", {"Ref": "AlarmTopic"}, {"Ref": "AlarmTopicArn"}]}]
NAMES = {
    "QueueName": {*(f"{queue}{kind}Queue" for queue in QUEUES for kind in ("", "DeadLetter")),
                  "ReconcileJobsDeadLetterQueue"},
    "TopicName": {"SucceededTopic", "FailedTopic", "ResultsTopic"},
    "FunctionName": set(FUNCTIONS),
    "LogGroupName": {f"{function}LogGroup" for function in FUNCTIONS},
    "EndpointName": {"EndpointName"},
    "VariantName": {"VariantName"},
    "TableName": {"LedgerTable"},
    "BucketName": {"Bucket"},
    "ScheduleGroup": {"ScheduleGroup"},
    "stack": {"StackName"},
}  # fmt: skip
"""The parameter that may provide each dimension."""
OF_ENGINES = {
    "QueueName": {"ScoringQueue", "ScoringDeadLetterQueue", "TransformsQueue", "TransformsDeadLetterQueue"},
    "FunctionName": {"ScoreChunks", "RunTransforms"},
    "RuleName": {"TransformsEnd"},
}
"""Parameters of infra/engine-alarms.yaml beyond those."""
OF_FILES = {
    "QueueName": {f"{queue}{kind}Queue" for queue in ("CuttingEnds", "Inbox", "Outbox") for kind in ("", "DeadLetter")},
    "FunctionName": {"CutStripe", "FailCutting", "StartJobs", "DeliverResults"},
    "RuleName": {"CuttingEnds", "InboxObjects"},
    "StateMachineArn": {"CuttingMachine"},
}
"""Parameters of infra/file-alarms.yaml beyond those."""
SIZE_OF_A_DESCRIPTION = 1024


def measured(alarm: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield namespace, name and dimensions of each metric of an alarm."""
    properties = alarm["Properties"]
    found = [properties] if "MetricName" in properties else []
    found += [each["MetricStat"]["Metric"] for each in properties.get("Metrics", []) if "MetricStat" in each]
    for metric in found:
        yield metric["Namespace"], metric["MetricName"], {each["Name"]: each["Value"] for each in metric["Dimensions"]}


def charted(template: Template) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield namespace, name and dimensions of each charted metric.

    A dimension's value is ``${Parameter}`` or a word.
    """
    for widget in widgets(template):
        for metric in widget["properties"].get("metrics", []):
            words = [each for each in metric if isinstance(each, str)]
            yield words[0], words[1], dict(zip(words[2::2], words[3::2], strict=True))


def widgets(template: Template) -> list[dict[str, Any]]:
    """Widgets of all dashboards. Raises ValueError if a body is not JSON after names are substituted."""
    found: list[dict[str, Any]] = []
    for dashboard in template.of_type(DASHBOARD).values():
        found += json.loads(dashboard["Properties"]["DashboardBody"]["Fn::Sub"])["widgets"]
    return found


def every_metric_exists(template: Template) -> Iterator[str]:
    for key, alarm in template.of_type(ALARM).items():
        for namespace, name, dimensions in measured(alarm):
            if not metrics.published(namespace, name, dimensions):
                yield f"{key}: nobody publishes {name} in {namespace} by {', '.join(dimensions)}"
    for namespace, name, dimensions in charted(template):
        if not metrics.published(namespace, name, dimensions):
            yield f"the dashboard: nobody publishes {name} in {namespace} by {', '.join(dimensions)}"


def every_dimension_is_of_this_stack(template: Template) -> Iterator[str]:
    for key, alarm in template.of_type(ALARM).items():
        for _, _, dimensions in measured(alarm):
            for name, value in dimensions.items():
                known = NAMES.get(name, set()) | OF_ENGINES.get(name, set()) | OF_FILES.get(name, set())
                if known and target(value) not in known:
                    yield f"{key}: {name} is {value}"
    for _, metric, dimensions in charted(template):
        for name, value in dimensions.items():
            if name in NAMES and value not in {f"${{{each}}}" for each in NAMES[name]}:
                yield f"the dashboard: {name} of {metric} is {value}"


def every_alarm_tells_people(template: Template) -> Iterator[str]:
    for key, alarm in template.of_type(ALARM).items():
        for actions in ("AlarmActions", "OKActions"):
            if alarm["Properties"].get(actions) not in (TO_THE_TOPIC, [{"Ref": "AlarmTopic"}]):
                yield f"{key}: {actions} do not go to the alarms' topic"
        if alarm["Properties"].get("ActionsEnabled") is False:
            yield f"{key} is silenced"


def every_alarm_says_what_missing_data_means(template: Template) -> Iterator[str]:
    for key, alarm in template.of_type(ALARM).items():
        properties = alarm["Properties"]
        if properties.get("TreatMissingData") not in {"notBreaching", "breaching", "ignore"}:
            yield f"{key} leaves missing data open"
        if properties["DatapointsToAlarm"] > properties["EvaluationPeriods"]:
            yield f"{key} asks for more points than it looks at"


def every_alarm_leads_to_its_runbook(template: Template) -> Iterator[str]:
    known = runbook.entries(runbook.read())
    for key, alarm in template.of_type(ALARM).items():
        severity, symptom, fragment = described(alarm)
        if not symptom or len(symptom) > SIZE_OF_A_DESCRIPTION / 2:
            yield f"{key} does not say what is seen"
        if {"Key": "severity", "Value": severity} not in alarm["Properties"].get("Tags", []):
            yield f"{key} is tagged as something else than {severity!r}"
        if fragment not in known:
            yield f"{key} leads to #{fragment}, which {runbook.PAGE} does not have"
        elif known[fragment].alarms.get(key) != severity:
            yield f"{key} ({severity}) is not named under #{fragment}"


def described(alarm: dict[str, Any]) -> tuple[str, str, str]:
    """Return severity, symptom and runbook fragment of an alarm; empty if it has none."""
    text = alarm["Properties"].get("AlarmDescription", {}).get("Fn::Sub", "")
    match = re.fullmatch(r"(page|ticket): (.+)\. \$\{RunbookUrl\}#([a-z0-9-]+)", text)
    return match.groups() if match else ("", "", "")  # type: ignore[return-value]


def expressions_compute_what_is_measured(template: Template) -> Iterator[str]:
    for key, alarm in template.of_type(ALARM).items():
        queries = alarm["Properties"].get("Metrics", [])
        if queries and [query.get("ReturnData") for query in queries].count(True) != 1:
            yield f"{key} has not one value"
        expressions = json.dumps([query["Expression"] for query in queries if "Expression" in query])
        for query in queries:
            if "MetricStat" in query and not re.search(rf"\b{query['Id']}\b", expressions):
                yield f"{key} does not use {query['Id']}"


def everything_of_the_stack_is_watched(template: Template) -> Iterator[str]:
    watched = {
        (name, target(value))
        for alarm in template.of_type(ALARM).values()
        for _, name, dimensions in measured(alarm)
        for value in dimensions.values()
    }
    wanted = [("ApproximateNumberOfMessagesVisible", queue) for queue in NAMES["QueueName"] if "DeadLetter" in queue]
    wanted += [("ApproximateNumberOfMessagesVisible", "ParkedQueue")]
    wanted += [("ApproximateAgeOfOldestMessage", f"{queue}Queue") for queue in QUEUES]
    wanted += [(name, function) for function in FUNCTIONS for name in ("Errors", "Throttles", "Duration")]
    for topic in NAMES["TopicName"]:
        wanted += [("NumberOfNotificationsFailed", topic), ("NumberOfNotificationsFailedToRedriveToDlq", topic)]
    wanted += [("HasBacklogWithoutCapacity", "EndpointName"), ("ApproximateAgeOfOldestRequest", "EndpointName")]
    wanted += [("JobsPastDeadline", "StackName"), ("TargetErrorCount", "ScheduleGroup")]
    for failures in ("Expired", "Invocation", "Notification", "RequestDownload", "ResponseUpload"):
        name = f"{failures}Failures" if failures != "Expired" else "ExpiredRequests"
        wanted.append((name, "VariantName"))
    wanted += [(name, "LedgerTable") for name in ("ReadThrottleEvents", "WriteThrottleEvents", "SystemErrors")]
    for name, resource in wanted:
        if (name, resource) not in watched:
            yield f"nobody watches {name} of {resource}"


def thresholds_fit_what_they_watch(template: Template) -> Iterator[str]:
    job = JobSettings(endpoint_name="any")
    expected: dict[str, float] = {
        f"{function}Slow": 0.8 * 1000 * root().properties(function)["Timeout"] for function in FUNCTIONS
    }
    expected["SlowModel"] = 0.8 * 1_000_000 * job.invocation_timeout_s
    expected["OldRequests"] = 0.5 * job.request_ttl_s
    for key, threshold in expected.items():
        if template.properties(key)["Threshold"] != threshold:
            yield f"{key} fires at {template.properties(key)['Threshold']}, not at {threshold}"
    for key, alarm in template.of_type(ALARM).items():
        for _, name, dimensions in measured(alarm):
            threshold = alarm["Properties"]["Threshold"]
            if name == "ApproximateAgeOfOldestMessage" and not isinstance(threshold, dict):
                kept = root().properties(target(dimensions["QueueName"]))["MessageRetentionPeriod"]
                if threshold >= kept / 4:
                    yield f"{key} fires when messages are nearly lost"


def what_depends_on_a_choice_is_conditional(template: Template) -> Iterator[str]:
    conditions = {
        "IdleInstances": "ScalesToZero",
        "ResultsQueueOld": "HasResultsReader",
        **{f"{function}Busy": "ReservesConcurrency" for function in FUNCTIONS if function != "ReconcileJobs"},
    }
    found = {key: resource["Condition"] for key, resource in template.of_type(ALARM).items() if "Condition" in resource}
    for key in conditions.keys() | found.keys():
        if conditions.get(key) != found.get(key):
            yield f"{key} depends on {found.get(key)}, not on {conditions.get(key)}"


def the_dashboard_can_be_drawn(template: Template) -> Iterator[str]:
    taken: dict[tuple[int, int], str] = {}
    for widget in widgets(template):
        title = widget["properties"].get("title") or widget["properties"]["markdown"]
        if widget["x"] + widget["width"] > 24:
            yield f"{title} does not fit the width"
        if widget["type"] == "metric" and widget["properties"]["region"] != "${AWS::Region}":
            yield f"{title} is of another region"
        for x in range(widget["x"], widget["x"] + widget["width"]):
            for y in range(widget["y"], widget["y"] + widget["height"]):
                if (x, y) in taken:
                    yield f"{title} covers {taken[x, y]}"
                    return
                taken[x, y] = title


def queries_ask_the_functions_logs(template: Template) -> Iterator[str]:
    for key, query in template.of_type(QUERY).items():
        for group in as_list(query["Properties"].get("LogGroupNames", [])):
            if target(group) not in NAMES["LogGroupName"]:
                yield f"{key} asks {group}"
        if "| filter " not in query["Properties"]["QueryString"]:
            yield f"{key} reads everything"


RULES: tuple[Callable[[Template], Iterator[str]], ...] = (
    every_metric_exists,
    every_dimension_is_of_this_stack,
    every_alarm_tells_people,
    every_alarm_says_what_missing_data_means,
    every_alarm_leads_to_its_runbook,
    expressions_compute_what_is_measured,
    everything_of_the_stack_is_watched,
    thresholds_fit_what_they_watch,
    what_depends_on_a_choice_is_conditional,
    the_dashboard_can_be_drawn,
    queries_ask_the_functions_logs,
)


OF_ANY_ALARM = RULES[:6]
"""The rules that hold for the alarms of engines too."""


def findings(template: Template) -> list[str]:
    """Return the violations of all rules."""
    return [f"{rule.__name__}: {finding}" for rule in RULES for finding in rule(template)]
