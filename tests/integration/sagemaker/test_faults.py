"""Faults as a client of the emulator sees them: the real SDK, over HTTP, with queues behind the topics."""

import json
import urllib.error
import urllib.request
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from .cloud import Lab, eventually


def admin(lab: Lab, method: str, path: str, body: Any = None) -> Any:
    data = json.dumps(body).encode() if body is not None else None
    headers = {"x-tailrace-token": lab.running.token}
    request = urllib.request.Request(f"{lab.running.url}/_tailrace/sagemaker/{path}", data, headers, method=method)  # noqa: S310 - our own http address
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - same
        return json.loads(answer.read())


def plan(lab: Lab, *rules: dict[str, Any], seed: int = 0) -> None:
    admin(lab, "PUT", "faults", {"seed": seed, "rules": rules})


def counts(lab: Lab) -> dict[str, int]:
    found: dict[str, int] = admin(lab, "GET", "faults")["counts"]["by_kind"]
    return found


@pytest.fixture
def name(lab: Lab) -> str:
    return lab.endpoint(lab.config(lab.model(), asynchronous=lab.async_config()))


def results(lab: Lab, wanted: int) -> list[dict[str, Any]]:
    """The next `wanted` results of both topics."""
    seen: list[dict[str, Any]] = []

    def enough() -> bool:
        texts = lab.success.receive() + lab.error.receive()
        seen.extend(one for text in texts if (one := json.loads(text)).get("eventName") == "InferenceResult")
        return len(seen) >= wanted

    eventually(enough, f"{wanted} results")
    return seen


def until_last(lab: Lab, name: str, *expected: str) -> list[str]:
    """The inference ids that have arrived when those that are expected and one that is sent now have, in any order."""
    admin(lab, "DELETE", "faults")
    lab.invoke(name, lab.put("1\n"), InferenceId="the-last")
    seen: list[str] = []
    while not {"the-last", *expected} <= set(seen):
        seen += [message["inferenceId"] for message in results(lab, 1)]
    return [each for each in seen if each != "the-last"]


def test_a_throttled_call_is_refused_with_awss_code_and_queues_nothing(lab: Lab, name: str) -> None:
    plan(lab, {"when": {"every": 2}, "do": {"kind": "refuse"}})
    lab.invoke(name, lab.put("1\n"), InferenceId="one")
    with pytest.raises(ClientError) as refused:
        lab.invoke(name, lab.put("1\n"), InferenceId="two")
    assert refused.value.response["Error"]["Code"] == "ThrottlingException"
    assert until_last(lab, name, "one") == ["one"]
    assert counts(lab) == {"refuse": 1}


def test_an_unavailable_service_answers_503(lab: Lab, name: str) -> None:
    plan(lab, {"do": {"kind": "refuse", "code": "ServiceUnavailable", "status": 503, "message": "busy"}})
    with pytest.raises(lab.rt.exceptions.ServiceUnavailable) as refused:
        lab.invoke(name, lab.put("1\n"))
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503


def test_a_call_whose_answer_is_lost_was_queued_all_the_same(lab: Lab, name: str) -> None:
    plan(lab, {"do": {"kind": "lose_answer"}})
    with pytest.raises(ConnectionClosedError):
        lab.invoke(name, lab.put("1\n"), InferenceId="unheard")
    assert lab.success.next()["inferenceId"] == "unheard"


def test_lost_requests_and_dropped_notifications_stay_silent(lab: Lab, name: str) -> None:
    plan(
        lab,
        {"when": {"inference_id": "^lost"}, "do": {"kind": "lose"}},
        {"when": {"inference_id": "^unsaid"}, "do": {"kind": "drop"}},
    )
    lost = lab.invoke(name, lab.put("1\n"), InferenceId="lost")
    unsaid = lab.invoke(name, lab.put("1\n"), InferenceId="unsaid")
    eventually(lambda: counts(lab) == {"lose": 1, "drop": 1}, "both faults")
    assert until_last(lab, name) == []
    assert lab.read(unsaid["OutputLocation"])[0] == "2\n"
    with pytest.raises(lab.s3.exceptions.NoSuchKey):
        lab.read(lost["OutputLocation"])


def test_notifications_come_twice_and_in_another_order(lab: Lab, name: str) -> None:
    plan(lab, {"do": {"kind": "duplicate"}}, {"do": {"kind": "reorder", "window": 4, "within_s": 1}})
    sent = [f"job.{number}.1.1" for number in range(4)]
    for each in sent:
        lab.invoke(name, lab.put("1\n"), InferenceId=each)
    assert sorted(message["inferenceId"] for message in results(lab, 8)) == sorted(sent * 2)


def test_a_failed_attempt_may_be_told_after_the_next_one_has_succeeded(lab: Lab, name: str) -> None:
    late = {"when": {"inference_id": r"\.1$"}, "do": {"kind": "delay", "seconds": 6}}
    plan(lab, {"when": {"inference_id": r"\.1$"}, "do": {"kind": "status", "status": 500}}, late)
    lab.invoke(name, lab.put("1\n"), InferenceId="job.0.1.1")
    lab.invoke(name, lab.put("1\n"), InferenceId="job.0.1.2")
    assert lab.success.next()["inferenceId"] == "job.0.1.2"
    assert not [text for text in lab.error.receive() if "InferenceResult" in text]
    assert lab.error.next()["inferenceId"] == "job.0.1.1"


