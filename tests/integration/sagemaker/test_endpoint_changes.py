import contextlib
import json
import threading
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from .cloud import IMAGE, ROLE, Lab, eventually
from .conftest import MakeLab


def _admin(lab: Lab, name: str) -> dict[str, Any]:
    host = lab.running.url.removeprefix("http://")
    with contextlib.closing(HTTPConnection(host, timeout=30)) as connection:
        connection.request("GET", f"/_tailrace/sagemaker/endpoints/{name}")
        found: dict[str, Any] = json.load(connection.getresponse())
    return found


def test_an_update_serves_from_the_new_model_and_the_queue_survives(lab: Lab, tmp_path: Path) -> None:
    old = lab.config(
        lab.model("old", weight=2), "old", asynchronous=lab.async_config(MaxConcurrentInvocationsPerInstance=1)
    )
    name = lab.endpoint(old)
    updated = tmp_path / "updated"
    first = lab.invoke(name, lab.put("1\n"), CustomAttributes=f"until={updated}")
    waiting = lab.invoke(name, lab.put("10\n", "second.csv"))
    new = lab.config(lab.model("new", weight=5), "new", asynchronous=lab.async_config())
    lab.sm.update_endpoint(EndpointName=name, EndpointConfigName=new)
    lab.sm.delete_endpoint_config(EndpointConfigName=old)
    described = lab.settled(name)
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", new)
    updated.touch()
    seen: set[str] = set()

    def both() -> bool:
        seen.update(json.loads(text).get("inferenceId", "") for text in lab.success.receive())
        return {first["InferenceId"], waiting["InferenceId"]} <= seen

    eventually(both, "both results")
    assert lab.read(first["OutputLocation"])[0] == "2\n"
    assert lab.read(waiting["OutputLocation"])[0] == "50\n"
    eventually(
        lambda: len(list((lab.running.settings.state_dir / "processes").iterdir())) == 1, "the old fleet to leave"
    )


def test_an_update_that_fails_is_rolled_back(make_lab: MakeLab) -> None:
    lab = make_lab(startup_timeout_s=1)
    # The second that the sick one has may be too short for one that is well.
    good = lab.config(lab.model("good"), "good", asynchronous=lab.async_config(), startup_timeout_s=60)
    name = lab.endpoint(good)
    sick = lab.config(lab.model("sick", SICK="1"), "sick", asynchronous=lab.async_config())
    lab.sm.update_endpoint(EndpointName=name, EndpointConfigName=sick)
    described = lab.settled(name)
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", good)
    assert "did not pass the ping health check" in described["FailureReason"]
    lab.invoke(name, lab.put("1\n"))
    assert lab.success.next()["invocationStatus"] == "Completed"


def test_an_endpoint_whose_model_does_not_ping_is_failed_and_not_found_by_the_runtime(make_lab: MakeLab) -> None:
    lab = make_lab(startup_timeout_s=1)
    name = lab.endpoint(lab.config(lab.model(SICK="1"), asynchronous=lab.async_config()))
    assert lab.settled(name)["EndpointStatus"] == "Failed"
    location = lab.put("1\n")
    with pytest.raises(ClientError, match=f"Endpoint {name} of account .* not found") as refused:
        lab.invoke(name, location)
    assert refused.value.response["Error"]["Code"] == "ValidationError"


@pytest.mark.parametrize(
    ("container", "reason"),
    [
        ({"Image": "unknown:1"}, "No command is known"),
        ({"Image": IMAGE, "ModelDataUrl": "s3://none/m.tar.gz"}, "download"),
    ],
)
def test_an_endpoint_that_cannot_start_says_why(lab: Lab, container: dict[str, str], reason: str) -> None:
    lab.sm.create_model(ModelName="bad", ExecutionRoleArn=ROLE, PrimaryContainer=container)
    described = lab.settled(lab.endpoint(lab.config("bad", asynchronous=lab.async_config())))
    assert described["EndpointStatus"] == "Failed"
    assert reason in described["FailureReason"]


def test_an_endpoint_whose_role_cannot_publish_is_failed(lab: Lab) -> None:
    asynchronous = lab.async_config()
    asynchronous["OutputConfig"]["NotificationConfig"]["ErrorTopic"] = lab.error.arn + "-gone"
    described = lab.settled(lab.endpoint(lab.config(lab.model(), asynchronous=asynchronous)))
    assert described["EndpointStatus"] == "Failed"
    assert "could not publish" in described["FailureReason"]


def test_creating_and_scaling_send_the_test_notification_to_both_topics(lab: Lab) -> None:
    name = lab.endpoint(lab.config(lab.model(), asynchronous=lab.async_config()))
    wanted = '{"eventVersion":"1.0","eventSource":"aws:sagemaker","eventName":"TestNotification"}'
    assert [lab.success.receive(), lab.error.receive()] == [[wanted], [wanted]]
    _scale(lab, name, 2)
    assert [lab.success.receive(), lab.error.receive()] == [[wanted], [wanted]]


def _scale(lab: Lab, name: str, count: int) -> dict[str, Any]:
    change = [{"VariantName": "AllTraffic", "DesiredInstanceCount": count}]
    lab.sm.update_endpoint_weights_and_capacities(EndpointName=name, DesiredWeightsAndCapacities=change)
    variant: dict[str, Any] = lab.settled(name)["ProductionVariants"][0]
    return variant


