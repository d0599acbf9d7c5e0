from __future__ import annotations

from typing import Any

import pytest

from tailrace_core.engines import Engine
from tailrace_core.errors import InputError
from tailrace_core.jobs.model import JobSettings
from tailrace_core.submission.options import MAX_DEADLINE_S, SubmitOptions, changed_settings, differences, fingerprint


def settings(engine: Engine = Engine.ASYNC, **options: Any) -> JobSettings:
    chosen = SubmitOptions(**options)
    return chosen.settings(chosen.column_plan(("a", "b")), header=b"a,b", endpoint_name="m", engine=engine)


@pytest.mark.parametrize(
    ("wish", "count", "percent"),
    [(None, None, None), (0, 0, None), ("10", 10, None), ("2.5%", None, 2.5), (" 0% ", None, 0)],
)
def test_a_limit_of_rejects_is_a_count_or_a_share(
    wish: int | str | None, count: int | None, percent: float | None
) -> None:
    found = settings(max_rejects=wish)
    assert (found.max_rejects, found.max_rejects_percent) == (count, percent)


@pytest.mark.parametrize(
    "options",
    [
        {"max_rejects": "many"},
        {"max_rejects": "nan%"},
        {"max_rejects": "101%"},
        {"max_rejects": -1},
        {"chunk_rows": 0},
        {"split_budget": -1},
        {"deadline_s": 0},
        {"deadline_s": MAX_DEADLINE_S + 1},
        {"job_key": ""},
        {"job_key": "k" * 257},
        {"header": "maybe"},
        {"on_bad_row": "sigh"},
        {"output_columns": ()},
        {"keep": ["c"]},
        {"invocation_timeout_s": 3601},
    ],
)
def test_what_makes_no_sense_is_refused_as_input(options: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        settings(**options)


@pytest.mark.parametrize(("wish", "base", "rows_per_split"), [(None, 10_000, 4), (0, 0, 0), (5_709, 5_709, 0)])
def test_the_split_budget_grows_with_the_rows_unless_it_is_given(
    wish: int | None, base: int, rows_per_split: int
) -> None:
    found = settings(split_budget=wish)
    assert (found.split_budget, found.rows_per_split) == (base, rows_per_split)


def test_lists_of_columns_may_be_written_as_one_line() -> None:
    assert settings(keep="b", output_columns="p,q").result_columns == ("b", "p", "q")


def test_a_repeated_header_names_the_columns_that_are_sent() -> None:
    assert settings(header="repeat", keep="a").header_record == "b"


@pytest.mark.parametrize("change", [{"chunk_rows": 7}, {"keep": "a"}, {"header": "none"}, {"output_columns": "q"}])
def test_the_fingerprint_tells_settings_apart_and_says_which(change: dict[str, Any]) -> None:
    assert fingerprint(settings()) == fingerprint(settings())
    assert fingerprint(settings()) != fingerprint(settings(**change))
    assert differences(settings(), settings(**change))


def test_a_key_of_before_there_were_engines_fits_an_asynchronous_job_and_no_other() -> None:
    stored = settings().to_json()
    assert "engine" not in stored
    assert fingerprint(settings()) == fingerprint(JobSettings.from_json(stored))
    others = {fingerprint(settings(engine, chunk_bytes=1_000, invocation_timeout_s=60)) for engine in Engine}
    assert len(others) == len(Engine)


@pytest.mark.parametrize(
    ("engine", "chunk_bytes", "model_s"),
    [
        (Engine.ASYNC, 4_194_304, 900),
        (Engine.REALTIME, 4_194_304, 60),
        (Engine.SERVERLESS, 3_145_728, 60),
        (Engine.TRANSFORM, 4_194_304, 900),
    ],
)
def test_an_engine_sets_the_size_of_a_chunk_and_the_time_of_the_model(
    engine: Engine, chunk_bytes: int, model_s: int
) -> None:
    found = settings(engine)
    assert (found.engine, found.chunk_bytes, found.invocation_timeout_s) == (engine, chunk_bytes, model_s)
    assert "chunk_bytes" not in changed_settings(found)
    given = settings(engine, chunk_bytes=1_000, invocation_timeout_s=7)
    assert (given.chunk_bytes, given.invocation_timeout_s) == (1_000, 7)


@pytest.mark.parametrize(
    ("engine", "options", "message"),
    [
        (Engine.ASYNC, {"chunk_bytes": 2**30 + 1}, "via async takes 1073741824 bytes at most"),
        (Engine.REALTIME, {"chunk_bytes": 25_000_001}, "via realtime takes 25000000 bytes at most"),
        (Engine.SERVERLESS, {"chunk_bytes": 4_194_305}, "via serverless takes 4194304 bytes at most"),
        (Engine.TRANSFORM, {"chunk_bytes": 104_857_601}, "via transform takes 104857600 bytes at most"),
        (Engine.REALTIME, {"invocation_timeout_s": 61}, "the model has 60 s at most via realtime"),
        (Engine.SERVERLESS, {"invocation_timeout_s": 900}, "the model has 60 s at most via serverless"),
        (Engine.TRANSFORM, {"request_ttl_s": 600}, "requests via transform do not wait in a queue"),
    ],
)
def test_what_an_engine_cannot_do_is_refused(engine: Engine, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        settings(engine, **options)


def test_the_deadline_is_no_part_of_the_fingerprint() -> None:
    assert fingerprint(settings(deadline_s=5)) == fingerprint(settings())


def test_a_kept_column_that_is_named_with_spaces_is_no_other_column() -> None:
    with pytest.raises(InputError, match="column 'a' twice"):
        settings(keep=[" a"], output_columns=["a"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"keep": ["id"], "output_columns": ["id"]}, "column 'id' twice"),
        ({"output_columns": "a,a"}, "column 'a' twice"),
        ({"output_columns": ["a", " "]}, "empty name"),
        ({"content_type": ""}, "content_type is ''"),
        ({"accept": "text/çsv"}, "accept is 'text/çsv'"),
        ({"accept": "text/csv\r\nX: y"}, "accept is"),
    ],
)
def test_names_and_media_types_that_cannot_be_used_are_refused_before_anything(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        SubmitOptions(**options)


def test_an_echo_is_a_column_that_is_sent_and_comes_back() -> None:
    options = SubmitOptions(keep="k", output_columns="id,score", echo="id")
    settings = options.settings(options.column_plan(("k", "id", "x")), header=None, endpoint_name="e")
    assert (settings.echo_column, settings.canaries) == ("id", 0)

    with pytest.raises(InputError, match="not among output_columns"):
        SubmitOptions(output_columns="score", echo="id")
    with pytest.raises(InputError, match="not a column that is sent"):
        SubmitOptions(output_columns="id,score", drop="id", echo="id").column_plan(("id", "x"))


@pytest.mark.parametrize("canaries", [-1, 101])
def test_the_number_of_canaries_is_bounded(canaries: int) -> None:
    options = SubmitOptions(canaries=canaries)
    with pytest.raises(InputError, match="canaries"):
        options.settings(options.column_plan(("x",)), header=None, endpoint_name="e")


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/jsonlines",
        "application/x-ndjson",
        "application/vnd.api+json",
        "application/x-npy",
        "application/x-parquet",
        "application/vnd.apache.parquet",
        "application/vnd.apache.arrow.stream",
        "application/x-recordio-protobuf",
        "text/libsvm",
        "text/xml",
        "image/png",
    ],
)
def test_a_content_type_of_another_format_than_csv_is_refused(content_type: str) -> None:
    with pytest.raises(InputError, match="rows are sent as CSV"):
        SubmitOptions(content_type=content_type)


@pytest.mark.parametrize(
    "content_type", ["text/csv", "text/csv; header=present", "text/plain", "application/x-forecast", "application/csv"]
)
def test_csv_and_types_of_a_containers_own_pass(content_type: str) -> None:
    assert SubmitOptions(content_type=content_type).content_type == content_type
