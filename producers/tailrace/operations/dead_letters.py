"""Dead letters: messages that a consumer or a subscription gave up on, to be inspected and redriven.

A letter is sent to its source queue first and deleted afterwards. A crash in between leaves two
copies, which every consumer here tolerates. SQS's own redrive (StartMessageMoveTask) does not
serve: it refuses the dead-letter queues of subscriptions, and not every partition has it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tailrace.aws.queues import EMPTY_RECEIVES, Queue, ReceivedMessage, release, scan
from tailrace.aws.stacks import Stack
from tailrace_core.errors import AccessDeniedError, ConfigurationError, InputError, MessageError
from tailrace_core.jobs.reasons import cause_id, cause_of
from tailrace_core.messages.arrivals import OBJECT_CREATED, decode_arrival, decode_delivery
from tailrace_core.messages.decoding import read_json
from tailrace_core.messages.events import ChunkParked, DiscardDue, RetryDue, decode, decode_published
from tailrace_core.messages.notifications import decode_notification
from tailrace_core.messages.rounds import RoundDue, decode_round_message
from tailrace_core.messages.scoring import ScoreDue

PROVENANCE = "tailrace-redriven"
"""Message attribute with the message's redrives as JSON: how often, in which run, and from which
queue."""
_MAX_ATTRIBUTES = 10
_OUTPUT = "DeadLetterQueue"
VISIBILITY_TIMEOUT_S = 120
SCAN_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class DeadLetterQueue:
    """A dead-letter queue of the stack, and its source queue, if letters can be sent there."""

    name: str
    """Name that commands accept, such as ``failed``, ``succeeded``, ``retries`` or ``parked``."""
    url: str
    source_url: str | None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A dead letter and its subject."""

    message: ReceivedMessage
    about: str
    """Its subject: an attempt, a chunk, or the id of an event; empty when it cannot be read."""
    fault: str | None
    """Why it cannot be read; None when it can: its consumer's log tells why that failed."""

    @property
    def cause(self) -> str:
        """Its kind with what it has in common with others: the reason that it carries, or its fault."""
        if self.fault is not None:
            return f"unreadable: {cause_of(self.fault)}"
        data = read_json(self.message.body)
        known = data if isinstance(data, dict) else {}
        kind = known.get("type") or known.get("invocationStatus") or known.get("eventName") or "message"
        reason = known.get("reason") or known.get("failureReason")
        return f"{kind}: {cause_of(str(reason))}" if reason else str(kind)

    def has_cause(self, cause: str) -> bool:
        """Return whether ``cause`` is the id of its cause, or text of its cause or body in any case."""
        wanted = cause.lower()
        return wanted == cause_id(self.cause) or wanted in self.cause.lower() or wanted in self.message.body.lower()


@dataclass(frozen=True, slots=True)
class LetterCause:
    """Dead letters of one cause."""

    cause: str
    """The letters' kind with what they have in common: the reason that they carry, or why they
    cannot be read."""
    letters: tuple[DeadLetter, ...]


def group_letters(letters: Iterable[DeadLetter]) -> list[LetterCause]:
    """Group letters by cause, the largest group first."""
    groups: dict[str, list[DeadLetter]] = {}
    for letter in letters:
        groups.setdefault(letter.cause, []).append(letter)
    ranked = sorted(groups, key=lambda cause: (-len(groups[cause]), cause))
    return [LetterCause(cause, tuple(groups[cause])) for cause in ranked]


@dataclass(frozen=True, slots=True)
class RedrivenLetter:
    """A letter that was sent again."""

    letter: DeadLetter
    times: int
    """How often it has been sent again so far."""
    marked: bool
    """False when there was no room for the attribute `PROVENANCE`."""