def test_scaling_to_zero_keeps_the_queue_and_scaling_up_works_it_off(lab: Lab) -> None:
    name = lab.endpoint(lab.config(lab.model(), asynchronous=lab.async_config()))
    assert _scale(lab, name, 0)["CurrentInstanceCount"] == 0
    lab.invoke(name, lab.put("1\n"))
    assert (_admin(lab, name)["backlog"], _admin(lab, name)["instances"]) == (1, [])
    assert _scale(lab, name, 2)["CurrentInstanceCount"] == 2
    assert lab.success.next()["invocationStatus"] == "Completed"
    # The request is off the queue when its notification is published, which is heard a little
    # before.
    shown = eventually(lambda: None if (one := _admin(lab, name))["backlog"] else one, "an empty queue")
    assert len({url for one in shown["instances"] for url in one["urls"]}) == 2


def test_no_more_run_at_once_than_instances_times_their_concurrency(lab: Lab) -> None:
    name = lab.endpoint(
        lab.config(lab.model(), count=2, asynchronous=lab.async_config(MaxConcurrentInvocationsPerInstance=2))
    )
    location = lab.put("1\n")
    for _ in range(9):
        lab.invoke(name, location, CustomAttributes="sleep=60")
    shown = eventually(lambda: one if (one := _admin(lab, name))["in_flight"] == 4 else None, "four in flight")
    assert shown["waiting"] == 5
    assert [one["in_flight"] for one in shown["instances"]] == [2, 2]


def test_an_endpoint_in_change_refuses_another_change(lab: Lab) -> None:
    # As long as its model does not ping it is being made.
    config = lab.config(lab.model(SICK="1"), asynchronous=lab.async_config())
    lab.sm.create_endpoint(EndpointName="busy", EndpointConfigName=config)
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        lab.sm.update_endpoint(EndpointName="busy", EndpointConfigName=config)


def test_a_real_time_endpoint_answers_synchronously_and_refuses_asynchronous_calls(lab: Lab) -> None:
    name = lab.endpoint(lab.config(lab.model()))
    answer = lab.rt.invoke_endpoint(EndpointName=name, Body=b"4\n", ContentType="text/csv")
    assert (answer["Body"].read(), answer["InvokedProductionVariant"]) == (b"8\n", "AllTraffic")
    with pytest.raises(lab.rt.exceptions.ModelError) as refused:
        lab.rt.invoke_endpoint(EndpointName=name, Body=b"4\n", CustomAttributes="status=415")
    assert refused.value.response["OriginalStatusCode"] == 415
    assert refused.value.response["OriginalMessage"] == "row 3: 415"
    location = lab.put("1\n")
    with pytest.raises(ClientError, match="not an asynchronous endpoint"):
        lab.invoke(name, location)


def test_an_asynchronous_endpoint_refuses_synchronous_calls(lab: Lab) -> None:
    name = lab.endpoint(lab.config(lab.model(), asynchronous=lab.async_config()))
    with pytest.raises(ClientError, match="is an asynchronous endpoint") as refused:
        lab.rt.invoke_endpoint(EndpointName=name, Body=b"4\n")
    assert refused.value.response["Error"]["Code"] == "ValidationError"


@pytest.mark.parametrize(("weights", "product"), [(("3", "5"), "30\n"), (("3", "5", "7"), "210\n")])
def test_containers_in_a_row_are_processes_with_environments_of_their_own_called_in_order(
    make_lab: MakeLab, weights: tuple[str, ...], product: str
) -> None:
    lab = make_lab(allow_serial_pipelines=True)
    containers = [{"Image": IMAGE, "Environment": {"WEIGHT": weight}} for weight in weights]
    lab.sm.create_model(ModelName="row", ExecutionRoleArn=ROLE, Containers=containers)
    answer = lab.invoke(lab.endpoint(lab.config("row", asynchronous=lab.async_config())), lab.put("2\n"))
    lab.success.next()
    assert lab.read(answer["OutputLocation"])[0] == product
    assert len(list((lab.running.settings.state_dir / "processes").iterdir())) == len(weights)


def test_a_refusal_of_a_later_container_in_a_row_is_the_models(make_lab: MakeLab) -> None:
    lab = make_lab(allow_serial_pipelines=True)
    containers = [{"Image": IMAGE, "Environment": {"ECHO_HEADERS": "1"}}, {"Image": IMAGE}]
    lab.sm.create_model(ModelName="row", ExecutionRoleArn=ROLE, Containers=containers)
    endpoint = lab.endpoint(lab.config("row", asynchronous=lab.async_config()))
    lab.invoke(endpoint, lab.put("2\n"))  # the second one cannot read headers as numbers, and hangs up
    assert "Received server error (0) from model" in lab.error.next()["failureReason"]


def test_stopping_the_emulator_leaves_no_process_and_no_thread(make_lab: MakeLab) -> None:
    lab = make_lab()
    lab.endpoint(lab.config(lab.model(), count=2, asynchronous=lab.async_config()))
    assert len(list((lab.running.settings.state_dir / "processes").iterdir())) == 2
    lab.running.stop()
    assert list((lab.running.settings.state_dir / "processes").iterdir()) == []
    assert "emulator" not in {thread.name for thread in threading.enumerate()}
