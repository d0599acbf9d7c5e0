"""Tables of the control plane, tags, and pages of List operations."""

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, Protocol, TypeVar

from tailrace_local.sagemaker.errors import validation

_DEFAULT_PAGE = 10


class Named(Protocol):
    """An entry of a table."""

    @property
    def name(self) -> str:
        """The name, unique in its table."""
        ...

    @property
    def arn(self) -> str:
        """The Amazon resource name."""
        ...

    @property
    def created_s(self) -> float:
        """Seconds since the epoch."""
        ...


T = TypeVar("T", bound=Named)
R = TypeVar("R")


class Table(Generic[T]):
    """Resources of one kind by name."""

    def __init__(self, noun: str, arn_of: Callable[[str], str]) -> None:
        self._noun = noun
        self._arn_of = arn_of
        self._rows: dict[str, T] = {}

    def __iter__(self) -> Iterator[T]:
        return iter(list(self._rows.values()))

    def find(self, name: str) -> T | None:
        """Return the resource, or None."""
        return self._rows.get(name)

    def get(self, name: str) -> T:
        """Return the resource.

        Raises:
            ApiError: there is none; with AWS's message.
        """
        if name not in self._rows:
            raise validation(f'Could not find {self._noun} "{self._arn_of(name)}".')
        return self._rows[name]

    def require_absent(self, name: str) -> None:
        """Raise ApiError if `name` is taken."""
        if name in self._rows:
            raise validation(f'Cannot create already existing {self._noun} "{self._arn_of(name)}".')

    def add(self, row: T) -> T:
        """Add a resource. Raises ApiError if its name is taken."""
        self.require_absent(row.name)
        self._rows[row.name] = row
        return row

    def remove(self, name: str) -> T:
        """Remove a resource. Raises ApiError if there is none."""
        self.get(name)
        return self._rows.pop(name)


class Tags:
    """Tags by ARN."""

    def __init__(self) -> None:
        self._tags: dict[str, dict[str, str]] = {}

    def add(self, arn: str, tags: list[dict[str, str]]) -> list[dict[str, str]]:
        """Set `tags` and return them all."""
        self._tags.setdefault(arn, {}).update({tag["Key"]: tag["Value"] for tag in tags})
        return self.of(arn)

    def of(self, arn: str) -> list[dict[str, str]]:
        """Return the tags of `arn` as the API shows them."""
        return [{"Key": key, "Value": value} for key, value in self._tags.get(arn, {}).items()]

    def drop(self, arn: str, keys: list[str]) -> None:
        """Remove the tags `keys`."""
        for key in keys:
            self._tags.get(arn, {}).pop(key, None)

    def forget(self, arn: str) -> None:
        """Remove all tags of a deleted resource."""
        self._tags.pop(arn, None)


def list_page(rows: list[T], request: Mapping[str, Any]) -> tuple[list[T], dict[str, str]]:
    """Select a page of a List operation.

    Filters: NameContains, CreationTime…, SortBy, SortOrder, MaxResults, NextToken. Returns the rows
    and `{"NextToken": …}` when there are more.
    """
    chosen = [row for row in rows if _matches(row, request)]
    by_name = request.get("SortBy") == "Name"
    # AWS's default order is descending.
    chosen.sort(key=lambda row: (row.name if by_name else row.created_s, row.name), reverse=_descending(request))
    return paginate(chosen, request)


def paginate(chosen: list[R], request: Mapping[str, Any]) -> tuple[list[R], dict[str, str]]:
    """Cut the page of MaxResults and NextToken from filtered and sorted rows."""
    start = _offset(request.get("NextToken"))
    end = start + request.get("MaxResults", _DEFAULT_PAGE)
    more = {"NextToken": base64.urlsafe_b64encode(str(end).encode()).decode()} if end < len(chosen) else {}
    return chosen[start:end], more


def _descending(request: Mapping[str, Any]) -> bool:
    return bool(request.get("SortOrder", "Descending") == "Descending")


def _matches(row: Named, request: Mapping[str, Any]) -> bool:
    return (
        request.get("NameContains", "").lower() in row.name.lower()
        and row.created_s > request.get("CreationTimeAfter", float("-inf"))
        and row.created_s < request.get("CreationTimeBefore", float("inf"))
    )


def _offset(token: str | None) -> int:
    try:
        return int(base64.urlsafe_b64decode(token)) if token else 0
    except (ValueError, binascii.Error):
        raise validation("Invalid NextToken: pass the one of the last page") from None
