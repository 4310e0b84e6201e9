"""Planes never share their place while both are needed; pictures come into their square."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec_rfernet.faces.blazeface import letterboxed, reduced, shrinking
from ec_rfernet.kernels import operations
from ec_rfernet.kernels.network import KernelNetwork, find, paths
from ec_rfernet.kernels.operations import Lowered, Operation, Place, Plane, Vector, arrange

SIDE = 48
kernels = pytest.mark.skipif(find() is None, reason="the kernels were not built")


@given(data=st.data())
def test_planes_that_are_still_needed_keep_their_place(data):
    operations, planes = [], []
    for _ in range(data.draw(st.integers(1, 12))):
        sizes = st.sampled_from([(3, 3, 0), (3, 3, 5), (7, 4, 0), (12, 12, 0)])
        writes = [Plane(*data.draw(sizes)) for _ in range(data.draw(st.integers(1, 3)))]
        reads = data.draw(st.lists(st.sampled_from(planes), max_size=4)) if planes else []
        fields = (tuple(Place(plane) for plane in [*reads, *writes]),)
        operations.append(Operation(0, fields, tuple(writes)))
        planes += writes
    places, memory = arrange(operations)

    def extent(plane):
        return places[plane] - plane.lead, places[plane] - plane.lead + plane.size

    last = {plane: n for n, operation in enumerate(operations) for plane in operation.planes()}
    born = {plane: n for n, operation in enumerate(operations) for plane in operation.writes}
    for plane in planes:
        start, end = extent(plane)
        assert start >= 0
        assert end <= memory
        for other in planes:
            if other is not plane and born[other] <= last[plane] and born[plane] <= last[other]:
                assert end <= extent(other)[0] or extent(other)[1] <= start


def mirror(path=None):
    """A network that answers with the pixels of its square, [colours, 2, 2, side / 2, side / 2]."""
    planes, picture = operations.picture(SIDE, np.arange(256, dtype=np.float32))
    count = 3 * SIDE**2
    steps = (picture, operations.reading(tuple(planes.values()), 0))
    program = operations.assemble(Lowered(steps, count, Vector(0, count), False), SIDE)
    return KernelNetwork(program, path)


def seen(network, picture, shrink):
    parts = network.look(picture, shrink).reshape(3, 2, 2, SIDE // 2, SIDE // 2)
    return parts.transpose(3, 1, 4, 2, 0).reshape(SIDE, SIDE, 3)


SIZES = [
    (48, 48), (480, 640), (640, 480), (720, 1280), (700, 1001), (1, 9), (9, 1), (8, 700),
    (3000, 400), (31, 33), (1200, 3000),
]  # fmt: skip


@kernels
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_picture_is_averaged_and_letterboxed_as_by_opencv(size):
    rng = np.random.default_rng(sum(size))
    coarse = rng.integers(0, 256, (*(length // 9 + 2 for length in size), 3), np.uint8)
    picture = cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC)
    shrink = shrinking(*size)
    small = reduced(picture, shrink)
    expected = letterboxed(small, SIDE)
    for path in paths():
        found = seen(mirror(path), picture, shrink)
        assert np.abs(found - expected).max() <= 1
        assert np.mean(found != expected) < 0.01


@kernels
def test_a_part_of_a_picture_needs_no_copy():
    picture = np.random.default_rng(3).integers(0, 256, (200, 300, 3), np.uint8)
    network = mirror()
    for part in (picture[20:150, 40:203], picture[::-1, 5:99], picture[:, ::2], picture[:1, :1]):
        for shrink in {1, min(3, *part.shape[:2])}:
            np.testing.assert_array_equal(
                seen(network, part, shrink), seen(network, np.ascontiguousarray(part), shrink)
            )


@kernels
@pytest.mark.parametrize(
    ("shape", "dtype", "shrink"),
    [((9, 9), "u1", 1), ((9, 9, 4), "u1", 1), ((9, 9, 3), "f4", 1), ((9, 9, 3), "u1", 10),
     ((9, 9, 3), "u1", 0), ((300, 300, 3), "u1", 257), ((0, 9, 3), "u1", 1)],
)  # fmt: skip
def test_what_is_no_picture_is_refused(shape, dtype, shrink):
    with pytest.raises(ValueError, match="picture|shrinks"):
        mirror().look(np.zeros(shape, dtype), shrink)
