"""However many containers a row of them has, the rows of a request come to the same bytes."""

import io

import numpy as np
import pytest

from tailrace_local.demo import demand
from tailrace_local.demo.model import scoring
from tailrace_local.demo.model.scoring import Answer
from tailrace_local.demo.model.stages import FEATURES, stages_for

from .test_regressor import learnt

ROWS = b"".join(demand.chunks(demand.Demand(rows=200, seed=5, header=False, unknown=0.2)))
FEATURISER = {"AUTOML_TRANSFORM_MODE": "feature-transform"}
INVERSE = {"AUTOML_TRANSFORM_MODE": "inverse-label-transform"}
LOGARITHMS = {"SAGEMAKER_INFERENCE_OUTPUT": "logarithm"}


def through(*environments: dict[str, str], body: bytes = ROWS) -> Answer:
    answer = Answer(200, body, "text/csv")
    for environment in environments:
        answer = scoring.answer(stages_for(environment), learnt(), answer.body, answer.content_type, "")
        if answer.status != 200:
            break
    return answer


@pytest.mark.parametrize("row", [[FEATURISER, {}], [FEATURISER, LOGARITHMS, INVERSE]], ids=["two", "three"])
def test_containers_in_a_row_answer_what_one_answers(row: list[dict[str, str]]) -> None:
    assert through(*row) == through({})


@pytest.mark.parametrize(
    "row", [[{}], [FEATURISER, {}], [FEATURISER, LOGARITHMS, INVERSE]], ids=["one", "two", "three"]
)
@pytest.mark.parametrize("body", [b"\n", ROWS + b"a,b\n"], ids=["no rows", "a bad row"])
def test_the_first_container_answers_for_the_row(row: list[dict[str, str]], body: bytes) -> None:
    assert through(*row, body=body) == through({}, body=body)


@pytest.mark.parametrize("features", [b"", b"\x93NUMPY", b"1,2,3\n", pytest.param(np.zeros((2, 3)), id="too narrow")])
def test_features_that_are_none_are_refused(
    features: bytes | np.ndarray[tuple[int, int], np.dtype[np.float64]],
) -> None:
    body = io.BytesIO()
    if isinstance(features, bytes):
        body.write(features)
    else:
        np.save(body, features)
    assert scoring.answer(stages_for({}), learnt(), body.getvalue(), FEATURES, "").status == 400


def test_pickled_features_are_refused() -> None:
    body = io.BytesIO()
    np.save(body, np.array([{"a": 1}]), allow_pickle=True)
    assert scoring.answer(stages_for({}), learnt(), body.getvalue(), FEATURES, "").status == 400


def test_logarithms_that_are_none_are_refused() -> None:
    assert scoring.answer(stages_for(INVERSE), learnt(), b"1.5\nnan\n", "text/csv", "").status == 400


def test_a_type_that_the_container_does_not_take_is_refused() -> None:
    assert scoring.answer(stages_for(LOGARITHMS), learnt(), ROWS, "text/csv", "").status == 415


def test_a_container_that_gives_features_answers_no_csv() -> None:
    assert scoring.answer(stages_for(FEATURISER), learnt(), ROWS, "text/csv", "text/csv").status == 406


@pytest.mark.parametrize("environment", [{"AUTOML_TRANSFORM_MODE": "both"}, {**FEATURISER, **LOGARITHMS}])
def test_an_environment_that_no_container_has_is_named(environment: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="AUTOML_TRANSFORM_MODE"):
        stages_for(environment)
