"""Planes never share their place while both are needed; pictures come into their square."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ec_rfernet.faces.blazeface import letterboxed, reduced, shrinking
from ec_rfernet.kernels import operations
from ec_rfernet.kernels.network import KernelNetwork, find, paths
from ec_rfernet.kernels.operations import (
    Lowered,
    Mix,
    Operation,
    Place,
    Plane,
    Vector,
    Windows,
    arrange,
)

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
    planes, picture = operations.picture(SIDE, 1.0, 0.0)
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


def test_a_plane_that_is_changed_keeps_its_place():
    kept, other = Plane(9, 9, 0), Plane(9, 9, 0)
    steps = [((), kept), ((kept,), kept), ((), other), ((kept, other), Plane(1, 1, 0))]
    places, memory = arrange(
        [
            Operation(0, (tuple(Place(plane) for plane in (*reads, written)),), (written,))
            for reads, written in steps
        ]
    )
    assert abs(places[kept] - places[other]) >= kept.size
    assert memory >= 2 * kept.size


def windowed(images, weights, bias, step, before, bounds):
    """A depthwise convolution of [planes, n, n]."""
    size = -(-images.shape[1] // step)
    padded = np.pad(images, ((0, 0), (before, 3), (before, 3)))
    result = np.repeat(bias[:, None], size * size, 1).reshape(-1, size, size)
    for i, j in np.ndindex(3, 3):
        part = padded[:, i : i + step * size : step, j : j + step * size : step]
        result += weights[:, i, j, None, None] * part[:, :size, :size]
    return result.clip(*bounds)


def mixed(images, weights, bias, bounds, added=0.0):
    sums = np.einsum("oi,ihw->ohw", weights, images) + bias[:, None, None] + added
    return sums.clip(*bounds)


FREE = (-np.inf, np.inf)


@kernels
@pytest.mark.parametrize("size", [1, 2, 3, 5, 6, 7, 8, 12, 16, 17, 24, 33, 48])
@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize("bounds", [FREE, (0.0, np.inf), (-0.5, 0.5)], ids=str)
def test_windows_and_mixtures(size, step, bounds):
    rng = np.random.default_rng(size)

    def some(*shape):
        return rng.uniform(-1, 1, shape).astype(np.float32)

    pixels = rng.integers(0, 256, (2 * size, 2 * size, 3), np.uint8)
    parts, picture = operations.picture(2 * size, 1 / 127.5, -1.0)
    planes = tuple(parts.values())
    source = np.stack([pixels[i::2, j::2, c] / np.float32(127.5) - 1 for c, i, j in parts])

    few = tuple(Plane(size, size, 0) for _ in range(5))
    first, last = (some(12, 3, 3), some(12)), (some(5, 3, 3), some(5))
    down, up = (some(5, 12), some(5)), (some(12, 5) * (some(12, 5) > 0), some(12))
    narrow = mixed(windowed(source, *first, 1, 1, bounds), *down, FREE)
    wide = mixed(windowed(narrow, *last, 1, 1, FREE), *up, bounds, source)
    before = 1 if step == 1 or size % 2 else 0
    end = windowed(wide, *first, step, before, bounds)

    ends = tuple(Plane(end.shape[1], end.shape[2], 0) for _ in range(12))
    steps = (
        picture,
        Windows(planes, size, size, *first, 1, 1, bounds).then(Mix(*down, FREE), few),
        # The sums go to the planes that are added.
        Windows(few, size, size, *last, 1, 1, FREE).then(Mix(*up, bounds, planes), planes),
        Windows(planes, *end.shape[1:], *first, step, before, bounds).operation(ends),
        operations.reading(ends, 0),
    )
    program = operations.assemble(Lowered(steps, end.size, Vector(0, end.size), False), 2 * size)
    for path in paths():
        found = KernelNetwork(program, path).run(pixels[None]).reshape(end.shape)
        np.testing.assert_allclose(found, end, rtol=1e-4, atol=1e-4)


@kernels
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 8, 12, 16, 17, 33])
@pytest.mark.parametrize("adds", [True, False])
def test_an_enlarged_picture(size, adds):
    rng = np.random.default_rng(size)
    pixels = rng.integers(0, 256, (2 * size, 2 * size, 3), np.uint8)
    parts, picture = operations.picture(2 * size, 1.0, 0.0)
    planes = tuple(parts.values())
    source = np.stack([pixels[i::2, j::2, c].astype(np.float32) for c, i, j in parts])
    shape = (12, 2 * size, 2 * size)
    once, twice = (tuple(Plane(*shape[1:], 0) for _ in planes) for _ in range(2))
    steps = (
        picture,
        operations.enlarge(planes, once),
        operations.enlarge(planes, twice, once if adds else ()),
        operations.reading(twice, 0),
    )
    count = int(np.prod(shape))
    program = operations.assemble(Lowered(steps, count, Vector(0, count), False), 2 * size)
    larger = [cv2.resize(image, shape[:0:-1], interpolation=cv2.INTER_LINEAR) for image in source]
    for path in paths():
        found = KernelNetwork(program, path).run(pixels[None]).reshape(shape)
        expected = np.stack(larger) * (2 if adds else 1)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-3)
