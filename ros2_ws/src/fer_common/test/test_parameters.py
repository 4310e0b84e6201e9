from __future__ import annotations

import os
from dataclasses import dataclass

import pytest
import rclpy
from rclpy.context import Context
from rclpy.node import Node
from rclpy.parameter import Parameter

from ec_rfernet.errors import InputError
from fer_common.parameters import check_arguments, check_given, declare, on_change
from fer_common.settings import ParameterError, setting
from fer_common.testing import spinning


@dataclass(frozen=True)
class Params:
    rate: float = setting(30.0, "Frames per second.", low=0.1, high=240.0)
    width: int = setting(640, "Pixels.", low=16, high=8192)
    robot: str = setting("sim", "Which robot.", choices=("sim", "none"))
    camera: str = setting("auto", "Which camera.", fixed="it is opened at the start")
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


def changing(node, changes):
    """Declares the parameters; takes note of what changes. A gain of 0.9 is refused."""

    def prepare(new, names):
        if new.gain == 0.9:
            raise InputError("the amplifier hums")
        return lambda: changes.append((new.gain, new.rate, sorted(names)))

    declare(node, Params)
    on_change(node, Params, prepare)


def set_as_a_service_does(node, **values):
    found = [Parameter(name, value=value) for name, value in values.items()]
    return node.set_parameters_atomically(found)


def test_a_live_parameter_changes_if_the_value_is_allowed():
    changes = []
    with spinning(node_with(rate=15)) as (_, (node,)):
        changing(node, changes)
        assert not node.describe_parameter("gain").read_only
        for value in (0.5, 0, 0, "loud", 7.0):
            set_as_a_service_does(node, gain=value)
        refused = set_as_a_service_does(node, gain="loud")
        found = node.get_parameter("gain").value
        assert (found, type(found)) == (0.0, float)
    assert changes == [(0.5, 15.0, ["gain"]), (0.0, 15.0, ["gain"]), (0.0, 15.0, ["gain"])]
    assert refused.reason == "parameter 'gain' is 'loud', expected a number"


def test_what_cannot_be_prepared_is_refused_with_the_reason_and_changes_nothing():
    changes = []
    with spinning(node_with()) as (_, (node,)):
        changing(node, changes)
        refused = set_as_a_service_does(node, gain=0.9)
        assert (refused.successful, refused.reason) == (False, "the amplifier hums")
        assert node.get_parameter("gain").value == 1.0
    assert changes == []


def test_any_other_parameter_says_why_it_cannot_change_and_what_to_do():
    changes = []
    with spinning(node_with()) as (_, (node,)):
        changing(node, changes)
        refused = set_as_a_service_does(node, rate=10.0)
        together = set_as_a_service_does(node, gain=0.5, camera="clip")
        assert node.get_parameter("rate").value == 30.0
        assert node.get_parameter("gain").value == 1.0
    assert refused.reason == (
        "'rate' cannot change while subject runs: it is read when the node starts; write it into "
        "a parameter file, or give the launch argument that sets it, and start subject again"
    )
    assert together.reason.startswith("'camera' cannot change while subject runs: it is opened")
    assert changes == []


# What a node is given.


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["-p", "rate:=5.0"], "no argument '-p'; write --ros-args -p rate:=5.0"),
        (["rate:=5.0"], "no argument 'rate:=5.0'; write --ros-args -p rate:=5.0"),
        (["--ros-args", "-p", "loop:=true", "--", "-p", "rate:=5.0"], "no argument '-p'; write"),
        (["--help"], "no argument '--help'; a node takes those of ROS, such as --ros-args"),
        (["--ros-args", "--params-file", "/dev/zero"], "/dev/zero: is not a file but a device"),
        (["--ros-args", "--params-file", "{pipe}"], "pipe: is not a file but a device or a pipe"),
        (["--ros-args", "--params-file", "{here}"], "is not a file but a folder"),
        (["--ros-args", "--params-file", "{huge}"], "huge: is larger than 1 MB"),
        (["--ros-args", "--params-file", "{here}/none"], "none: cannot be read (No such file"),
        (["--ros-args", "--log-config-file", "{pipe}"], "pipe: is not a file but a device"),
    ],
)
def test_what_ros_would_ignore_or_wait_for_is_refused(tmp_path, arguments, told):
    pipe, huge = tmp_path / "pipe", tmp_path / "huge"
    os.mkfifo(pipe)
    with huge.open("wb") as file:
        file.truncate(10**9)
    with pytest.raises(InputError) as caught:
        check_arguments([a.format(pipe=pipe, here=tmp_path, huge=huge) for a in arguments])
    assert told in str(caught.value)


def given(*arguments):
    """A node that was given these arguments, and has read them."""
    context = Context()
    rclpy.init(args=list(arguments), context=context)
    try:
        node = Node("subject", context=context)
        try:
            declare(node, Params)
            check_given(node, arguments)
            return node.get_parameter("rate").value
        finally:
            node.destroy_node()
    finally:
        context.try_shutdown()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("subject: {ros__parameters: {rat: 5.0}}", "no parameter 'rat'; did you mean 'rate'?"),
        ("/**/subjct: {ros__parameters: {rate: 5.0}}", "no node 'subjct'; did you mean 'subject'?"),
        ("/lab/subject: {ros__parameters: {rate: 5.0}}", "'/lab/subject' is not /subject; write"),
    ],
)
def test_a_file_that_a_node_would_ignore_is_refused(tmp_path, content, told):
    file = tmp_path / "mine.yaml"
    file.write_text(content)
    with pytest.raises(InputError) as caught:
        given("--ros-args", "--params-file", str(file))
    assert told in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        "/**/subject: {ros__parameters: {rate: 5.0, use_sim_time: false}}",
        "/**: {ros__parameters: {rate: 5.0, volume: 3}}",
        "subject: {ros__parameters: {rate: 5.0}}\n/lab/subject: {ros__parameters: {rate: 6.0}}",
        "subject: {ros__parameters: {rate: 5.0}}\nothers: {ros__parameters: {x: 1}}",
    ],
)
def test_a_file_may_be_for_others_too(tmp_path, content):
    file = tmp_path / "mine.yaml"
    file.write_text(content)
    assert given("--ros-args", "--params-file", str(file)) == 5.0


def test_a_rule_for_another_node_is_refused():
    with pytest.raises(ParameterError, match="there is no node 'subjct' here, only subject"):
        given("--ros-args", "-p", "subjct:rate:=5.0")
    with pytest.raises(ParameterError, match="there is no node 'subjct' here, only subject"):
        given("--ros-args", "-r", "subjct:image:=picture")
    assert given("--ros-args", "-p", "subject:rate:=5.0", "-r", "rostopic://a:=b") == 5.0


def test_the_kind_of_time_does_not_change_while_a_node_runs():
    with spinning(node_with()) as (_, (node,)):
        declare(node, Params)
        same = node.set_parameters_atomically([Parameter("use_sim_time", value=False)])
        other = node.set_parameters_atomically([Parameter("use_sim_time", value=True)])
        assert same.successful and not other.successful
        assert "'use_sim_time' cannot change while subject runs" in other.reason
        assert node.get_parameter("use_sim_time").value is False
