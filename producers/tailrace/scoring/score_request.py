"""One request to score: checked before anything is opened, then run."""

from __future__ import annotations

import contextlib
import os
import random
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, Self

from tailrace.download import targets
from tailrace.models.opening import fitting_options, open_source
from tailrace.scoring.endpoint_facts import endpoint_facts, require_synchronous
from tailrace.sources.origins import STDIN, S3Objects, is_address
from tailrace.sources.resolving import local_files
from tailrace_core.aws.calls import run
from tailrace_core.engines import Engine, limits_of
from tailrace_core.errors import InputError

if TYPE_CHECKING:
    from tailrace.aws.connections import Boto3Connection
    from tailrace.progress import OnProgress
    from tailrace.scoring.file_scorer import Targets
    from tailrace.scoring.invoker import ModelInvoker
    from tailrace.scoring.result import Scored
    from tailrace.sources.names import Names
    from tailrace.sources.record_source import RecordSource
    from tailrace_core.aws.calls import Call
    from tailrace_core.submission.options import SubmitOptions

CONCURRENCY = 4
MAX_CONCURRENCY = 64
CONTAINER_TIMEOUT_S = 60
"""As for an endpoint; a container of one's own may be given more."""


@dataclass(frozen=True, kw_only=True)
class ScoreRequest:
    """What to score, with which model, and where the result goes; see `score`."""

    sources: Names
    output: str | os.PathLike[str] | IO[bytes]
    options: SubmitOptions
    endpoint: str | None = None
    model_url: str | None = None
    rejects: str | os.PathLike[str] | IO[bytes] | None = None
    safe_csv: bool = False
    clobber: bool = True
    concurrency: int = CONCURRENCY
    say: Callable[[str], object] = field(default=lambda _: None)
    """Gets notes for people."""

    def __post_init__(self) -> None:
        if (self.endpoint is None) == (self.model_url is None):
            raise InputError(
                "name the model: either an endpoint of SageMaker (endpoint, --endpoint) or the address of a server "
                "with its container contract (model_url, --model-url)"
            )
        if not 1 <= self.concurrency <= MAX_CONCURRENCY:
            raise InputError(f"concurrency is {self.concurrency}; it is between 1 and {MAX_CONCURRENCY}")
        self._check_targets()

    def run(
        self, connect: Callable[[], Boto3Connection], *, on_progress: OnProgress, stdin: IO[bytes] | None
    ) -> Scored:
        """Score; ``connect`` is called only if AWS is needed. Raises what `score` raises."""
        with (
            _Aws(connect) as aws,
            self._source(stdin, aws) as source,
            self._model(aws) as (invoker, engine, concurrency),
        ):
            return self._score(source, invoker, engine, concurrency, aws, on_progress)

    def _source(self, stdin: IO[bytes] | None, aws: _Aws) -> RecordSource:
        options = self.options
        return open_source(
            self.sources,
            options.header,
            stdin,
            aws.objects,
            options.recipe,
            options.pattern,
            options.source_format,
            typed_tables=options.sends_json,
        )

    def _score(
        self,
        source: RecordSource,
        invoker: ModelInvoker,
        engine: Engine,
        concurrency: int,
        aws: _Aws,
        on_progress: OnProgress,
    ) -> Scored:
        # The rules, and NumPy, are imported when the input and the model are known to be there.
        from tailrace.download.input_guard import refuse_input  # noqa: PLC0415 - as above
        from tailrace.scoring.file_scorer import FileScorer  # noqa: PLC0415 - as above
        from tailrace.scoring.run_state import Clock, RunState  # noqa: PLC0415 - as above
        from tailrace_core.submission.planning import planner_for  # noqa: PLC0415 - it needs NumPy

        options = fitting_options(source, self.options)
        planner = planner_for(
            source.columns,
            source.header,
            options,
            endpoint_name=self.endpoint or "container",
            engine=engine,
            source_format=source.source_format,
        )
        if isinstance(self.output, (str, os.PathLike)) and set(self._paths()) <= {STDIN}:
            # Files were told by their identity; whose rows a stream brings, by their columns.
            refuse_input(self.output, planner.settings, s3=aws.objects)
        self._warn_of_size(planner.settings.chunk_bytes, engine)
        clock = Clock(time.time)
        state = RunState(secrets.token_hex(13), planner.settings, clock, deadline_s=self.options.deadline_s)
        scorer = FileScorer(
            invoker=invoker,
            state=state,
            clock=clock,
            concurrency=concurrency,
            on_progress=on_progress,
            random_source=random.Random(),  # noqa: S311 - it spreads retries
        )
        return scorer.score(source, planner, self._targets(aws))

    def _warn_of_size(self, chunk_bytes: int, engine: Engine) -> None:
        warn_bytes = limits_of(engine).warn_bytes
        if chunk_bytes > warn_bytes:
            self.say(
                f"a request of {chunk_bytes} bytes may be refused: only up to {warn_bytes} bytes do all sources of the "
                f"limit of a {engine} endpoint agree; choose smaller chunks if it is"
            )

    @contextlib.contextmanager
    def _model(self, aws: _Aws) -> Iterator[tuple[ModelInvoker, Engine, int]]:
        """Yield the model's invoker, the engine whose limits apply, and the requests at a time."""
        invoker: ModelInvoker
        content_type, accept = self.options.content_type, self.options.accept
        if self.model_url is not None:
            from tailrace.scoring.container_invoker import ContainerInvoker  # noqa: PLC0415 - one of two

            timeout_s = self.options.invocation_timeout_s or CONTAINER_TIMEOUT_S
            container = ContainerInvoker(self.model_url, content_type=content_type, accept=accept, timeout_s=timeout_s)
            container.ping()
            # The limits of an endpoint are not those of a server of one's own.
            invoker, engine, concurrency = container, Engine.ASYNC, self.concurrency
        else:
            from tailrace.scoring.endpoint_invoker import EndpointInvoker  # noqa: PLC0415 - one of two

            name = self.endpoint or ""
            facts = run(endpoint_facts(name), aws.execute)
            require_synchronous(name, facts)
            engine, concurrency = facts.engine, min(self.concurrency, facts.max_concurrency or self.concurrency)
            invoker = EndpointInvoker(
                execute=aws.execute, name=name, content_type=content_type, accept=accept, engine=engine
            )
        try:
            yield invoker, engine, concurrency
        finally:
            invoker.close()

    def _targets(self, aws: _Aws) -> Targets:
        from tailrace.download.object_upload import S3Target  # noqa: PLC0415 - as above
        from tailrace.scoring.file_scorer import Targets  # noqa: PLC0415 - as above

        s3 = S3Target(str(self.output), aws.execute, self.clobber) if is_address(self.output) else None
        if s3 is not None:
            s3.check()
        return Targets(output=self.output, rejects=self.rejects, safe_csv=self.safe_csv, s3=s3)

    def _check_targets(self) -> None:
        paths = self._paths()
        sources = [*local_files([each for each in paths if each != STDIN]), *filter(is_address, paths)]
        if targets.is_parquet(self.output):
            raise InputError(f"{self.output} is Parquet, which score does not write: name a file in .csv, .gz or .zst")
        for target, result in ((self.output, True), (self.rejects, False)):
            if isinstance(target, (str, os.PathLike)):
                targets.check(target, sources=sources, clobber=self.clobber, result=result)
        if self.rejects is not None and targets.shown(self.rejects) == targets.shown(self.output):
            raise InputError("the result and the rejected rows cannot go to the same place: name two files")

    def _paths(self) -> list[str]:
        """Return the sources that are paths or addresses."""
        sources: Any = self.sources
        named = sources if isinstance(sources, (list, tuple)) else [sources]
        return [os.fspath(each) for each in named if isinstance(each, (str, os.PathLike))]


class _Aws:
    """A connection that is made when it is needed; a context manager."""

    def __init__(self, connect: Callable[[], Boto3Connection]) -> None:
        self._connect = connect
        self._made: Boto3Connection | None = None

    def execute(self, call: Call) -> Any:
        """Return the answer to a call."""
        return self._connection.execute(call)

    @property
    def objects(self) -> S3Objects:
        """The objects of S3, as sources of rows."""
        return S3Objects(self.execute)

    @property
    def _connection(self) -> Boto3Connection:
        if self._made is None:
            self._made = self._connect()
        return self._made

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._made is not None:
            self._made.close()
