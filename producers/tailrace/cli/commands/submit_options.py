"""Options of ``tailrace submit``, one type for each."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from tailrace.cli import arguments
from tailrace.cli import declarations as typer
from tailrace_core.answers.shape import ColumnType
from tailrace_core.csv_text.headers import HeaderPolicy
from tailrace_core.engines import Engine
from tailrace_core.jobs import settings
from tailrace_core.submission import options

_COLUMNS = "Columns"
_CHUNKS = "Chunks and limits"
_MODEL = "Model"
_AWS = "AWS"

Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="SOURCE...",
        help="Files, directories, glob patterns, s3://bucket/key or s3://bucket/prefix/ to read in this order; - is "
        "standard input.",
    ),
]
Pattern = Annotated[
    str | None,
    typer.Option(
        metavar="GLOB",
        help="Choose among the files of a directory, or the objects below a prefix, by the rest of their names: "
        "*.csv.gz, 2026/*. Names that begin with _ or . are left out in any case.",
        callback=arguments.text,
    ),
]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until the job has ended.")]
Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Wait, and write the result to this file or s3://bucket/key; - is standard output. A name that ends in "
        ".gz or .zst is compressed, one in .parquet is Parquet.",
    ),
]
Remote = Annotated[
    bool,
    typer.Option(
        "--remote",
        help="Have the stack's functions read and cut objects of S3 where they lie, and watch them; no row passes "
        "through this machine. Takes a stack with RemoteCutting=true.",
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show rows, chunks and costs; send nothing.")]
JobKey = Annotated[
    str | None,
    typer.Option(
        metavar="KEY",
        help="Name of the job: submitting the same input with it again continues the job.",
        callback=arguments.text,
    ),
]
Name = Annotated[
    str | None,
    typer.Option(metavar="TEXT", help="Name of the job for people; it need not be unique.", callback=arguments.text),
]
Tag = Annotated[
    list[str] | None,
    typer.Option(metavar="KEY=VALUE", help="Tag of the job, for `tailrace jobs --tag`; may be given several times."),
]
Header = Annotated[
    HeaderPolicy,
    typer.Option(
        help="strip: the first record is a header and is not sent; repeat: it is sent with every chunk; "
        "none: the input has no header, its columns are column_1, column_2 …",
        rich_help_panel=_COLUMNS,
    ),
]
SourceFormat = Annotated[
    settings.SourceFormat | None,
    typer.Option(
        help="csv, or jsonl: JSON Lines, an object a line, with the first line's keys as columns. Default: by the "
        "content of the first file; Parquet is recognised so too.",
        rich_help_panel=_COLUMNS,
    ),
]
Recipe = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Prepare the rows as those for training: the fitted.json that `tailrace prepare` wrote, or a recipe "
        "without medians and modes. The model gets the columns that it was trained with.",
        rich_help_panel=_COLUMNS,
    ),
]
Keep = Annotated[
    str | None,
    typer.Option(
        metavar="A,B",
        help="Columns to return beside the prediction; not sent, unless --send names them too. Here and in --drop and "
        "--send, a:c are the columns from a to c, and * all others; what * keeps is sent as well.",
        rich_help_panel=_COLUMNS,
    ),
]
Join = Annotated[
    bool,
    typer.Option("--join", help="Return all columns of the input, then the predictions.", rich_help_panel=_COLUMNS),
]
Drop = Annotated[
    str | None,
    typer.Option(metavar="A,B", help="Columns to leave out: neither sent nor returned.", rich_help_panel=_COLUMNS),
]
Send = Annotated[
    str | None,
    typer.Option(
        metavar="A,B",
        help="Columns to send, in this order. Default: all that are neither kept nor dropped.",
        rich_help_panel=_COLUMNS,
    ),
]
OutputColumns = Annotated[
    str,
    typer.Option(
        metavar="A,B",
        help="Names of the columns that the model returns.",
        rich_help_panel=_COLUMNS,
        callback=arguments.text,
    ),
]
OnBadRow = Annotated[
    options.OnBadRow,
    typer.Option(
        help="Reject rows that would break the model's CSV reader, or stop at the first.", rich_help_panel=_COLUMNS
    ),
]
Na = Annotated[
    str | None,
    typer.Option(
        metavar="TOKENS",
        help="Reject rows that hold one of these in a sent column, before anything is sent: NA,NULL, for instance; "
        "an empty token, as after a last comma, is an empty field.",
        rich_help_panel=_COLUMNS,
    ),
]
ChunkRows = Annotated[int, typer.Option(min=1, metavar="N", help="Maximum rows in a chunk.", rich_help_panel=_CHUNKS)]
ChunkBytes = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        help="Maximum size of a chunk (500kB, 4MiB); stay below the container's limit. Default: 4MiB, and 3MiB via a "
        "serverless endpoint.",
        rich_help_panel=_CHUNKS,
    ),
]
StripeBytes = Annotated[
    str,
    typer.Option(
        metavar="SIZE",
        help="Size of the stripes in which objects of S3 are cut (500kB, 1GiB), with --remote each by a function; a "
        "chunk does not cross the start of one.",
        rich_help_panel=_CHUNKS,
    ),
]
MaxAttempts = Annotated[
    int, typer.Option(min=1, max=100, metavar="N", help="Maximum attempts for a chunk.", rich_help_panel=_CHUNKS)
]
MaxRejects = Annotated[
    str | None,
    typer.Option(
        metavar="N|P%",
        help="Fail the job when more rows than this are rejected (10, 2.5%). Default: no limit.",
        rich_help_panel=_CHUNKS,
    ),
]
SplitBudget = Annotated[
    int | None,
    typer.Option(
        min=0,
        metavar="N",
        help="Maximum splits of chunks to isolate bad rows; what is left then is rejected with its chunk. "
        "Default: 10000, and one more for every 4 rows.",
        rich_help_panel=_CHUNKS,
    ),
]
Window = Annotated[
    int,
    typer.Option(
        min=0,
        metavar="N",
        help="Maximum chunks of the job in flight; others wait, so that other jobs get their turn. 0: no limit.",
        rich_help_panel=_CHUNKS,
    ),
]
OnParked = Annotated[
    settings.OnParked,
    typer.Option(
        help="wait: a chunk that no retry can fix waits for an operator; fail: it fails the job at once.",
        rich_help_panel=_CHUNKS,
    ),
]
Deadline = Annotated[
    str,
    typer.Option(
        metavar="TIME",
        help="Expire the job after this long (90s, 15m, 24h, 7d); 14d at most.",
        rich_help_panel=_CHUNKS,
    ),
]
OutputType = Annotated[
    ColumnType | None,
    typer.Option(
        help="Type of every output column. Without it, the job's first answers establish each column's type, and text "
        "is accepted only where it cannot be an error's.",
        rich_help_panel=_MODEL,
    ),
]
Canaries = Annotated[
    int,
    typer.Option(
        min=0,
        max=100,
        metavar="N",
        help="Send N rows of each chunk again, at least 4, and refuse an answer in which predictions of a row differ: "
        "it is not in the order of the rows. The model must be deterministic. Chunks are cut at half of --chunk-bytes.",
        rich_help_panel=_MODEL,
    ),
]
Echo = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="A sent column that the model gives back as the output column of the same name; an answer that gives "
        "a row another value is refused.",
        rich_help_panel=_MODEL,
        callback=arguments.text,
    ),
]
Request = Annotated[
    settings.RequestFormat,
    typer.Option(
        help="Format of the rows sent to the model: json is a document with a list of rows, jsonl a value a line.",
        rich_help_panel=_MODEL,
    ),
]
RequestTemplate = Annotated[
    str | None,
    typer.Option(
        metavar="JSON",
        help="The request for one row: ARRAY or OBJECT stands for the row, as a list of its values or by the names of "
        'its columns, COLUMNS for these names. Default: {"instances": [OBJECT]}, or OBJECT for jsonl.',
        rich_help_panel=_MODEL,
        callback=arguments.text,
    ),
]
ContentType = Annotated[
    str,
    typer.Option(
        help="MIME type of the rows sent to the model; with --request, that of its format.", rich_help_panel=_MODEL
    ),
]
Accept = Annotated[str, typer.Option(help="MIME type of the model's response.", rich_help_panel=_MODEL)]
InvocationTimeout = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="Maximum time the model may take for one chunk: 1h at most, and 60s via a real-time or a serverless "
        "endpoint. Default: 15m, or 60s.",
        rich_help_panel=_MODEL,
    ),
]


class Way(StrEnum):
    """The values of ``--via``: the engines, and ``auto``."""

    ASYNC = Engine.ASYNC
    REALTIME = Engine.REALTIME
    SERVERLESS = Engine.SERVERLESS
    TRANSFORM = Engine.TRANSFORM
    AUTO = options.AUTO


Via = Annotated[
    Way | None,
    typer.Option(
        help="Way to infer, of those that the stack was deployed for; auto: the first that `tailrace advise` names. "
        "Default: the stack's own.",
        rich_help_panel=_MODEL,
    ),
]
Concurrency = Annotated[
    int, typer.Option(min=1, max=64, metavar="N", help="Uploads in parallel.", rich_help_panel=_AWS)
]
