"""Rules for functions: own role and log group, no secrets in the environment or bodies in logs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from tests.infra.rules.shapes import FUNCTION, LOG_GROUP, MAPPING
from tests.infra.templates import ENGINES, FILES, FUNCTIONS, MAKERS, Template, target

LOUD = {"POWERTOOLS_LOGGER_LOG_EVENT", "POWERTOOLS_DEV", "POWERTOOLS_DEBUG"}
SECRET = re.compile(r"password|secret|token|access_key|credential", re.IGNORECASE)


def functions_are_named_after_their_folders(template: Template) -> Iterator[str]:
    for function in template.of_type(FUNCTION):
        properties = template.properties(function)
        if function not in FUNCTIONS + ENGINES + FILES + MAKERS:
            yield f"{function} is not in consumers/Makefile"
        folder = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", function).lower()
        package = f"files.{folder}" if function in FILES else folder
        if properties["Handler"] != f"tailrace_consumers.{package}.handler.handler":
            yield f"{function} is handled by {properties['Handler']}"
        if properties["Environment"]["Variables"].get("POWERTOOLS_SERVICE_NAME") != folder:
            yield f"{function} logs under another name than {folder}"


def functions_have_a_role_and_a_log_group_of_their_own(template: Template) -> Iterator[str]:
    for function in template.of_type(FUNCTION):
        properties = template.properties(function)
        if target(properties["Role"]) != f"{function}Role":
            yield f"{function} shares a role"
        group = target(properties.get("LoggingConfig", {}).get("LogGroup"))
        if group != f"{function}LogGroup":
            yield f"{function} logs to {group or 'a group that Lambda makes'}"
        elif "LogGroup}:*" not in json.dumps(template.properties(f"{function}Role")).replace(group, "LogGroup"):
            yield f"{function} cannot write to {group}"


def logs_are_forgotten(template: Template) -> Iterator[str]:
    for group in template.of_type(LOG_GROUP):
        if "RetentionInDays" not in template.properties(group):
            yield f"{group} keeps logs for ever"


def environments_hold_no_secrets_and_logs_no_bodies(template: Template) -> Iterator[str]:
    for function in template.of_type(FUNCTION):
        variables = template.properties(function)["Environment"]["Variables"]
        for name in variables:
            if SECRET.search(name):
                yield f"{function} has {name} in its environment"
        for name in LOUD & variables.keys():
            yield f"{function} logs whole events: {name}"


def what_nobody_waits_for_is_not_lost(template: Template) -> Iterator[str]:
    invoked = {target(mapping["Properties"]["FunctionName"]) for mapping in template.of_type(MAPPING).values()}
    # A nested stack's schedule runs the function.
    given = template.body["Resources"].get("Ticks", {}).get("Properties", {}).get("Parameters", {})
    ticking = {target(given.get("FunctionArn"))}
    for function in ticking & template.of_type(FUNCTION).keys() - invoked:
        if not target(template.properties(function).get("DeadLetterConfig", {}).get("TargetArn")):
            yield f"{function} drops what it failed at"


def functions_are_called_only_for_one_source(template: Template) -> Iterator[str]:
    for key, permission in template.of_type("AWS::Lambda::Permission").items():
        if not permission["Properties"].keys() >= {"SourceArn", "SourceAccount"}:
            yield f"{key} lets any source call"
    for key in template.of_type("AWS::Lambda::Url"):
        yield f"{key} opens a function to the network"


RULES = (
    functions_are_named_after_their_folders,
    functions_have_a_role_and_a_log_group_of_their_own,
    logs_are_forgotten,
    environments_hold_no_secrets_and_logs_no_bodies,
    what_nobody_waits_for_is_not_lost,
    functions_are_called_only_for_one_source,
)
