"""A serial inference pipeline: the containers of one instance, called in order."""

from collections.abc import Mapping, Sequence

from tailrace_local.sagemaker.errors import NoResponseError
from tailrace_local.sagemaker.messages.payload import Payload
from tailrace_local.sagemaker.ports import ModelClient, ModelResponse


async def invoke_pipeline(
    caller: ModelClient, urls: Sequence[str], headers: Mapping[str, str], body: Payload
) -> ModelResponse:
    """Call each container with the response of the one before; stop at the first refusal.

    The response's content type goes along with it. Only the last container gets the caller's
    Accept. AWS does not document this; it gives the containers of an Autopilot pipeline a
    SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT, which a client's Accept would override.

    Raises:
        NoResponseError: a container gave no complete response, or there is none to call.
    """
    if not urls:
        raise NoResponseError("the instance has no model server now", connected=False)
    answer = await caller.invoke(urls[0], _request_headers(headers, last=len(urls) == 1), body)
    for place, url in enumerate(urls[1:], 2):
        if not answer.ok:
            break
        with answer.body as between:
            kind = {"Content-Type": between.content_type} if between.content_type else {}
            answer = await caller.invoke(url, {**_request_headers(headers, last=place == len(urls)), **kind}, between)
    return answer


def _request_headers(headers: Mapping[str, str], *, last: bool) -> dict[str, str]:
    return {name: value for name, value in headers.items() if last or name.lower() != "accept"}
