"""DeliverResults: the result of a file's job as one object in the outbox.

The rejected rows and the manifest are there before the result. A job without a whole result gets a
report instead. Each step may be repeated, also by two at once; a delivery whose time runs out sends
a message to its own queue, which goes on with the same upload. Once an object stands, every other
upload of it is aborted: those of functions that died, and of messages that could not be sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from tailrace_consumers.files.inbox_names import INBOX_TAG, InboxFile
from tailrace_consumers.files.outbox import Mark, Standing, look, put
from tailrace_consumers.outcomes import Outcome
from tailrace_consumers.runtime.batches import handle_concurrently
from tailrace_consumers.settings import DeliverySettings
from tailrace_core.aws.calls import BodyCall, Call, Steps, run
from tailrace_core.csv_text.headers import header_line
from tailrace_core.csv_text.rejects import rejects_header
from tailrace_core.errors import ConditionFailedError, ContractError, NotFoundError, TransientError
from tailrace_core.jobs.model import JobSettings, JobState
from tailrace_core.ledger.dynamo_steps import DynamoSteps
from tailrace_core.messages.arrivals import DeliveryDue, FileError
from tailrace_core.messages.manifest import Manifest
from tailrace_core.objects import keys
from tailrace_core.objects.joining.plan import S3_LIMITS, JoinLimits, JoinPart, JoinPlan, JoinSource, plan_join
from tailrace_core.objects.joining.upload import JoinUpload, Uploaded
from tailrace_core.objects.locations import S3Location

T = TypeVar("T")
CONCURRENCY = 4
"""Parts uploaded at once. Memory holds each: 8 to 13 MiB for results up to 80 GB."""
MARGIN_S = 60.0
"""Time left at which nothing more is begun: a part takes some seconds, and a copy of 5 GiB more."""
_TRIES = 5
_DELIVERED = frozenset({JobState.COMPLETED, JobState.COMPLETED_WITH_REJECTS})
_Object = Literal["rejects", "result"]


@dataclass(frozen=True, slots=True)
class _Delivery:
    """A job whose result is to be delivered."""

    job_id: str
    file: InboxFile
    location: str
    version_id: str | None
    mark: Mark
    due: DeliveryDue

    def upload_of(self, name: _Object) -> str | None:
        """Return the id of an upload to go on with."""
        return self.due.upload_id if self.due.object == name else None


class _OutOfTimeError(Exception):
    """The function's time runs out; ``due`` is the message that goes on."""

    def __init__(self, due: DeliveryDue) -> None:
        super().__init__(due.job_id)
        self.due = due


