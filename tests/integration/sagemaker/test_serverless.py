"""Serverless endpoints as a client sees them: no server until a request, throttles, idle ends, refusals."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tailrace_local.emulator_base.pace import Pace

from .cloud import IMAGE, ROLE, Json, Lab, client, eventually
from .conftest import MakeLab

QUICK = {"serverless_cold_start_s": 0.0, "serverless_idle_s": 0.2}


def _variant(lab: Lab, model: str, **serverless: int) -> Json:
    config = {"MemorySizeInMB": 2048, "MaxConcurrency": 5, **serverless}
    del lab
    return {"VariantName": "AllTraffic", "ModelName": model, "ServerlessConfig": config}


def _config(lab: Lab, name: str, model: str, **serverless: int) -> str:
    variant = _variant(lab, model, **serverless)
    lab.sm.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    return name


def _servers(lab: Lab) -> int:
    return len(list((lab.running.settings.state_dir / "processes").iterdir()))


def _invoke(lab: Lab, name: str, body: bytes = b"4\n", **parameters: Any) -> bytes:
    answer = lab.rt.invoke_endpoint(EndpointName=name, Body=body, ContentType="text/csv", **parameters)
    found: bytes = answer["Body"].read()
    return found


def _refused(call: Any, *arguments: Any, **parameters: Any) -> Any:
    with pytest.raises(ClientError) as refused:
        call(*arguments, **parameters)
    return refused.value.response


def test_a_server_starts_at_a_request_serves_the_next_and_stops_when_idle(make_lab: MakeLab, aws_url: str) -> None:
    # The idle time passes when the test says so: its second request must not come too late.
    pace = Pace()
    lab = make_lab(pace=pace, serverless_cold_start_s=0.0, serverless_idle_s=300.0, metrics_period_s=0.1)
    name = lab.endpoint(_config(lab, "rare", lab.model()))
    described = lab.settled(name)
    assert described["EndpointStatus"] == "InService"
    (variant,) = described["ProductionVariants"]
    assert variant["CurrentServerlessConfig"] == {"MemorySizeInMB": 2048, "MaxConcurrency": 5}
    assert "CurrentInstanceCount" not in variant
    assert _servers(lab) == 0
    assert [_invoke(lab, name), _invoke(lab, name)] == [b"8\n", b"8\n"]
    pace.time_scale = 0.001
    eventually(lambda: _servers(lab) == 0, "the end of the idle server")
    pace.time_scale = 1.0
    assert _invoke(lab, name) == b"8\n"

    cloudwatch = client("cloudwatch", aws_url)

    def samples(metric: str) -> float:
        now = datetime.now(UTC)
        found = cloudwatch.get_metric_statistics(
            Namespace="AWS/SageMaker",
            MetricName=metric,
            Dimensions=[{"Name": "EndpointName", "Value": name}, {"Name": "VariantName", "Value": "AllTraffic"}],
            StartTime=now - timedelta(minutes=5),
            EndTime=now + timedelta(minutes=5),
            Period=600,
            Statistics=["SampleCount"],
        )["Datapoints"]
        return float(sum(point["SampleCount"] for point in found))

    expected = {"Invocations": 3, "ModelSetupTime": 2, "ServerlessConcurrentExecutionsUtilization": 3}
    eventually(lambda: {name: samples(name) for name in expected} == expected, "three invocations, two of them cold")
    assert samples("InvocationsPerInstance") == samples("ConcurrentRequestsPerModel") == 0


def test_requests_above_the_concurrency_are_throttled_and_those_within_it_wait_for_cold_starts(
    make_lab: MakeLab, tmp_path: Path
) -> None:
    lab = make_lab(serverless_cold_start_s=0.0, serverless_servers=2)
    name = lab.endpoint(_config(lab, "busy", lab.model(), MaxConcurrency=3))
    gate, throttled = tmp_path / "gate", threading.Event()

    def ask(_number: int) -> bytes | str:
        try:
            return _invoke(lab, name, CustomAttributes=f"until={gate}")
        except ClientError as error:
            throttled.set()
            # As people see it on AWS: without a message.
            return f"{error.response['Error']['Code']}: {error.response['Error']['Message']}"

    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(ask, range(4))
        assert throttled.wait(60)
        eventually(lambda: _servers(lab) == 2, "two servers for three executions")
        gate.touch()
        found = list(answers)
    assert sorted(map(str, found)) == sorted(["ThrottlingException: None", *[str(b"8\n")] * 3])


def test_an_endpoint_that_is_deleted_while_a_server_starts_leaves_no_server(make_lab: MakeLab) -> None:
    # The server starts when the test says so: both requests must come before.
    pace = Pace()
    lab = make_lab(pace=pace, serverless_cold_start_s=600.0, serverless_idle_s=600.0)
    name = lab.endpoint(_config(lab, "gone", lab.model(), MaxConcurrency=1))
    throttled = threading.Event()

    def ask(_number: int) -> str:
        try:
            _invoke(lab, name)
        except ClientError as error:
            throttled.set()
            return str(error.response["Error"]["Code"])
        return "answered"

    with ThreadPoolExecutor(2) as pool:
        answers = pool.map(ask, range(2))
        # One is throttled, so the other waits for its server.
        assert throttled.wait(60)
        lab.sm.delete_endpoint(EndpointName=name)
        pace.time_scale = 0.001
        assert sorted(answers) == ["ModelNotReadyException", "ThrottlingException"]
    eventually(lambda: name not in str(lab.sm.list_endpoints()["Endpoints"]), "the end of the endpoint")
    assert _servers(lab) == 0


def test_provisioned_concurrency_is_kept_warm_and_scaled(make_lab: MakeLab) -> None:
    lab = make_lab(**QUICK)
    name = lab.endpoint(_config(lab, "warm", lab.model(), ProvisionedConcurrency=1))
    assert _servers(lab) == 1
    change = {"VariantName": "AllTraffic", "ServerlessUpdateConfig": {"ProvisionedConcurrency": 2}}
    lab.sm.update_endpoint_weights_and_capacities(EndpointName=name, DesiredWeightsAndCapacities=[change])
    (variant,) = lab.settled(name)["ProductionVariants"]
    assert variant["DesiredServerlessConfig"]["ProvisionedConcurrency"] == 2
    assert _servers(lab) == 2
    too_much = {"VariantName": "AllTraffic", "ServerlessUpdateConfig": {"ProvisionedConcurrency": 6}}
    update = lab.sm.update_endpoint_weights_and_capacities
    found = _refused(update, EndpointName=name, DesiredWeightsAndCapacities=[too_much])
    assert "less than or equal to MaxConcurrency 5" in found["Error"]["Message"]
    counted = {"VariantName": "AllTraffic", "DesiredInstanceCount": 2}
    assert (
        "serverless" in _refused(update, EndpointName=name, DesiredWeightsAndCapacities=[counted])["Error"]["Message"]
    )


def test_bodies_above_the_limit_are_refused_both_ways(make_lab: MakeLab) -> None:
    lab = make_lab(**QUICK, serverless_limit_bytes=8)
    assert lab.running.settings.realtime_limit_bytes > 8
    name = lab.endpoint(_config(lab, "small", lab.model(weight=1000)))
    assert _refused(_invoke, lab, name, b"123456789")["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert _refused(_invoke, lab, name, b"1\n2\n")["Error"]["Code"] == "ModelError"


def test_a_model_that_does_not_answer_the_ping_fails_the_creation(make_lab: MakeLab) -> None:
    lab = make_lab(**QUICK, startup_timeout_s=0.5)
    name = lab.endpoint(_config(lab, "sick", lab.model(SICK="1")))
    described = lab.settled(name)
    assert described["EndpointStatus"] == "Failed"
    assert "stand up your model within the allotted 180 second timeout" in described["FailureReason"]
    assert _servers(lab) == 0


def test_instances_never_become_serverless_but_serverless_may_become_instances(make_lab: MakeLab) -> None:
    lab = make_lab(**QUICK)
    model = lab.model()
    instances, serverless = lab.config(model, "instances"), _config(lab, "serverless", model)
    name = lab.endpoint(serverless)
    lab.sm.update_endpoint(EndpointName=name, EndpointConfigName=instances)
    assert lab.settled(name)["ProductionVariants"][0]["CurrentInstanceCount"] == 1
    assert _invoke(lab, name) == b"8\n"
    found = _refused(lab.sm.update_endpoint, EndpointName=name, EndpointConfigName=serverless)
    assert found["Error"]["Code"] == "ValidationException"
    assert "cannot be converted to a serverless endpoint" in found["Error"]["Message"]


@pytest.mark.parametrize(
    ("variant", "request_", "said"),
    [
        ({"MemorySizeInMB": 1536}, {}, "not a multiple of 1024"),
        ({"MemorySizeInMB": 7168}, {}, "less than or equal to 6144"),
        ({"MaxConcurrency": 201}, {}, "less than or equal to 200"),
        ({"MaxConcurrency": 2, "ProvisionedConcurrency": 3}, {}, "less than or equal to MaxConcurrency 2"),
        ({"InstanceType": "ml.g5.xlarge"}, {}, "InstanceType cannot be specified with ServerlessConfig"),
        ({}, {"AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://b/o"}}}, "AsyncInferenceConfig"),
        ({}, {"EnableNetworkIsolation": True}, "EnableNetworkIsolation"),
        ({}, {"VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["s-1"]}}, "VpcConfig"),
        ({"ModelName": "row"}, {}, "does not support inference pipelines"),
        ({"ModelName": "private"}, {}, "has VpcConfig"),
    ],
)
def test_what_serverless_does_not_support_is_refused(
    served: Lab, variant: dict[str, Any], request_: dict[str, Any], said: str
) -> None:
    made = _variant(served, "plain")
    for name, value in variant.items():
        (made if name in {"InstanceType", "ModelName"} else made["ServerlessConfig"])[name] = value
    found = _refused(
        served.sm.create_endpoint_config, EndpointConfigName="never", ProductionVariants=[made], **request_
    )
    assert found["Error"]["Code"] == "ValidationException"
    assert said in found["Error"]["Message"]


@pytest.fixture
def served(lab: Lab) -> Lab:
    vpc = {"SecurityGroupIds": ["sg-1"], "Subnets": ["s-1"]}
    one = {"Image": IMAGE}
    lab.sm.create_model(ModelName="plain", ExecutionRoleArn=ROLE, PrimaryContainer=one)
    lab.sm.create_model(ModelName="private", ExecutionRoleArn=ROLE, PrimaryContainer=one, VpcConfig=vpc)
    lab.sm.create_model(ModelName="row", ExecutionRoleArn=ROLE, Containers=[one, one])
    return lab


def test_a_region_in_china_has_no_serverless_endpoints(make_lab: MakeLab) -> None:
    lab = make_lab(region="cn-north-1")
    found = _refused(_config, lab, "here", lab.model())
    assert "not available in cn-north-1" in found["Error"]["Message"]
