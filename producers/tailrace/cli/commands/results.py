"""The command ``tailrace results``."""

from __future__ import annotations

import contextlib
import itertools
import signal
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from tailrace.cli import arguments
from tailrace.cli.environment import Environment, Target, guarded, of
from tailrace.cli.printable import printable
from tailrace.cli.termination import TerminationError
from tailrace_core.errors import AccessDeniedError, InputError
from tailrace_core.messages.events import JobFinished

if TYPE_CHECKING:
    from tailrace.client import Tailrace
    from tailrace.operations.results.unknown import Event

_PEEKED_EVENTS = 10
_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


@guarded
def results(
    *,
    context: typer.Context,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Wait for more events until interrupted.")] = False,
    most: Annotated[
        int | None,
        typer.Option(
            "--max",
            min=1,
            metavar="N",
            help="Stop after this many events. Default: at the end of the queue; 10 with --peek.",
        ),
    ] = None,
    queue: Annotated[
        str | None,
        typer.Option(
            "--queue", metavar="QUEUE", help="URL, name or ARN of another subscribed queue. Default: ResultsQueue."
        ),
    ] = None,
    peek: Annotated[
        bool,
        typer.Option(
            "--peek",
            help="Take nothing: count the messages, and print the events that the newest finished jobs published.",
        ),
    ] = False,
    stack: arguments.Stack = None,
    json_: arguments.Json = False,
    profile: arguments.Profile = None,
    region: arguments.Region = None,
    endpoint_url: arguments.EndpointUrl = None,
    debug: arguments.Debug = False,  # noqa: ARG001 - `guarded` reads it
) -> None:
    """Print the events of the results queue; each is acknowledged once it is printed.

    SIGTERM and Ctrl-C end it after the current event; what it holds becomes visible at once.

    Examples:
      tailrace results --follow --stack demand --json
      tailrace results --peek --stack demand
    """
    environment = of(context)
    if peek and follow:
        raise InputError("--peek looks once: leave --follow out")
    target = Target(stack=stack, profile=profile, region=region, endpoint_url=endpoint_url)
    with environment.client(target) as client:
        if peek:
            _peek(client, environment, queue, most or _PEEKED_EVENTS, json_=json_)
        else:
            _print_all(client, environment, queue, most, follow=follow, json_=json_)


def _print_all(
    client: Tailrace, environment: Environment, queue: str | None, most: int | None, *, follow: bool, json_: bool
) -> None:
    reader = client.results(
        queue,
        follow=follow,
        max_events=most,
        on_unknown=lambda event: environment.say(f"tailrace: skipped, not known here: {printable(str(event))}"),
        on_lost=lambda event: environment.say(f"tailrace: lost, may come again: {event.event_id}"),
        on_unreadable=lambda exc: environment.say(f"tailrace: left in the queue: {printable(exc.message)}"),
    )
    with _ending_at_signals(reader.stop), reader:
        for event in reader:
            _put(environment, event, json_=json_)


def _peek(client: Tailrace, environment: Environment, queue: str | None, most: int, *, json_: bool) -> None:
    counts = client.queue_counts(queue)
    environment.say(
        f"tailrace: about {counts.waiting} events wait in the queue, {counts.hidden} are with readers, "
        f"{counts.delayed} are delayed; nothing was received. Events of the newest finished jobs, read or not:"
    )
    try:
        for event in itertools.islice(client.recent_events(), most):
            _put(environment, event, json_=json_)
    except AccessDeniedError as exc:
        environment.say(f"tailrace: this identity may not read the ledger, so none is shown: {printable(exc.message)}")


def _put(environment: Environment, event: Event, *, json_: bool) -> None:
    if json_:
        environment.put_json(event.to_json())
    else:
        environment.put(printable(_line(event)))


def _line(event: Event) -> str:
    if isinstance(event, JobFinished):
        return f"{event.job_id} {event.state}: {event.rows_scored} of {event.rows_total} rows scored"
    return f"{event.job_id} rows {event.first_row} to {event.first_row + event.rows - 1}: {event.location}"


@contextlib.contextmanager
def _ending_at_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call ``stop`` at a signal that ends the process, and raise it when the block has ended.

    Raised at once, it could cut a receive short, whose events would stay hidden. A second signal is
    raised at once. Ignored signals (as under ``nohup``) stay so; outside of the main thread nothing
    changes.
    """
    ours = threading.current_thread() is threading.main_thread()
    before = {each: signal.getsignal(each) for each in _SIGNALS if ours and signal.getsignal(each) != signal.SIG_IGN}
    received: list[int] = []

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def handle(number: int, _: object) -> None:
        received.append(number)
        restore()
        stop()

    for number in before:
        signal.signal(number, handle)
    try:
        yield
    finally:
        restore()
    if received:
        raise KeyboardInterrupt if received[0] == signal.SIGINT else TerminationError(received[0])
