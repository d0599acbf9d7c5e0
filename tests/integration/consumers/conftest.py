from collections.abc import Iterator

import pytest
from moto import mock_aws

from tests.integration.consumers.aws import REGION, Stack, make_stack
from tests.moto_tables import one_call_at_a_time


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    # moto answers botocore's requests only, and the functions make all requests by botocore where the environment holds
    # a variable that is about them.
    variables = {"AWS_RETRY_MODE": "standard", "AWS_DEFAULT_REGION": REGION, "POWERTOOLS_METRICS_NAMESPACE": "Tailrace"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with mock_aws(), one_call_at_a_time():
        made = make_stack()
        for name, value in made.settings.model_dump(exclude_none=True).items():
            monkeypatch.setenv(f"TAILRACE_{name.upper()}", value)
        yield made
