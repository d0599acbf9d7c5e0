"""Usage in the cost model equals the measured usage, and the page equals the script's output."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from tailrace.costs import cost_model, report
from tailrace.costs.free_tier import FREE_TIERS
from tailrace.costs.prices import PRICES, Prices
from tailrace_core.errors import InputError
from tests.contract.costs.metering import of_a_chunk
from tests.infra import watching
from tests.infra.templates import FUNCTIONS, ROOT, as_deployed, monitoring, root, source
from tests.markdown import formatted

DEPLOY = ROOT / "docs/deploy.md"


def test_a_chunk_uses_what_is_reckoned_for_it() -> None:
    counted, reckoned = (dataclasses.asdict(each) for each in (of_a_chunk(), cost_model.CHUNK))
    # Units of capacity depend on the sizes of items, which are smaller here than with real names.
    near = {name: 2 if name.endswith("_units") else 0 for name in counted}
    assert {
        name: (counted[name], reckoned[name]) for name in counted if abs(counted[name] - reckoned[name]) > near[name]
    } == {}


def test_as_many_alarms_are_reckoned_as_a_scaling_stack_has() -> None:
    alarms = [
        alarm
        for alarm in monitoring().of_type(watching.ALARM).values()
        if alarm.get("Condition") in {None, "ScalesToZero"}
    ]
    assert sum(len(list(watching.measured(alarm))) for alarm in alarms) == cost_model.ALARM_METRICS
    assert len(monitoring().of_type(watching.DASHBOARD)) == 1


def test_the_functions_that_wait_at_queues_are_reckoned() -> None:
    mappings = root().of_type("AWS::Lambda::EventSourceMapping")
    assert len(mappings) == cost_model.POLLED_QUEUES
    assert source("infra/schedule.yaml").properties("Schedule")["ScheduleExpression"] == "rate(5 minutes)"
    assert {root().properties(key)["MemorySize"] for key in FUNCTIONS} == {1024 * cost_model.FUNCTION_GB}


@pytest.mark.parametrize("parameter", cost_model.FILES_AT_REST)
def test_the_page_has_what_cutting_in_s3_costs_at_rest(parameter: str) -> None:
    inbox = parameter == "Inbox"
    alarms = source("infra/file-alarms.yaml").of_type(watching.ALARM).values()
    metrics = sum(len(list(watching.measured(alarm))) for alarm in alarms if inbox or "Condition" not in alarm)
    templates = ("infra/cutting.yaml", "infra/inbox.yaml")[: 2 if inbox else 1]
    mapped = [as_deployed(each).of_type("AWS::Lambda::EventSourceMapping") for each in templates]
    assert (sum(map(len, mapped)), metrics) == cost_model.FILES_AT_REST[parameter]
    figures = [cost_model.files_at_rest(parameter, PRICES[region]) for region in ("eu-west-1", "cn-north-1")]
    money = " | ".join(f"{queues:.2f} + {watched:.2f}" for queues, watched in figures)
    queues, metrics = cost_model.FILES_AT_REST[parameter]
    assert f"| `{parameter}=true` adds | {queues} | {metrics} | {money} |" in DEPLOY.read_text()


@pytest.mark.parametrize("region", sorted(PRICES))
def test_the_page_has_what_the_script_prints(region: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert report.main(["--region", region]) == 0
    assert formatted(capsys.readouterr().out) in DEPLOY.read_text()


def test_a_sum_is_that_of_its_lines() -> None:
    prices = PRICES["eu-west-1"]
    lines = list(cost_model.resting_costs(prices))
    assert f"**{sum(cost for *_, cost in lines):.2f}**" in report.table("x", iter(lines), "USD")
    without = list(cost_model.resting_costs(prices, monitoring=False))
    assert [what for what, *_ in lines if what not in {each for each, *_ in without}] == [
        "the metric JobsPastDeadline (`Monitoring`)", "alarms (`Monitoring`)", "dashboard (`Dashboard`)",
    ]  # fmt: skip


def test_the_arithmetic_at_rest_is_that_of_the_prices() -> None:
    """Costs calculated by hand from the numbers of docs/decisions/0072."""
    prices, free = PRICES["eu-west-1"], FREE_TIERS["eu-west-1"]
    listed = {what: cost for what, _, cost in cost_model.resting_costs(prices)}
    assert listed["waiting at the queues"] == pytest.approx(5 * 3 * 3 * 60 * 24 * 30 * 0.40 / 1e6)
    runs = 12 * 24 * 30
    assert listed["ReconcileJobs"] == pytest.approx(
        runs * 0.20 / 1e6 + runs * 8 * 0.1415 / 1e6 + runs * 1.00 / 1e6 + runs * 1.0 * 0.0000166667
    )
    beyond = {what: cost for what, _, cost in cost_model.resting_costs(prices, free=free)}
    assert beyond["waiting at the queues"] == pytest.approx((5 * 3 * 3 * 60 * 24 * 30 - 1_000_000) * 0.40 / 1e6)
    assert beyond["ReconcileJobs"] == pytest.approx(runs * 8 * 0.1415 / 1e6)
    assert beyond["alarms (`Monitoring`)"] == pytest.approx((51 + 3 - 10) * 0.10)
    assert [what for what, cost in beyond.items() if not cost] == [
        "instances", "storage", "alarms that scale the endpoint", "the metric JobsPastDeadline (`Monitoring`)",
        "dashboard (`Dashboard`)",
    ]  # fmt: skip


def test_what_is_not_measured_costs_nothing() -> None:
    variables = root().body["Resources"]["ReconcileJobs"]["Properties"]["Environment"]["Variables"]
    assert variables["POWERTOOLS_METRICS_DISABLED"] == {"Fn::If": ["Monitors", "false", "true"]}


def test_more_rows_a_second_cost_less() -> None:
    prices = PRICES["eu-west-1"]
    slow, fast = (
        sum(cost for *_, cost in cost_model.scoring_costs(cost_model.Workload(rows_per_second=speed), prices))
        for speed in (1e3, 1e5)
    )
    assert slow > fast


def test_prices_of_ones_own_are_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = PRICES["eu-west-1"].model_copy(update={"currency": "EUR", "instance_hour": 100.0})
    path = tmp_path / "prices.json"
    path.write_text(mine.model_dump_json())
    assert report.main(["--prices", str(path)]) == 0
    assert "| EUR |" in capsys.readouterr().out


@pytest.mark.parametrize("change", [{"instance_hour": None}, {"instance_our": 1}, {"get_1000": "much"}])
def test_a_list_with_a_mistake_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / "prices.json"
    path.write_text(json.dumps({**PRICES["eu-west-1"].model_dump(), **change}))
    assert report.main(["--prices", str(path)]) == 2
    with pytest.raises(InputError, match=next(iter(change))):
        Prices.read(path)


def test_prices_that_nobody_checked_say_so() -> None:
    assert all("to be checked" in prices.as_of for prices in PRICES.values())