class DeliverResults:
    """Delivers results. ``execute`` carries out calls, from several threads, and knows BodyCall."""

    def __init__(
        self,
        settings: DeliverySettings,
        execute: Callable[[Call], Any],
        *,
        concurrency: int = CONCURRENCY,
        limits: JoinLimits = S3_LIMITS,
    ) -> None:
        self._bucket = settings.bucket
        self._queue = settings.outbox_queue
        self._execute = execute
        self._ledger = DynamoSteps(settings.ledger_table)
        self._concurrency = concurrency
        self._limits = limits

    def deliver(self, due: DeliveryDue, time_left_s: Callable[[], float]) -> Outcome:
        """Deliver a finished job's result, or the report that there is none.

        Raises:
            TailraceError: a call failed; the queue delivers the message again.
        """
        delivery = self._run(self._delivery(due))
        if delivery is None:
            return Outcome.NOT_OURS
        body = self._run(self._read(keys.manifest_key(due.job_id)))
        try:
            manifest = Manifest.model_validate_json(body)
        except ValueError as exc:
            raise ContractError(f"the manifest of job {due.job_id} cannot be read: {exc}") from exc
        if manifest.state not in _DELIVERED:
            return _outcome(self._run(self._report(delivery, manifest)), Outcome.FILE_FAILED)
        try:
            return self._deliver(delivery, manifest, body, time_left_s)
        except _OutOfTimeError as stop:
            params = {"QueueUrl": self._queue, "MessageBody": stop.due.to_json()}
            self._execute(Call("sqs", "send_message", params))
            return Outcome.DELIVERY_CONTINUED

    def _run(self, steps: Steps[T]) -> T:
        return run(steps, self._execute)

    def _deliver(
        self, delivery: _Delivery, manifest: Manifest, body: bytes, time_left_s: Callable[[], float]
    ) -> Outcome:
        file = delivery.file
        result = plan_join(_sources(manifest), head=header_line(manifest.columns), limits=self._limits)
        standing = self._run(look(self._bucket, file.result_key, delivery.mark))
        if isinstance(standing, Standing):
            # The result comes last: all of the delivery is there. Another message brought it.
            if delivery.due.object == "rejects":
                self._run(self._upload_to(file.rejects_key).abort_all())
            if not result.single_request:
                self._run(self._upload_to(file.result_key).abort_all())
            return Outcome.STALE
        settings = self._run(self._ledger.settings(delivery.job_id))
        if settings is None:
            raise ContractError(f"job {delivery.job_id} has no settings in the ledger")
        rejects = self._run(self._rejects(delivery.job_id, manifest, settings))
        self._join(delivery, "rejects", file.rejects_key, rejects, time_left_s)
        self._run(put(self._bucket, file.manifest_key, body, delivery.mark))
        return _outcome(self._join(delivery, "result", file.result_key, result, time_left_s))

    def _delivery(self, due: DeliveryDue) -> Steps[_Delivery | None]:
        """Return whose result it is; None for a job that no file started."""
        about = yield from self._ledger.description(due.job_id)
        if INBOX_TAG not in about.tags or not about.sources:
            return None
        prefix = f"s3://{self._bucket}/"
        file = InboxFile.of(about.sources[0].removeprefix(prefix)) if about.sources[0].startswith(prefix) else None
        if file is None:
            return None
        sequencer, _, version = about.tags[INBOX_TAG].partition(" ")
        return _Delivery(due.job_id, file, about.sources[0], version or None, Mark(sequencer, due.job_id), due)

    def _upload_to(self, key: str, plan: JoinPlan | None = None) -> JoinUpload:
        return JoinUpload(plan or plan_join(()), bucket=self._bucket, target=S3Location(self._bucket, key))

    def _report(self, delivery: _Delivery, manifest: Manifest) -> Steps[Standing]:
        report = FileError(
            location=delivery.location,
            version_id=delivery.version_id,
            reason=manifest.reason or f"the job ended as {manifest.state}",
            state=manifest.state,
            job_id=manifest.job_id,
            rows_total=manifest.rows_total,
            rows_scored=manifest.rows_scored,
            rows_rejected=manifest.rows_rejected,
            rows_cancelled=manifest.rows_cancelled,
            manifest_location=f"s3://{self._bucket}/{keys.manifest_key(manifest.job_id)}",
        )
        return (yield from put(self._bucket, delivery.file.error_key, report.to_json().encode(), delivery.mark))

    def _read(self, key: str) -> Steps[bytes]:
        body: bytes = yield BodyCall("s3", "get_object", {"Bucket": self._bucket, "Key": key})
        return body

    def _rejects(self, job_id: str, manifest: Manifest, settings: JobSettings) -> Steps[JoinPlan]:
        """Plan the object of all rejected rows; their objects' sizes are known to S3 alone."""
        wanted = [part.rejects_key for part in manifest.parts if part.rejects_key is not None]
        sizes: dict[str, int] = {}
        params: dict[str, Any] = {"Bucket": self._bucket, "Prefix": keys.rejects_prefix(job_id)}
        while wanted:
            answer = yield Call("s3", "list_objects_v2", params)
            sizes |= {each["Key"]: each["Size"] for each in answer.get("Contents", ())}
            if not answer.get("IsTruncated"):
                break
            params = {**params, "ContinuationToken": answer["NextContinuationToken"]}
        missing = [key for key in wanted if key not in sizes]
        if missing:
            raise ContractError(f"{missing[0]} of job {job_id} is gone, and the manifest names it", key=missing[0])
        sources = [JoinSource(key, sizes[key]) for key in wanted]
        return plan_join(sources, head=rejects_header(settings.source_columns), limits=self._limits)

    def _join(
        self, delivery: _Delivery, name: _Object, key: str, plan: JoinPlan, time_left_s: Callable[[], float]
    ) -> Standing:
        """Write one object of the delivery, and return what stands there then."""
        upload = self._upload_to(key, plan)
        begun = _Begun(upload, delivery.upload_of(name), self._execute)
        try:
            standing = self._write(delivery, name, key, plan, begun, time_left_s)
        except _OutOfTimeError:
            raise
        except Exception:
            begun.abort()
            raise
        if not plan.single_request:
            self._run(upload.abort_all())
        return standing

    def _write(
        self,
        delivery: _Delivery,
        name: _Object,
        key: str,
        plan: JoinPlan,
        begun: _Begun,
        time_left_s: Callable[[], float],
    ) -> Standing:
        about = {"ContentType": "text/csv", "Metadata": delivery.mark.metadata}
        for _ in range(_TRIES):
            standing = self._run(look(self._bucket, key, delivery.mark))
            if isinstance(standing, Standing):
                return standing
            try:
                if plan.single_request:
                    self._run(begun.upload.put(standing, about))
                else:
                    begun.begin(about)
                    self._upload(delivery, name, plan, begun, time_left_s)
                    begun.complete(standing)
            except ConditionFailedError:
                # Another delivery was faster.
                continue
            except NotFoundError:
                # So it was, or an answer was lost: the upload has ended.
                begun.forget()
                continue
            return Standing.SAME
        raise TransientError(f"s3://{self._bucket}/{key} is being written by others; try again later")

    def _upload(
        self, delivery: _Delivery, name: _Object, plan: JoinPlan, begun: _Begun, time_left_s: Callable[[], float]
    ) -> None:
        """Upload the parts that are not there yet."""
        waiting = [part for part in plan.parts if part.number not in begun.uploaded]
        for start in range(0, len(waiting), self._concurrency):
            if time_left_s() < MARGIN_S:
                raise _OutOfTimeError(DeliveryDue(job_id=delivery.job_id, object=name, upload_id=begun.upload_id))
            begun.send(waiting[start : start + self._concurrency], self._concurrency)