def test_a_poisoned_row_costs_its_request_a_400_whose_text_is_stored(lab: Lab, name: str) -> None:
    plan(lab, {"when": {"row": "^13$"}, "do": {"kind": "status", "status": 400, "body": "row 13"}})
    bad = lab.invoke(name, lab.put("12\n13\n", "bad.csv"))
    good = lab.invoke(name, lab.put("12\n14\n", "good.csv"))
    assert "Received client error (400)" in lab.error.next()["failureReason"]
    assert lab.read(bad["FailureLocation"])[0] == "row 13"
    lab.success.next()
    assert lab.read(good["OutputLocation"])[0] == "24\n28\n"


def test_a_spoiled_output_is_announced_as_a_success(lab: Lab, name: str) -> None:
    plan(lab, {"do": {"kind": "spoil_output", "how": "drop_middle"}})
    answer = lab.invoke(name, lab.put("1\n2\n3\n"))
    assert lab.success.next()["invocationStatus"] == "Completed"
    assert lab.read(answer["OutputLocation"])[0] == "2\n6\n"


def test_an_output_that_cannot_be_stored_is_not_there(lab: Lab, name: str) -> None:
    plan(lab, {"do": {"kind": "fail_upload"}})
    answer = lab.invoke(name, lab.put("1\n"))
    assert "Failed to upload" in lab.error.next()["failureReason"]
    with pytest.raises(lab.s3.exceptions.NoSuchKey):
        lab.read(answer["OutputLocation"])


def test_an_instance_killed_while_it_works_fails_that_request_and_comes_back(lab: Lab, name: str) -> None:
    plan(lab, {"when": {"limit": 1}, "do": {"kind": "kill_instance", "after_s": 0.1}})
    (before,) = admin(lab, "GET", f"endpoints/{name}")["instances"]
    lab.invoke(name, lab.put("1\n"), CustomAttributes="sleep=5", InferenceId="killed")
    assert "Received server error (0)" in lab.error.next()["failureReason"]
    answer = lab.invoke(name, lab.put("4\n"))
    lab.success.next()
    assert lab.read(answer["OutputLocation"])[0] == "8\n"
    (after,) = admin(lab, "GET", f"endpoints/{name}")["instances"]
    assert before["url"] != after["url"]


def test_model_servers_that_are_killed_by_hand_come_back(lab: Lab, name: str) -> None:
    (before,) = admin(lab, "GET", f"endpoints/{name}")["instances"]
    assert admin(lab, "POST", f"endpoints/{name}/kill") == {"killed": [before["name"]]}

    def back() -> bool:
        (found,) = admin(lab, "GET", f"endpoints/{name}")["instances"]
        return bool(found["ready"] and found["url"] != before["url"])

    eventually(back, "another server")
    answer = lab.invoke(name, lab.put("4\n"))
    lab.success.next()
    assert lab.read(answer["OutputLocation"])[0] == "8\n"


def test_a_message_made_by_hand_reaches_the_topic_as_it_is(lab: Lab, name: str) -> None:
    admin(lab, "PUT", "faults", {})
    forged = {"eventName": "InferenceResult", "invocationStatus": "Completed", "inferenceId": "forged"}
    admin(lab, "POST", f"endpoints/{name}/notifications", {"topic": "success", "message": forged})
    assert lab.success.next() == forged
    admin(lab, "POST", f"endpoints/{name}/notifications", {"topic": "error", "message": "no JSON"})
    eventually(lambda: "no JSON" in lab.error.receive(), "the second message")
    assert counts(lab) == {"inject": 2}


def test_a_forged_location_comes_beside_the_true_one(lab: Lab, name: str) -> None:
    plan(lab, {"do": {"kind": "forge", "changes": {"responseParameters.outputLocation": "s3://other/x.out"}}})
    answer = lab.invoke(name, lab.put("1\n"))
    locations = {message["responseParameters"]["outputLocation"] for message in results(lab, 2)}
    assert locations == {"s3://other/x.out", answer["OutputLocation"]}


def test_the_log_says_what_was_done_to_which_request(lab: Lab, name: str) -> None:
    plan(lab, {"name": "twice", "when": {"inference_id": "^b"}, "do": {"kind": "duplicate"}})
    for each in ("a", "b"):
        lab.invoke(name, lab.put("1\n"), InferenceId=each)
    results(lab, 3)
    (entry,) = admin(lab, "GET", "faults/log")["log"]
    assert (entry["rule"], entry["kind"], entry["endpoint"], entry["inference_id"]) == ("twice", "duplicate", name, "b")


def test_a_plan_with_a_mistake_is_refused_and_the_old_one_stays(lab: Lab) -> None:
    plan(lab, {"do": {"kind": "lose"}})
    with pytest.raises(urllib.error.HTTPError) as refused:
        plan(lab, {"do": {"kind": "loose"}})
    with refused.value as answer:
        assert "loose" in json.loads(answer.read())["message"]
    assert admin(lab, "GET", "faults")["plan"]["rules"][0]["do"] == {"kind": "lose"}
