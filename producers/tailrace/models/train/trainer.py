"""The client of trainings: starts AutoML jobs, waits for them, and reads their candidates."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, Self
from urllib.parse import urlsplit

from tailrace.models.train import steps
from tailrace.models.train.checks import CheckedFile, check_file
from tailrace.models.train.jobs import Candidate, TrainingStatus
from tailrace.models.train.options import TrainingOptions
from tailrace.models.train.requests import Channel, create_request, data_key, models_address
from tailrace_core.aws.calls import Call, run
from tailrace_core.errors import InputError, TimedOutError, TransientError

OnStatus = Callable[[TrainingStatus], object]
FIRST_DELAY_S, MAX_DELAY_S = 1.0, 60.0
_DELAY_SHARE = 0.25
_MAX_FAILURES = 10
DEFAULT_TIMEOUT_S = 86_400.0
"""How long `wait` waits at most where nothing else is said: a day."""


class _Connection(Protocol):
    @property
    def where(self) -> str: ...

    def execute(self, call: Call) -> Any: ...

    def close(self) -> None: ...


class Trainer:
    """A client that trains models by AutoML; a context manager.

        with Trainer() as trainer:
            job = trainer.train("sales.csv", target="unit_sales", candidates=5)
            job.wait()
            print(job.leaderboard()[0].validation, job.deploy_command())

    Args:
        stack: Name of the training stack (infra/training.yaml), whose bucket and role are used
            where no others are given.
        session: A `boto3.Session` with other credentials than the default ones.
        endpoint_url: One address for all services.
        region: The region; by default the session's, then ``AWS_REGION``.
        connection: Makes the AWS calls, instead of a `Boto3Connection`.
        clock: Monotonic seconds.
        sleep: Waits for so many seconds.
    """

    def __init__(
        self,
        stack: str = steps.DEFAULT_STACK,
        *,
        session: Any = None,
        endpoint_url: str | None = None,
        region: str | None = None,
        connection: _Connection | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        if connection is None:
            from tailrace.aws.connections import Boto3Connection  # noqa: PLC0415 - slow to import

            connection = Boto3Connection(session=session, endpoint_url=endpoint_url, region=region)
        self._connection = connection
        self._stack = stack
        self._clock = clock
        self._sleep = sleep

    def train(
        self, data: str, options: TrainingOptions | None = None, *, say: Callable[[str], object] = str, **keywords: Any
    ) -> TrainingJob:
        """Check data, store a file in the stack's bucket, and start a job.

        The same call again finds the job that it started, and starts no other.

        Args:
            data: A path of a CSV or Parquet file, or an ``s3://`` address or prefix.
            options: All options in one object; otherwise keyword arguments are its fields.
            say: Is told what is done.
            **keywords: The fields of `TrainingOptions`.

        Raises:
            InputError: the data or an option are wrong, or the name is taken.
            AccessDeniedError: the identity may not train.
            PermanentError: SageMaker refuses the job.
        """
        options = options or TrainingOptions(**keywords)
        checked = {name: self._checked(name, options, say) for name in filter(None, (data, options.validation))}
        stack = self._needed_stack(options, local=any(isinstance(each, CheckedFile) for each in checked.values()))
        stored = {name: self._stored(each, stack, options, say) for name, each in checked.items()}
        request = create_request(
            options,
            stored[data],
            stored[options.validation] if options.validation else None,
            role=options.role or _of(stack).role,
            output_path=options.output_path or models_address(_of(stack).bucket),
        )
        new = self._run(steps.create(request, named=options.name is not None))
        job = self.job(request["AutoMLJobName"])
        say(
            f"started the AutoML job {job.name}"
            if new
            else f"the AutoML job {job.name} was started before; name another with --name"
        )
        return job

    def job(self, name: str) -> TrainingJob:
        """Return a job by its name; no call is made."""
        return TrainingJob(name, self._run, clock=self._clock, sleep=self._sleep)

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, made: Any) -> Any:
        return run(made, self._connection.execute)

    def _checked(self, data: str, options: TrainingOptions, say: Callable[[str], object]) -> CheckedFile | Channel:
        if data.startswith("s3://"):
            found: Channel = self._run(steps.find_data(data, options.target))
            return found
        path = Path(data)
        if not path.is_file():
            raise InputError(f"there is no file {data}: name a CSV or Parquet file, or s3://BUCKET/PREFIX")
        is_validation = data == options.validation
        checked = check_file(path, options.target, min_rows=1) if is_validation else check_file(path, options.target)
        missing = f", {checked.without_target:,} of them without a target" if checked.without_target else ""
        say(f"{data}: {checked.rows:,} rows{missing}, {len(checked.columns)} columns")
        return checked

    def _needed_stack(self, options: TrainingOptions, *, local: bool) -> steps.TrainingStack | None:
        """Look the stack up where something is taken from it."""
        if options.role and options.output_path and not local:
            return None
        if options.role and options.output_path:
            bucket = urlsplit(options.output_path).netloc
            return steps.TrainingStack("", bucket, options.role)
        found: steps.TrainingStack = self._run(steps.find_stack(self._stack, self._connection.where))
        return found

    def _stored(
        self,
        checked: CheckedFile | Channel,
        stack: steps.TrainingStack | None,
        options: TrainingOptions,
        say: Callable[[str], object],
    ) -> Channel:
        if isinstance(checked, Channel):
            return checked
        # A file goes beside the models where the caller names their place.
        named = urlsplit(options.output_path or "")
        prefix = named.path.strip("/") + "/" if named.path.strip("/") else ""
        key = prefix + data_key(checked.digest, checked.path.name)
        bucket = named.netloc or _of(stack).bucket
        address = f"s3://{bucket}/{key}"
        if self._run(steps.is_stored(bucket, key, checked.path.stat().st_size)):
            say(f"{address} is there already")
        else:
            from tailrace.download.object_upload import S3Target  # noqa: PLC0415 - only a new file needs it

            with checked.path.open("rb") as file, S3Target(address, self._connection.execute).open() as upload:
                shutil.copyfileobj(file, upload, 1 << 20)
            say(f"stored {checked.path} as {address}")
        return Channel(address=address, format=checked.format, digest=checked.digest)


class TrainingJob:
    """An AutoML job."""

    def __init__(
        self,
        name: str,
        run_steps: Callable[[Any], Any],
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], object],
    ) -> None:
        self.name = name
        self._run = run_steps
        self._clock = clock
        self._sleep = sleep

    def status(self) -> TrainingStatus:
        """Look up how far the job is. Raises InputError if there is no such job."""
        found: TrainingStatus = self._run(steps.describe(self.name))
        return found

    def wait(self, timeout_s: float = DEFAULT_TIMEOUT_S, on_status: OnStatus | None = None) -> TrainingStatus:
        """Wait until the job has ended, however; return its status.

        Polls after a second first, after 15 s once a minute has passed, and after a minute in the
        end: no event tells of AutoML jobs. `on_status` gets the status of each poll.

        Raises:
            TimedOutError: the time is over; the job goes on.
            InputError: there is no such job.
        """
        began, failures, found = self._clock(), 0, None
        while True:
            try:
                found, failures = self.status(), 0
            except TransientError:
                # A connection that fails for a moment does not end a wait of hours.
                failures += 1
                if failures > _MAX_FAILURES:
                    raise
            else:
                if on_status:
                    on_status(found)
                if found.ended:
                    return found
            elapsed = self._clock() - began
            if elapsed >= timeout_s:
                state = f"{found.status} ({found.secondary})" if found else "of unknown status"
                raise TimedOutError(
                    f"the AutoML job {self.name} is {state} after {elapsed:.0f} s; it goes on: "
                    f"`tailrace leaderboard {self.name} --wait`",
                    job=self.name,
                )
            delay = min(MAX_DELAY_S, max(FIRST_DELAY_S, elapsed * _DELAY_SHARE))
            self._sleep(min(delay, timeout_s - elapsed))

    def leaderboard(self) -> list[Candidate]:
        """Return the job's candidates, the best first; none while there are none."""
        found: list[Candidate] = self._run(steps.leaderboard(self.name))
        return found

    def stop(self) -> None:
        """Stop the job."""
        self._run(steps.stop(self.name))

    def deploy_command(self, stack: str = "tailrace", *, local: bool = False) -> str:
        """Return the command that deploys the best candidate: to the local cloud, or to AWS.

        A candidate of several containers goes to a real-time endpoint: asynchronous ones take one.

        Raises:
            InputError: there is no such job.
        """
        found = self.status()
        parameters = [f"AutoMLJobName={self.name}"]
        if self.name != self.name.lower():
            parameters.append(f"AutoMLJobArn={found.arn}")
        if found.containers > 1:
            parameters.append("EndpointKind=realtime")
        if local:
            return " ".join(["tailrace local deploy", *(f"--parameter {each}" for each in parameters)])
        return f"sam build && sam deploy --stack-name {stack} --parameter-overrides {' '.join(parameters)}"


def _of(stack: steps.TrainingStack | None) -> steps.TrainingStack:
    if stack is None:
        raise InputError("give --role and --output-path, or --training-stack")
    return stack
