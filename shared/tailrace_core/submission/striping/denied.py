"""The error for a source that the stack's functions may not read, with what lets them."""

from __future__ import annotations

from tailrace_core.errors import AccessDeniedError


def denied(name: str, error: AccessDeniedError) -> AccessDeniedError:
    """Return the error for an object, or for the objects below a prefix, by its address.

    S3 tells a missing object from a forbidden one only to those who may list the bucket.
    """
    return AccessDeniedError(
        f"the stack's functions may not read {name}, or it does not exist: the stack's parameters SourceArns and "
        "SourceBucketArns have to name its objects and its bucket (SourceKeyArns the key that encrypts them), and a "
        f"bucket of another account has to let their roles in ({error.message})",
        **error.details,
    )
