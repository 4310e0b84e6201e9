"""Planes never share their place while both are needed."""

from hypothesis import given
from hypothesis import strategies as st

from ec_rfernet.kernels.operations import Operation, Place, Plane, arrange


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
