"""Corrupts outputs: lines are missing, cut, too many or in other places, or the text is another."""

from collections.abc import Iterable

from tailrace_local.sagemaker.fault_injection.plan import CorruptOutput
from tailrace_local.sagemaker.messages.payload import Payload


def corrupt_output(body: Payload, fault: CorruptOutput) -> Payload:
    """Return a corrupted copy of `body`.

    Reads `body` twice and holds one line in memory, or all of them to move some.
    """
    corrupted = Payload(content_type=body.content_type)
    if fault.how == "replace":
        corrupted.write(fault.text.encode())
        return corrupted
    if fault.how in {"double_middle", "rotate", "reverse"}:
        for line in _moved(body.read().splitlines(), fault):
            corrupted.write(line + b"\n")
        return corrupted
    lines = sum(1 for _ in body.file())
    for block in _corrupted_lines(body.file(), lines, fault):
        corrupted.write(block)
    return corrupted


def _moved(lines: list[bytes], fault: CorruptOutput) -> list[bytes]:
    """Return as many lines, in other places."""
    match fault.how:
        case "reverse":
            return lines[::-1]
        case "rotate":
            return lines[1:] + lines[:1]
        case _:
            middle = (len(lines) - 1) // 2
            return [*lines[: middle + 1], *lines[middle:-1]]


def _corrupted_lines(lines: Iterable[bytes], count: int, fault: CorruptOutput) -> Iterable[bytes]:
    first, last = _affected_range(count, fault)
    for number, line in enumerate(lines):
        if not first <= number < last:
            yield line
        elif fault.how == "cut_line":
            # The rest of the output is missing, as when a writer died.
            yield line[: len(line.rstrip(b"\r\n")) // 2]
            return
        elif fault.how == "add_line":
            yield line
            yield line if line.endswith(b"\n") else b"\n" + line


def _affected_range(count: int, fault: CorruptOutput) -> tuple[int, int]:
    """Return the affected lines as a half-open range."""
    match fault.how:
        case "empty":
            return 0, count
        case "drop_middle":
            first = max(0, (count - fault.lines) // 2)
            return first, min(count, first + fault.lines)
        case _:
            return max(0, count - fault.lines), count
