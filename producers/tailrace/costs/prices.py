"""AWS's prices for the services of the pipeline: inputs of `tailrace.costs`, not knowledge.

No price list was at hand when these were written down. Check them before you rely on a sum, or give
your own (``python -m tailrace.costs --prices FILE``).
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from tailrace_core.errors import InputError


class Prices(BaseModel):
    """List prices of one region, without free tiers, discounts and taxes; in ``currency``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    region: str
    currency: str
    as_of: str
    """Date and source of the prices."""
    instance_hour: float
    """The endpoint's instance type, real-time or asynchronous; the tables use ml.m5.large."""
    inference_gb: float
    """Data processed into and out of an endpoint."""
    storage_gb_month: float
    put_1000: float
    get_1000: float
    write_units_million: float
    read_units_million: float
    queue_requests_million: float
    publishes_million: float
    function_runs_million: float
    function_gb_second: float
    schedule_runs_million: float
    alarm_metric_month: float
    dashboard_month: float
    metric_month: float
    log_gb: float
    # Lists of prices from before these lack them; the defaults are those of Ireland.
    transform_instance_hour: float = 0.128
    """The instance type of transform jobs; the tables use ml.m5.large."""
    serverless_gb_second: float = 0.00002
    """A second of a serverless endpoint's work for each GB of its memory."""
    state_transitions_million: float = 25.0
    """Of standard workflows of Step Functions."""

    @classmethod
    def read(cls, path: Path) -> Prices:
        """Read prices from a JSON file.

        Raises:
            InputError: the file cannot be read, or lacks a price.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except OSError as exc:
            raise InputError(f"{path} cannot be read: {exc.strerror}") from exc
        except ValidationError as exc:
            wrong = ", ".join(".".join(map(str, each["loc"])) or each["msg"] for each in exc.errors())
            raise InputError(f"{path} is no list of prices; check {wrong}") from exc


IRELAND = Prices(
    region="eu-west-1",
    currency="USD",
    as_of="2025, from memory: to be checked",
    instance_hour=0.128,
    inference_gb=0.016,
    storage_gb_month=0.023,
    put_1000=0.005,
    get_1000=0.0004,
    write_units_million=0.705,
    read_units_million=0.1415,
    queue_requests_million=0.40,
    publishes_million=0.50,
    function_runs_million=0.20,
    function_gb_second=0.0000166667,
    schedule_runs_million=1.00,
    alarm_metric_month=0.10,
    dashboard_month=3.00,
    metric_month=0.30,
    log_gb=0.57,
)

YUAN_FOR_A_DOLLAR = 7.0
"""Beijing's list was not at hand: Ireland's prices times this stand in for it, as an order of
magnitude and no more."""

BEIJING = IRELAND.model_copy(
    update={
        name: round(value * YUAN_FOR_A_DOLLAR, 10) if isinstance(value, float) else value
        for name, value in IRELAND.model_dump().items()
    }
    | {"region": "cn-north-1", "currency": "CNY", "as_of": "Ireland's times 7, not a price list: to be checked"}
)

PRICES = {prices.region: prices for prices in (IRELAND, BEIJING)}
