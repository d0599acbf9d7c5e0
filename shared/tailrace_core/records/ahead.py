"""Work on one item while the next one is made, in two threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

Item = TypeVar("Item")
Result = TypeVar("Result")


def worked_ahead(
    items: Iterable[Item], work: Callable[[Item], Result], helper: Executor | None
) -> Iterator[tuple[Item, Result]]:
    """Yield each item and the result of its ``work``, in order.

    A ``helper`` works on an item while the next one is made; two are held at most. Where its thread
    has not begun by then, because all cores are busy, the caller does the work. Errors, of
    ``items`` and of ``work``, come in the order of the items.
    """
    if helper is None:
        for item in items:
            yield item, work(item)
        return
    source = iter(items)
    waiting: deque[tuple[Item, Future[Result]]] = deque()
    ended: BaseException | None = None
    while ended is None:
        try:
            made = next(source)
        except BaseException as exc:  # noqa: BLE001 - raised below, when the items before it are yielded
            ended = exc
        else:
            waiting.append((made, helper.submit(work, made)))
            del made
        if waiting and (ended is not None or len(waiting) > 1):
            # No name here holds what is yielded: its memory is free as soon as the caller drops it.
            yield _worked(*waiting.popleft(), work)
    if not isinstance(ended, StopIteration):
        raise ended


def _worked(item: Item, begun: Future[Result], work: Callable[[Item], Result]) -> tuple[Item, Result]:
    return item, work(item) if begun.cancel() else begun.result()
