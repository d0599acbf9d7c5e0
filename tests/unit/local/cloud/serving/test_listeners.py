from __future__ import annotations

import socket

from tailrace_local.cloud.serving.listeners import Listeners


def test_the_listener_names_its_protocol_without_which_each_answer_would_wait_for_an_acknowledgement() -> None:
    listeners = Listeners.open(None)
    with listeners.plain as listener:
        assert listener.proto == socket.IPPROTO_TCP
