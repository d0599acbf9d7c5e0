"""The operations with which a submit begins: find the stack, the endpoint, and the caller.

Their answers hold the fields that a submit reads, and no others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from tailrace_core.aws.direct.operations import Operation, Params, json_operation
from tailrace_core.aws.direct.requests import HttpRequest, HttpResponse, NotDirectError
from tailrace_core.errors import TransientError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


def _query_operation(
    action: str, version: str, names: frozenset[str], parse: Callable[[Element], dict[str, Any]]
) -> Operation:
    """Return an operation of the query protocol: a form, and XML as the answer."""
    headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}

    def build(params: Params, base: str) -> HttpRequest:
        if params.keys() != names or not all(isinstance(value, str) for value in params.values()):
            raise NotDirectError
        form = urlencode({"Action": action, "Version": version, **params})
        return HttpRequest("POST", f"{base}/", headers, form.encode())

    def answer(response: HttpResponse) -> dict[str, Any]:
        from xml.etree import ElementTree as ET  # noqa: PLC0415 - the functions do not need it

        try:
            return parse(ET.fromstring(response.body))  # noqa: S314 - from AWS, over TLS; expat bounds expansion
        except ET.ParseError as exc:
            raise TransientError(f"the response is no XML: {exc}") from exc

    return Operation(build, answer)


def _stacks(root: Element) -> dict[str, Any]:
    stacks = []
    for stack in _members(root, "Stacks"):
        found: dict[str, Any] = _texts(stack, ("StackName", "StackStatus"))
        found["Outputs"] = [_texts(each, ("OutputKey", "OutputValue")) for each in _members(stack, "Outputs")]
        stacks.append(found)
    return {"Stacks": stacks}


def _identity(root: Element) -> dict[str, Any]:
    return next((_texts(each, ("Account", "Arn", "UserId")) for each in root.iter() if _name(each) == _IDENTITY), {})


_IDENTITY = "GetCallerIdentityResult"


def _members(parent: Element, name: str) -> Iterator[Element]:
    for each in parent.iter():
        if _name(each) == name:
            yield from each
            return


def _texts(parent: Element, names: tuple[str, ...]) -> dict[str, str]:
    return {_name(each): each.text or "" for each in parent if _name(each) in names}


def _name(element: Element) -> str:
    """Return an element's name without its namespace."""
    return element.tag.rpartition("}")[2]


LOOKUPS: Mapping[tuple[str, str], Operation] = {
    ("cloudformation", "describe_stacks"): _query_operation(
        "DescribeStacks", "2010-05-15", frozenset({"StackName"}), _stacks
    ),
    ("sts", "get_caller_identity"): _query_operation("GetCallerIdentity", "2011-06-15", frozenset(), _identity),
    ("sagemaker", "describe_endpoint"): json_operation("SageMaker.DescribeEndpoint", "1.1"),
}
"""The operations, by boto3's names of service and method; only for clients that expect no more."""