class _Begun:
    """A multipart upload that is under way, or will be."""

    def __init__(self, upload: JoinUpload, upload_id: str | None, execute: Callable[[Call], Any]) -> None:
        self.upload = upload
        self.upload_id = upload_id
        self.uploaded: dict[int, Uploaded] = {}
        self._execute = execute
        self._is_known = upload_id is None

    def begin(self, about: Mapping[str, Any]) -> None:
        """Begin the upload, or find out which parts of it are there.

        Raises:
            NotFoundError: it has ended.
        """
        if self.upload_id is None:
            self.upload_id = run(self.upload.begin(about), self._execute)
        elif not self._is_known:
            self.uploaded = run(self.upload.uploaded(self.upload_id), self._execute)
        self._is_known = True

    def send(self, parts: Sequence[JoinPart], concurrency: int) -> None:
        """Upload parts at once."""

        def send_one(part: JoinPart) -> None:
            self.uploaded[part.number] = run(self.upload.upload(str(self.upload_id), part), self._execute)

        handle_concurrently(send_one, parts, concurrency=concurrency)

    def complete(self, condition: Mapping[str, str]) -> None:
        """Make the object appear."""
        run(self.upload.complete(str(self.upload_id), self.uploaded, condition), self._execute)
        self.forget()

    def abort(self) -> None:
        """Leave nothing behind."""
        if self.upload_id is not None:
            run(self.upload.abort(self.upload_id), self._execute)
            self.forget()

    def forget(self) -> None:
        """Begin anew the next time."""
        self.upload_id = None
        self.uploaded = {}


def _sources(manifest: Manifest) -> list[JoinSource]:
    found = []
    for part in manifest.parts:
        if part.key is None or part.size_bytes is None:
            raise ContractError(f"the manifest of job {manifest.job_id} names no part for rows from {part.first_row}")
        found.append(JoinSource(part.key, part.size_bytes, part.checksum))
    return found


def _outcome(standing: Standing, written: Outcome = Outcome.DELIVERED) -> Outcome:
    return written if standing is Standing.SAME else Outcome.STALE
