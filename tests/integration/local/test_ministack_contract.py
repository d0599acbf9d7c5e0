"""MiniStack's private names are what the cloud takes them for; a bump of the pin fails here first."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tailrace_local.control.workspace import Workspace
from tests.tools import skipped_without_tools

CHECKS = {
    "the version is the pinned one": "MiniStack()",
    "a function is executed with its record, the event and the request's id": (
        "assert parameters(lambda_svc._execute_function_warm) == ['func', 'event', 'request_id']"
    ),
    "an invocation takes a record and an event": "assert parameters(lambda_svc._execute_function) == ['func', 'event']",
    "the queue poller takes nothing": "assert parameters(lambda_svc._poll_sqs) == []",
    "mappings come with account and region": "assert list(MiniStack().mappings()) == []",
    "a function that is not there is not found": (
        "assert MiniStack().function('123456789012', 'eu-west-1', 'nobody', None) is None"
    ),
    "filters take records and a mapping": "assert MiniStack().matching([{'body': 'x'}], {}) == [{'body': 'x'}]",
    "a stack is deployed by one function": (
        "assert parameters(stacks._deploy_stack_async)[:8] == ['stack_name', 'stack_id', 'template', 'param_values', "
        "'disable_rollback', 'tags', 'is_update', 'previous_stack'] "
        "and stacks._deploy_stack_async is handlers._deploy_stack_async is changesets._deploy_stack_async"
    ),
    "a failed operation is rolled back by what it has done": (
        "assert parameters(stacks._failed_operation)[:12] == ['is_update', 'previous_stack', 'created', "
        "'failed_update', 'failed_logical_id', 'replaced_ids', 'cancelled', 'template', 'param_values', "
        "'retain_except_on_create', 'stack_tags', 'previous_tags'] "
        "and parameters(stacks._roll_back_operation)[:4] == ['stack_name', 'stack_id', 'stack', 'operation']"
    ),
    "a stack is deleted by one function": (
        "assert parameters(stacks._delete_stack_async)[:2] == ['stack_name', 'stack_id']"
    ),
    "a resource is deleted with its stack's name": (
        "assert parameters(stacks._delete_resource) == "
        "['resource_type', 'physical_id', 'props', 'stack_name', 'logical_id']"
    ),
    "events are added by one function": (
        "assert parameters(stacks._add_event) == ['stack_id', 'stack_name', 'logical_id', 'resource_type', 'status', "
        "'reason', 'physical_id', 'detailed_status']"
    ),
    "which resources may block is asked by type": (
        "assert parameters(stacks._runs_on_worker_thread) == ['resource_type']"
    ),
    "deferred deletions are None outside a stack's update": (
        "assert provisioners._DEFERRED_PREDECESSOR_DELETES.get() is None "
        "and provisioners._RETAIN_REPLACED.get() is False"
    ),
    "policies' conditions ask for a key in a context": (
        "assert parameters(iam_evaluator._resolve_condition_key) == ['key', 'ctx']"
    ),
    "a trust policy is judged with the caller": ("assert len(parameters(iam_evaluator.evaluate_trust_policy)) == 3"),
    "the action of a request is extracted by one function": "assert callable(iam_actions.extract_iam_action)",
    "the resource of a request is extracted by one function": (
        "assert parameters(iam_actions.extract_resource_arn)[:5] == ['service', 'method', 'path', 'headers', 'body']"
    ),
    "the condition keys of every request are made by one function": (
        "assert parameters(iam_actions.request_tag_context) == ['service', 'iam_action', 'body', 'params']"
    ),
    "an invocation's logs are written by one function": "assert callable(lambda_svc._emit_lambda_logs)",
    "a mapping is created from a request": "assert parameters(lambda_svc._create_esm) == ['data']",
    "a function is found by any of its names": (
        "assert parameters(lambda_svc._get_func_record_for_ref) == ['function_ref']"
    ),
    "an event that failed for good is routed by one function": (
        "assert parameters(lambda_svc._route_async_failure) == ['target_arn', 'func_name', 'event', 'result']"
    ),
    "schedules are looked at every so many seconds": (
        "from ministack.services import scheduler; assert scheduler._SCHEDULE_TICK_INTERVAL == 10"
    ),
    "a target is invoked with an event and a rule": (
        "assert parameters(eventbridge._invoke_target) == ['target', 'event', 'rule', 'view']"
    ),
    "every decision is taken by one function": (
        "assert parameters(iam_evaluator.enforce) == "
        "['access_key_id', 'iam_action', 'service', 'region', 'resource_arn', 'service_context']"
    ),
    "a request can be pinned for its signature's check": (
        "assert parameters(iam_evaluator.pin_signed_request)[:4] == "
        "['method', 'raw_path', 'query_params', 'raw_headers'] "
        "and parameters(iam_evaluator.pin_signed_body) == ['body']"
    ),
    "where a request came from is pinned, and whether by TLS": (
        "assert parameters(iam_evaluator.pin_request_origin) == ['source_ip', 'secure_transport']"
    ),
    "TLS is switched on by the environment": (
        "os.environ['USE_SSL'] = '1'; assert tls.use_ssl_enabled(); del os.environ['USE_SSL']"
    ),
    "a session is found by its access key": (
        "found = MiniStack().iam.assume('arn:aws:iam::123456789012:role/path/r', 'f', duration_s=60); "
        "assert sts._sessions[found.access_key]['Arn'] == 'arn:aws:sts::123456789012:assumed-role/r/f'"
    ),
    "alarms are evaluated, told and recorded by functions of their own": (
        "assert parameters(cloudwatch._dispatch_alarm_actions) == ['alarm', 'old_state', 'new_state', 'reason'] "
        "and parameters(cloudwatch._evaluate_alarm) == ['alarm'] "
        "and parameters(cloudwatch._evaluate_all_alarms) == [] "
        "and parameters(cloudwatch._evaluate_parent_alarms)[:1] == ['child'] "
        "and parameters(cloudwatch._record_history) == "
        "['alarm_name', 'old_state', 'new_state', 'reason', 'alarm_type', 'reason_data']"
    ),
    "an alarm is put by one function, in a template by another": (
        "assert parameters(cloudwatch._put_metric_alarm) == ['params', 'cbor_data', 'is_cbor', 'is_json'] "
        "and parameters(provisioners._cw_metric_alarm_record) == ['name', 'props']"
    ),
    "datapoints are stored as the watch reads them": (
        "from tailrace_local.cloud.ministack.metrics import MiniStackMetrics; "
        "metrics = MiniStackMetrics(); metrics.put('N', 'm', {'d': '1'}, [2.0, 4.0], 'Count', 10.0); "
        "assert [(p.timestamp_s, p.total, p.unit) for p in metrics.points('N', 'm', [('d', '1')])] == "
        "[(10.0, 2.0, 'Count'), (10.0, 4.0, 'Count')] and list(metrics.points('N', 'm', [])) == []; "
        "metrics.forget_before(11.0); assert list(metrics.points('N', 'm', [('d', '1')])) == []"
    ),
    "an invocation's metrics are emitted by one function": (
        "assert parameters(lambda_svc._emit_lambda_metrics) == ['function_name', 'duration_ms', 'error', 'throttle']"
    ),
    "queues and topics can be counted": (
        "from tailrace_local.cloud.ministack.queues import MiniStackQueues; "
        "MiniStackQueues('123456789012').count(); "
        "assert parameters(sns.topic_policy_allows) == ['topic_arn', 'service', 'source_arn', 'source_account']"
    ),
}
PRELUDE = """
import inspect
import os
from pathlib import Path
from tailrace_local.cloud.ministack.core import Environment, MiniStack
Environment(1, "eu-west-1", "123456789012", Path("."), False).apply()
from ministack.core import iam_actions, iam_evaluator, tls
from ministack.services import cloudwatch, eventbridge, lambda_svc, sns, sts
from ministack.services.cloudformation import changesets, handlers, provisioners, stacks
parameters = lambda function: list(inspect.signature(function).parameters)
"""


@pytest.mark.cloud
def test_every_private_name_is_as_expected(tmp_path: Path) -> None:
    workspace = Workspace.here()
    with skipped_without_tools():
        python = workspace.tool("cloud")
    script = PRELUDE + "failed = []\n"
    for name, check in CHECKS.items():
        script += f"try:\n    {check}\nexcept Exception as error:\n    failed.append(({name!r}, repr(error)))\n"
    script += "print(failed)\n"
    done = subprocess.run(
        [python, "-c", script],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": workspace.sources},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout.splitlines()[-1:], done.stderr[-500:]) == (0, ["[]"], "")
