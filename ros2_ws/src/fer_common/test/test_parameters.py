from __future__ import annotations

from dataclasses import dataclass

import pytest
from rclpy.node import Node
from rclpy.parameter import Parameter

from fer_common.parameters import declare, on_change
from fer_common.settings import ParameterError, setting
from fer_common.testing import spinning


@dataclass(frozen=True)
class Params:
    rate: float = setting(30.0, "Frames per second.", low=0.1, high=240.0)
    width: int = setting(640, "Pixels.", low=16, high=8192)
    robot: str = setting("sim", "Which robot.", choices=("sim", "none"))
    camera: str = setting("auto", "Which camera.")
    loop: bool = setting(False, "Start again at the end.")
    gain: float = setting(1.0, "How loud.", low=0.0, high=1.0, live=True)


def node_with(**values):
    overrides = [Parameter(name, value=value) for name, value in values.items()]
    return lambda: Node("subject", parameter_overrides=overrides)


def read(**values):
    with spinning(node_with(**values)) as (_, (node,)):
        return declare(node, Params)


def test_defaults():
    assert read() == Params()


def test_overrides_in_the_fields_type():
    params = read(rate=15, width=320, robot="none", camera=0, loop=True)
    assert params == Params(rate=15.0, width=320, robot="none", camera="0", loop=True)
    assert isinstance(params.rate, float)
    assert isinstance(params.camera, str)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rate": 0.0}, "parameter 'rate' is 0.0, expected 0.1..240"),
        ({"rate": "fast"}, "parameter 'rate' is 'fast', expected a number"),
        ({"rate": float("nan")}, "parameter 'rate' is nan, expected 0.1..240"),
        ({"width": 1.5}, "parameter 'width' is 1.5, expected a whole number"),
        ({"width": True}, "parameter 'width' is True, expected a whole number"),
        ({"robot": "nao"}, "parameter 'robot' is 'nao', expected one of sim, none"),
        ({"loop": 1}, "parameter 'loop' is 1, expected true or false"),
    ],
)
def test_a_wrong_value_is_named(values, message):
    with pytest.raises(ParameterError, match=message):
        read(**values)


def test_described_for_ros2_param_describe_and_read_only():
    with spinning(node_with()) as (_, (node,)):
        declare(node, Params)
        rate = node.describe_parameter("rate")
        assert rate.description == "Frames per second."
        assert rate.floating_point_range[0].to_value == 240.0
        assert node.describe_parameter("width").integer_range[0].from_value == 16
        assert node.describe_parameter("robot").additional_constraints == "sim, none"
        (result,) = node.set_parameters([Parameter("rate", value=10.0)])
        assert not result.successful


def test_a_live_parameter_changes_if_the_value_is_allowed():
    changes = []
    with spinning(node_with()) as (_, (node,)):
        declare(node, Params)
        on_change(node, Params, changes.append)
        for value in (0.5, 0, "loud", 7.0):
            node.set_parameters([Parameter("gain", value=value)])
        refused = node.set_parameters([Parameter("gain", value="loud")])[0]
        assert node.get_parameter("gain").value == 0
    assert changes == [{"gain": 0.5}, {"gain": 0.0}]
    assert refused.reason == "parameter 'gain' is 'loud', expected a number"
