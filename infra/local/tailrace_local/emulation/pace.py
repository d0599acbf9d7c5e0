"""How fast an emulator's own time passes."""

from __future__ import annotations


class Pace:
    """Multiplies durations: with a time scale of 0.01 a minute passes in 0.6 s. It may be changed at any time.

    What watches and scales goes by it (periods, cooldowns, how often metrics are put). Timestamps are the clock's.
    """

    def __init__(self, time_scale: float = 1.0) -> None:
        self.time_scale = time_scale

    @property
    def time_scale(self) -> float:
        """What every duration is multiplied by."""
        return self._time_scale

    @time_scale.setter
    def time_scale(self, value: float) -> None:
        if not 0 < value <= 1:
            raise ValueError(f"a time scale is above 0 and at most 1, not {value}")
        self._time_scale = value

    def seconds(self, nominal_s: float) -> float:
        """How long `nominal_s` seconds take."""
        return nominal_s * self._time_scale
