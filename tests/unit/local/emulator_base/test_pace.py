import pytest

from tailrace_local.emulator_base.pace import Pace


def test_durations_are_multiplied_by_the_scale_of_the_moment() -> None:
    pace = Pace()
    assert pace.seconds(60) == 60
    pace.time_scale = 0.5
    assert pace.seconds(60) == 30


@pytest.mark.parametrize("scale", [0, -1, 1.01, float("nan")])
def test_time_neither_stands_still_nor_slows_down(scale: float) -> None:
    with pytest.raises(ValueError, match="time scale"):
        Pace(scale)
