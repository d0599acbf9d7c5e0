from __future__ import annotations

from typing import Any

import pytest

from tailrace_local.cloud.ministack.cloudformation.conditions import joined

PARAMETERS = {"None": {"Value": ""}, "Two": {"Value": "a, b"}, "Name": {"Value": "n"}}


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ({"Fn::Join": ["", {"Ref": "None"}]}, ""),
        ({"Fn::Join": ["+", {"Ref": "Two"}]}, "a+b"),
        ({"Fn::Join": ["/", ["x", {"Ref": "Name"}]]}, "x/n"),
    ],
    ids=["an empty list", "a list", "texts"],
)
def test_what_a_condition_joins_is_compared(expression: dict[str, Any], text: str) -> None:
    condition = {"Fn::Not": [{"Fn::Equals": [expression, {"Ref": "Name"}]}]}
    assert joined({"Is": condition}, PARAMETERS) == {"Is": {"Fn::Not": [{"Fn::Equals": [text, {"Ref": "Name"}]}]}}


def test_a_join_of_something_else_is_left_alone() -> None:
    condition = {"Fn::Equals": [{"Fn::Join": ["", [{"Ref": "AWS::Region"}, {"Fn::Sub": "x"}]]}, ""]}
    assert joined(condition, PARAMETERS) == condition
