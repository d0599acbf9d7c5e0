import pytest

from tailrace_consumers.settings import Settings
from tailrace_core.errors import ConfigurationError

FULL = {
    f"TAILRACE_{name}": name.lower()
    for name in ("BUCKET", "LEDGER_TABLE", "RESULTS_TOPIC", "RETRIES_QUEUE", "PARKED_QUEUE", "ENDPOINT_NAME")
}


def test_settings_come_from_the_environment() -> None:
    assert Settings.from_environment({**FULL, "OTHER": "x"}).model_dump(exclude_unset=True) == {
        name.removeprefix("TAILRACE_").lower(): value for name, value in FULL.items()
    }


def test_a_stack_without_an_endpoint_has_no_name_of_one() -> None:
    assert not Settings.from_environment({**FULL, "TAILRACE_ENDPOINT_NAME": ""}).endpoint_name


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name in FULL for value in (None, "") if (name[9:], value) != ("ENDPOINT_NAME", "")],
)
def test_what_is_missing_is_named(name: str, value: str | None) -> None:
    environment = {**FULL, name: value or ""} if value is not None else {n: v for n, v in FULL.items() if n != name}
    with pytest.raises(ConfigurationError, match=f"lacks {name};"):
        Settings.from_environment(environment)
