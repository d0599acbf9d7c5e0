"""Names of the executions that cut the inputs of remote jobs, and the words for their failures."""

from __future__ import annotations

NOT_CUT = "the input could not be cut: "
"""Beginning of the reason of a job whose execution failed."""


def execution_name(job_id: str, number: int = 1) -> str:
    """Return the name of a job's execution; ``number`` counts those that went on after others."""
    return job_id if number == 1 else f"{job_id}-{number}"


def execution_arn(machine: str, job_id: str, number: int = 1) -> str:
    """Return the ARN of a job's execution, given that of the state machine."""
    return f"{machine.replace(':stateMachine:', ':execution:')}:{execution_name(job_id, number)}"
