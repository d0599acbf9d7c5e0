"""Sessions that share the definitions of AWS's services: each would read megabytes of JSON anew."""

from __future__ import annotations

import functools

import aioboto3
import boto3
from aiobotocore.session import AioSession
from botocore.loaders import Loader, create_loader
from botocore.session import Session

_LOADER = "data_loader"


@functools.cache
def _definitions() -> Loader:
    return create_loader()


def sync_session() -> boto3.Session:
    """Make a session with credentials for moto."""
    shared = Session()
    shared.register_component(_LOADER, _definitions())
    return boto3.Session("test", "test", region_name="eu-west-1", botocore_session=shared)


def async_session() -> aioboto3.Session:
    """Make the same for an async client."""
    shared = AioSession()
    shared.register_component(_LOADER, _definitions())
    return aioboto3.Session("test", "test", region_name="eu-west-1", botocore_session=shared)
