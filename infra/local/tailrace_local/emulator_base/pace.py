"""The time scale of an emulator."""

from __future__ import annotations


class Pace:
    """Multiplies durations: with a time scale of 0.01, a minute passes in 0.6 s.

    The scale may change at any time. It applies to alarms' periods, scaling's cooldowns and the
    interval of metrics. Timestamps are the clock's.
    """

    def __init__(self, time_scale: float = 1.0) -> None:
        self.time_scale = time_scale

    @property
    def time_scale(self) -> float:
        """The factor on every duration."""
        return self._time_scale

    @time_scale.setter
    def time_scale(self, value: float) -> None:
        if not 0 < value <= 1:
            raise ValueError(f"time scale {value}: give a number above 0 and at most 1")
        self._time_scale = value

    def seconds(self, nominal_s: float) -> float:
        """Return the time that `nominal_s` seconds take."""
        return nominal_s * self._time_scale
