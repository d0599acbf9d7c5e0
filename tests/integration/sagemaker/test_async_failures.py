import json
import os
import signal
from pathlib import Path

import pytest

from .cloud import Lab, eventually
from .conftest import MakeLab


def _endpoint(lab: Lab, **client_config: int) -> str:
    return lab.endpoint(lab.config(lab.model(), asynchronous=lab.async_config(**client_config)))


def test_an_invocation_that_takes_longer_than_its_timeout_fails_with_that_reason(make_lab: MakeLab) -> None:
    lab = make_lab(time_scale=0.3)
    lab.invoke(_endpoint(lab), lab.put("1\n"), CustomAttributes="sleep=5", InvocationTimeoutSeconds=1)
    message = lab.error.next()
    assert "timed out while waiting for a response from container" in message["failureReason"]
    assert "responseParameters" not in message


@pytest.mark.parametrize("orders", ["hang_up=1", "die=1"])
def test_a_connection_that_breaks_off_is_server_error_0(lab: Lab, orders: str) -> None:
    lab.invoke(_endpoint(lab), lab.put("1\n"), CustomAttributes=orders)
    assert "Received server error (0) from model." in lab.error.next()["failureReason"]


def test_a_dead_instance_is_started_again_and_serves(lab: Lab) -> None:
    name = _endpoint(lab)
    lab.invoke(name, lab.put("1\n"), CustomAttributes="die=1")
    lab.error.next()
    answer = lab.invoke(name, lab.put("4\n"))
    lab.success.next()
    assert lab.read(answer["OutputLocation"])[0] == "8\n"


def test_an_answer_without_content_length_is_refused(lab: Lab) -> None:
    lab.invoke(_endpoint(lab), lab.put("1\n"), CustomAttributes="chunked=1")
    assert "server error (0)" in lab.error.next()["failureReason"]


def test_an_answer_without_content_length_is_taken_when_the_settings_say_so(make_lab: MakeLab) -> None:
    lab = make_lab(require_content_length=False)
    answer = lab.invoke(_endpoint(lab), lab.put("1\n"), CustomAttributes="chunked=1")
    lab.success.next()
    assert lab.read(answer["OutputLocation"])[0] == "2\n"


@pytest.mark.parametrize(("size_bytes", "taken"), [(4095, True), (4096, False)])
def test_an_answer_whose_headers_are_not_below_4096_bytes_is_refused(lab: Lab, size_bytes: int, *, taken: bool) -> None:
    answer = lab.invoke(_endpoint(lab), lab.put("1\n"), CustomAttributes=f"headers={size_bytes}")
    if taken:
        lab.success.next()
        assert lab.read(answer["OutputLocation"])[0] == "2\n"
    else:
        assert "server error (0)" in lab.error.next()["failureReason"]


def test_an_empty_answer_is_a_success_with_an_empty_output(lab: Lab) -> None:
    answer = lab.invoke(_endpoint(lab), lab.put("1\n"), CustomAttributes="empty=1")
    assert lab.success.next()["invocationStatus"] == "Completed"
    assert lab.read(answer["OutputLocation"])[0] == ""


def test_an_input_that_is_not_there_fails(lab: Lab) -> None:
    location = f"s3://{lab.bucket}/no such.csv"
    lab.invoke(_endpoint(lab), location)
    message = lab.error.next()
    assert "Failed to download the input" in message["failureReason"]
    assert message["requestParameters"]["inputLocation"] == location


def test_an_input_above_the_payload_limit_fails(make_lab: MakeLab) -> None:
    lab = make_lab(payload_limit_bytes=100)
    lab.invoke(_endpoint(lab), lab.put("1\n" * 51))
    assert "larger than 100 bytes" in lab.error.next()["failureReason"]


def test_a_request_that_outlives_its_ttl_is_never_run_and_told_only_if_asked(make_lab: MakeLab, tmp_path: Path) -> None:
    lab = make_lab(time_scale=0.01, notify_expired=True)
    name = _endpoint(lab, MaxConcurrentInvocationsPerInstance=1)
    told = tmp_path / "told"
    lab.invoke(name, lab.put("1\n"), CustomAttributes=f"until={told}", InvocationTimeoutSeconds=3600)
    late = lab.invoke(name, lab.put("2\n"), RequestTTLSeconds=60)
    message = lab.error.next()
    assert message["inferenceId"] == late["InferenceId"]
    assert "expired" in message["failureReason"]
    told.touch()
    assert lab.success.next()["inferenceId"] != late["InferenceId"]


def test_deleting_an_endpoint_ends_its_processes_and_drops_its_queue_silently(lab: Lab) -> None:
    name = _endpoint(lab, MaxConcurrentInvocationsPerInstance=1)
    for _ in range(3):
        lab.invoke(name, lab.put("1\n"), CustomAttributes="sleep=30")
    records = Path(lab.running.settings.state_dir) / "processes"
    (record,) = [json.loads(path.read_text()) for path in records.glob("*.json")]
    lab.sm.delete_endpoint(EndpointName=name)
    eventually(lambda: not lab.sm.list_endpoints()["Endpoints"], "the endpoint to go")
    assert list(records.glob("*.json")) == []
    with pytest.raises(ProcessLookupError):
        os.killpg(record["pgid"], 0)
    results = [text for text in lab.error.receive() + lab.success.receive() if "InferenceResult" in text]
    assert results == []


def test_a_record_of_a_process_that_is_another_one_now_is_not_acted_upon(make_lab: MakeLab, tmp_path: Path) -> None:
    record = tmp_path / "state0" / "processes" / "old.json"
    record.parent.mkdir(parents=True)
    entry = {"pid": os.getpid(), "pgid": os.getpgid(0), "started": 1.0, "what": "model-server", "url": ""}
    record.write_text(json.dumps(entry))
    make_lab()
    assert not record.exists()


def test_a_model_server_that_ignores_sigterm_is_killed(make_lab: MakeLab) -> None:
    lab = make_lab(stop_timeout_s=0.3)
    name = _endpoint(lab)
    path = next((lab.running.settings.state_dir / "processes").glob("*.json"))
    pgid = json.loads(path.read_text())["pgid"]
    os.killpg(pgid, signal.SIGSTOP)  # a stopped process does not act on SIGTERM
    lab.sm.delete_endpoint(EndpointName=name)
    eventually(lambda: not lab.sm.list_endpoints()["Endpoints"], "the endpoint to go")
    with pytest.raises(ProcessLookupError):
        os.killpg(pgid, 0)