class DeadLetters:
    """The dead-letter queues of one stack. ``new_id`` names a run, so that it recognises its own letters."""

    def __init__(
        self, stack: Stack, queue: Callable[[str], Queue], *, now: Callable[[], float], new_id: Callable[[], str]
    ) -> None:
        self._stack = stack
        self._queue = queue
        self._now = now
        self._new_id = new_id

    def queues(self) -> list[tuple[DeadLetterQueue, int | None]]:
        """Return each dead-letter queue and about how many letters it holds; None where the identity may not ask."""
        return [(each, self._size(each)) for each in _queues_of(self._stack)]

    def left(self, name: str) -> int | None:
        """Return about how many letters the queue holds now, hidden ones included."""
        return self._size(self.find(name))

    def find(self, name: str) -> DeadLetterQueue:
        """Find a dead-letter queue by name.

        Raises:
            InputError: the stack has no such queue.
        """
        known = _queues_of(self._stack)
        for each in known:
            if each.name == name:
                return each
        raise InputError(f"there is no dead-letter queue {name!r}; there are {', '.join(each.name for each in known)}")

    def peek(self, name: str, *, max_messages: int = 10) -> list[DeadLetter]:
        """Return some letters, and release them at once."""
        queue = self._queue(self.find(name).url)
        found = scan(
            queue,
            max_messages=max_messages,
            timeout_s=SCAN_TIMEOUT_S,
            visibility_timeout_s=VISIBILITY_TIMEOUT_S,
            now=self._now,
        )
        release(queue, found.messages)
        return [_letter(each) for each in found.messages]

    def redrive(
        self, name: str, *, max_messages: int | None = None, cause: str | None = None
    ) -> Iterator[RedrivenLetter]:
        """Send letters again, one after the other: at most ``max_messages`` of those that were there at the start.

        With ``cause``, only those that have it (`DeadLetter.has_cause`) are sent; the others are
        hidden until the run ends.

        Raises:
            InputError: letters of this queue cannot be sent again.
        """
        dead = self.find(name)
        if dead.source_url is None:
            raise InputError(
                f"letters of {name} cannot be sent again: they are ticks of a schedule, and the next tick does the same"
            )
        queue, source = self._queue(dead.url), self._queue(dead.source_url)
        limit = queue.size() if max_messages is None else max_messages
        run, done, empty = self._new_id(), 0, 0
        passed: dict[str, ReceivedMessage] = {}
        try:
            while done < limit and empty < EMPTY_RECEIVES:
                letters = queue.receive(visibility_timeout_s=VISIBILITY_TIMEOUT_S, wait_s=1, max_messages=limit - done)
                empty = 0 if letters else empty + 1
                for index, letter in enumerate(letters):
                    if _provenance(letter).get("run") == run or letter.message_id in passed:
                        # This run sent it and it failed again: the cause is not fixed. Or it was
                        # left out before, so the run has seen all.
                        release(queue, letters[index:])
                        return
                    if cause is not None and not _letter(letter).has_cause(cause):
                        passed[letter.message_id] = letter
                        continue
                    yield self._send_again(letter, queue, source, run)
                    done += 1
        finally:
            release(queue, passed.values())

    def _size(self, dead: DeadLetterQueue) -> int | None:
        try:
            return self._queue(dead.url).size()
        except AccessDeniedError:
            return None

    def _send_again(self, message: ReceivedMessage, queue: Queue, source: Queue, run: str) -> RedrivenLetter:
        before = _provenance(message)
        times = before.get("times", 0) + 1
        attributes = {name: _resendable(value) for name, value in message.attributes.items()}
        marked = PROVENANCE in attributes or len(attributes) < _MAX_ATTRIBUTES
        if marked:
            provenance = {
                "times": times,
                "run": run,
                "from": queue.name,
                "message_id": before.get("message_id", message.message_id),
                "first_sent_at": before.get("first_sent_at", message.sent_at),
            }
            attributes[PROVENANCE] = {"DataType": "String", "StringValue": json.dumps(provenance)}
        source.send(message.body, attributes)
        queue.delete(message)
        return RedrivenLetter(_letter(message), times, marked)


def _queues_of(stack: Stack) -> list[DeadLetterQueue]:
    found = []
    for output, url in sorted(stack.outputs.items()):
        if output.endswith(_OUTPUT):
            base = output.removesuffix(_OUTPUT)
            name = "".join(f"-{each.lower()}" if each.isupper() else each for each in base).removeprefix("-")
            source = stack.outputs.get(f"{base}Queue") or stack.outputs.get(f"{base}QueueUrl")
            found.append(DeadLetterQueue(name, url, source))
    if not found:
        raise ConfigurationError(f"stack {stack.name} names no dead-letter queue; deploy the current template")
    return found


def _provenance(message: ReceivedMessage) -> dict[str, Any]:
    try:
        provenance = json.loads(message.attributes.get(PROVENANCE, {}).get("StringValue", "{}"))
    except ValueError:
        return {}
    return provenance if isinstance(provenance, dict) and isinstance(provenance.get("times", 0), int) else {}


def _resendable(attribute: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attribute.items() if name in {"DataType", "StringValue", "BinaryValue"}}


def _letter(message: ReceivedMessage) -> DeadLetter:
    try:
        return DeadLetter(message, _about(message.body), None)
    except MessageError as exc:
        return DeadLetter(message, "", exc.message)


def _about(body: str) -> str:
    """Return the subject of a message. Raises MessageError."""
    data = read_json(body)
    match data if isinstance(data, dict) else {}:
        case {"type": "RetryDue" | "DiscardDue" as kind}:
            message = decode(RetryDue, body) if kind == "RetryDue" else decode(DiscardDue, body)
            about = f"{kind} {message.job_id}.{message.range.name}.{message.attempt}"
        case {"type": "ChunkParked"}:
            about = decode(ChunkParked, body).event_id
        case {"type": "PartReady" | "JobFinished"}:
            about = decode_published(body).event_id
        case {"type": "ScoreDue"}:
            about = f"ScoreDue {decode(ScoreDue, body).inference_id}"
        case {"type": "DeliveryDue"}:
            about = f"DeliveryDue {decode_delivery(body).job_id}"
        case {"source": "aws.s3"}:
            about = f"{OBJECT_CREATED} {decode_arrival(body).location}"
        case {"source": "aws.states", "detail": {"status": status, "name": name}}:
            about = f"{status} {name}"
        case {"type": "RoundDue"} | {"detail-type": _}:
            due = decode_round_message(body)
            about = f"RoundDue {due.job_id}" if isinstance(due, RoundDue) else f"{due.detail.status} {due.detail.name}"
        case _:
            found = decode_notification(body)
            about = f"{found.invocation_status or found.event_name} {found.inference_id or ''}".rstrip()
    return about
