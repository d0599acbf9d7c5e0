import time
from pathlib import Path

import pytest

from tailrace_local.sagemaker.adapters.aws import RoleClients
from tailrace_local.sagemaker.errors import RoleError

from .cloud import ACCOUNT, ROLE, settings


def test_clients_act_as_the_role(aws_url: str, tmp_path: Path) -> None:
    identity = RoleClients(settings(tmp_path, aws_url)).get(ROLE, "sts").get_caller_identity()
    assert identity["Arn"].startswith(f"arn:aws:sts::{ACCOUNT}:assumed-role/endpoint/")


def test_credentials_are_kept_until_shortly_before_they_expire(aws_url: str, tmp_path: Path) -> None:
    now = [time.time()]
    clients = RoleClients(settings(tmp_path, aws_url), now=lambda: now[0])
    first = clients.get(ROLE, "s3")
    now[0] += 1800
    assert clients.get(ROLE, "s3") is first
    now[0] += 1790
    assert clients.get(ROLE, "s3") is not first


def test_a_role_that_cannot_be_assumed_is_an_error_that_names_it(tmp_path: Path) -> None:
    clients = RoleClients(settings(tmp_path, "http://127.0.0.1:1"))
    with pytest.raises(RoleError, match=ROLE):
        clients.get(ROLE, "s3")
