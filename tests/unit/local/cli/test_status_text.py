from __future__ import annotations

from typing import Any

from tailrace_local.cli.status_text import status_lines

DOWN: dict[str, Any] = {"up": False, "state_dir": "/s", "processes": []}
UP: dict[str, Any] = {
    "up": True,
    "state_dir": "/s",
    "endpoint_url": "http://127.0.0.1:1",
    "processes": [],
    "endpoint": {
        "name": "demand",
        "status": "InService",
        "instances": [{"ready": True}, {"ready": False}],
        "backlog": 7,
    },
    "time_scale": 1.0,
    "alarms": {"count": 40, "in_alarm": [{"name": "parked", "reason": "Threshold Crossed: 1 out of the last 5"}]},
    "scaling": [
        {
            "target": "endpoint/demand/variant/AllTraffic",
            "from": 0,
            "to": 1,
            "status": "Successful",
            "cause": "monitor alarm a in state ALARM triggered policy LeaveZero",
        }
    ],
}


def shown(found: dict[str, Any]) -> str:
    return "\n".join(status_lines(found))


def test_a_cloud_that_is_down_says_no_more_than_that() -> None:
    assert list(status_lines(DOWN)) == ["down    /s"]


def test_alarms_that_speak_are_told_with_their_reason_and_the_others_only_counted() -> None:
    assert "alarms           1 of 40 in ALARM\nALARM      parked  Threshold Crossed: 1 out of the last 5" in shown(UP)


def test_instances_and_what_was_scaled_are_told() -> None:
    assert "demand InService, 1 of 2 instances ready, 7 requests" in shown(UP)
    assert "0 -> 1 Successful  endpoint/demand/variant/AllTraffic: monitor alarm a in state ALARM" in shown(UP)


def test_a_real_time_endpoint_tells_the_requests_at_its_instances() -> None:
    instances = [{"ready": True, "in_flight": 3}, {"ready": True, "in_flight": 1}]
    endpoint = {**UP["endpoint"], "asynchronous": False, "instances": instances, "backlog": 0}
    assert "demand InService, 2 of 2 instances ready, 4 requests" in shown(UP | {"endpoint": endpoint})


def test_a_serverless_endpoint_tells_its_warm_servers_and_its_bound() -> None:
    serverless = {"MemorySizeInMB": 2048, "MaxConcurrency": 8, "ProvisionedConcurrency": 1}
    instances = [{"ready": True, "in_flight": 3}, {"ready": False, "in_flight": 1}]
    endpoint = {"name": "rare", "status": "InService", "serverless": serverless, "instances": instances}
    assert "rare InService, serverless, 1 warm, 4 of 8 requests" in shown(UP | {"endpoint": endpoint})


def test_transform_jobs_are_told_with_their_reason() -> None:
    jobs = [
        {"TransformJobName": "tailrace-1-r0", "TransformJobStatus": "InProgress"},
        {"TransformJobName": "tailrace-0-r0", "TransformJobStatus": "Failed", "FailureReason": "ClientError: no"},
    ]
    told = shown(UP | {"transform_jobs": jobs})
    assert "transform  InProgress  tailrace-1-r0\ntransform  Failed      tailrace-0-r0: ClientError: no" in told


def test_a_pace_that_is_not_the_clocks_is_told() -> None:
    assert "their minutes take 1.2 s" in shown(UP | {"time_scale": 0.02})
