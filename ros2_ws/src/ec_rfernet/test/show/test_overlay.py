from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ec_rfernet.faces.face import Box
from ec_rfernet.labels import CONTEMPT, LABELS, UNKNOWN
from ec_rfernet.perceived import EmotionEstimate, Perceived
from ec_rfernet.show import overlay
from ec_rfernet.show.overlay import Area, shade, text_size, write
from ec_rfernet.show.palette import COLOURS, colour_of

SIZES = [(240, 320), (480, 640), (1080, 1920)]


def estimate(face_id="kelto", label="happy", box=(200, 150, 120, 140), share=0.9, flaw=None):
    rest = (1 - share) / 6
    index = LABELS.index(label) if label in LABELS else 0
    probabilities = np.full(7, rest, np.float32)
    probabilities[index] = share
    return EmotionEstimate(face_id, label, share, probabilities, 0.5, 0.5, Box(*box), flaw)


def picture(size=(480, 640), grey=128):
    return np.full((*size, 3), grey, np.uint8)


def pixels(image, label, within=None):
    """How many pixels have exactly the colour of an expression."""
    part = image if within is None else image[within]
    return int((part == COLOURS[label][::-1]).all(axis=2).sum())


def changed(before, after):
    return (before != after).any(axis=2)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("grey", [0, 255])
def test_the_attended_face_is_marked_on_dark_and_on_bright_pictures(size, grey):
    height, width = size
    box = (0.4 * width, 0.35 * height, 0.2 * width, 0.3 * height)
    drawn = overlay.draw(picture(size, grey), Perceived((estimate(box=box),), "kelto"), 0.02)
    assert pixels(drawn, "happy") > 4 * 0.1 * width  # the frame, and the caption's ground
    inside = (slice(int(0.42 * height), int(0.58 * height)), slice(int(0.45 * width), width // 2))
    assert (drawn[inside] == grey).all(), "the face itself stays visible"
    frame = drawn[int(0.5 * height), : int(0.42 * width)]
    assert np.abs(frame.astype(int) - grey).max() > 100, "stands out from the picture"


def test_who_is_not_attended_is_drawn_with_less():
    one = estimate("aaaaa", "sad", (60, 150, 120, 140))
    other = estimate("bbbbb", "sad", (420, 150, 120, 140))
    drawn = overlay.draw(picture(), Perceived((one, other), "aaaaa"), 0.02)
    left, right = (slice(None), slice(0, 320)), (slice(None), slice(380, 640))
    assert pixels(drawn, "sad", left) > 2 * pixels(drawn, "sad", right) > 0


def test_a_bar_is_as_long_as_its_probability():
    def bar(share):
        drawn = overlay.draw(picture(), Perceived((estimate(share=share),), "kelto"), 0.0)
        # Without the frame and the caption, whose colour is the same.
        return pixels(drawn, "happy", (slice(150, 300), slice(330, 640)))

    empty, half, full = bar(0.0), bar(0.5), bar(1.0)
    assert empty == 0 < half
    assert full == pytest.approx(2 * half, rel=0.06)


def test_every_probability_has_its_colour():
    equal = replace(estimate(), probabilities=np.full(7, 1 / 7, np.float32))
    drawn = overlay.draw(picture(), Perceived((equal,), "kelto"), 0.0)
    assert all(pixels(drawn, label) > 20 for label in LABELS)


EIGHT = (*LABELS, CONTEMPT)
MANY = tuple(f"label{index}" for index in range(26))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("labels", [EIGHT, MANY], ids=["8", "26"])
def test_a_panel_of_more_labels_shows_them_all(size, labels, monkeypatch):
    height, width = size
    areas, said = [], []
    monkeypatch.setattr(
        overlay, "write", lambda _canvas, text, left, top, *_: said.append((text, left, top))
    )
    monkeypatch.setattr(overlay, "shade", lambda _canvas, area, *_: areas.append(area))
    box = (0.4 * width, 0.35 * height, 0.2 * width, 0.3 * height)
    equal = np.full(len(labels), 1 / len(labels), np.float32)
    person = replace(estimate(label=labels[-1], box=box), probabilities=equal)
    drawn = overlay.draw(picture(size), Perceived((person,), "kelto", labels=labels), 0.0)
    whole = Area(0, 0, width, height)
    assert all(area.overlap(whole) == area.width * area.height for area in areas)
    rows = [(text, left, top) for text, left, top in said if text in labels]
    assert [text for text, *_ in rows] == list(labels)
    assert all(0 <= left < width and 0 <= top < height - 6 for _, left, top in rows)
    assert len({top for *_, top in rows}) == len(labels)
    assert all((drawn == colour_of(label)[::-1]).all(axis=2).any() for label in labels)


def test_contempt_is_captioned_and_has_the_longest_bar():
    row = np.full(8, 0.05, np.float32)
    row[-1] = 0.65
    person = replace(estimate(label=CONTEMPT, share=0.65), probabilities=row)
    drawn = overlay.draw(picture(), Perceived((person,), "kelto", labels=EIGHT), 0.0)
    panel = (slice(150, 320), slice(330, 640))  # without the frame and the caption
    lengths = {label: pixels(drawn, label, panel) for label in EIGHT}
    assert lengths[CONTEMPT] > 5 * max(lengths[label] for label in LABELS) > 0


def test_what_is_unknown_is_not_shown_as_known(monkeypatch):
    said = []
    monkeypatch.setattr(overlay, "write", lambda _canvas, text, *_: said.append(text))
    unsure = estimate(label=UNKNOWN, share=0.4, flaw="turned away")
    drawn = overlay.draw(picture(), Perceived((unsure,), "kelto"), 0.0)
    assert [text for text in said if "·" in text] == [
        "1 face · 0 ms",
        "unknown (turned away) · kelto",
    ]
    assert pixels(drawn, UNKNOWN) > 100


@pytest.mark.parametrize(
    ("faces", "latency", "expected"),
    [(0, 0.0123, "nobody in view · 12 ms"), (1, 0.5, "1 face · 500 ms"), (3, 0, "3 faces · 0 ms")],
)
def test_the_footer_tells_who_is_there_and_the_latency(monkeypatch, faces, latency, expected):
    said = []
    monkeypatch.setattr(overlay, "write", lambda _canvas, text, *_: said.append(text))
    people = tuple(estimate(str(index), box=(9, 9, 40, 50)) for index in range(faces))
    overlay.draw(picture(), Perceived(people, None), latency)
    assert said[0] == expected


@pytest.mark.parametrize("size", SIZES)
def test_text_is_large_enough_to_be_read(size, monkeypatch):
    sizes = []
    monkeypatch.setattr(
        overlay, "write", lambda canvas, text, left, top, letters, colour: sizes.append(letters)
    )
    people = (estimate("a", box=(50, 50, 60, 70)), estimate("b", box=(150, 50, 60, 70)))
    overlay.draw(picture(size), Perceived(people, "a"), 0.0)
    assert min(sizes) >= max(11, 0.02 * size[0])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "place", [(-0.1, 0.3), (0.9, 0.3), (0.4, -0.1), (0.4, 0.85), (0.9, 0.9), (-0.1, -0.1)]
)
def test_the_bars_of_a_face_at_the_edge_are_inside_and_beside_it(size, place):
    height, width = size
    face = Area(int(place[0] * width), int(place[1] * height), width // 5, height // 4)
    letters = max(11, round(16 * height / 480))
    whole = Area(0, 0, width, height)
    spot = overlay.place(face, overlay.panel_size(LABELS, letters), [face], [], whole)
    assert spot.overlap(face) == 0
    assert spot.overlap(whole) == spot.width * spot.height


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("number", [0, 1, 3, 10])
def test_ten_captions_do_not_hide_each_other(size, number, monkeypatch):
    height, width = size
    people = tuple(
        estimate(
            f"face{index}",
            LABELS[index % 7],
            (
                width * (0.02 + 0.19 * (index % 5)),
                height * (0.15 + 0.45 * (index // 5)),
                0.13 * width,
                0.15 * height,
            ),
        )
        for index in range(number)
    )
    plates = []
    monkeypatch.setattr(overlay, "draw_bars", lambda *_: None)
    monkeypatch.setattr(overlay, "shade", lambda _canvas, area, *_: plates.append(area))
    overlay.draw(picture(size), Perceived(people, "face1"), 0.01)
    assert len(plates) == number + 1
    whole = Area(0, 0, width, height)
    assert all(plate.overlap(whole) == plate.width * plate.height for plate in plates)
    for one, other in itertools.combinations(plates, 2):
        assert one.overlap(other) <= 0.2 * min(one.width, other.width) * one.height


@pytest.mark.parametrize("size", [(120, 160), *SIZES, (2160, 3840)])
@pytest.mark.parametrize("number", [2, 3, 6, 10])
@pytest.mark.parametrize("edge", [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_no_caption_of_faces_side_by_side_hides_another_or_leaves_the_picture(
    size, number, edge, monkeypatch
):
    height, width = size
    wide, high = width / 12, height / 6
    rows = -(-number // 5)
    people = tuple(
        estimate(
            f"f{index}",
            "surprised",
            (
                edge[0] * (width - min(number, 5) * wide) + wide * (index % 5),
                edge[1] * (height - rows * high) + high * (index // 5),
                wide,
                high,
            ),
        )
        for index in range(number)
    )
    plates = []
    monkeypatch.setattr(overlay, "shade", lambda _canvas, area, *_: plates.append(area))
    overlay.draw(picture(size), Perceived(people, "f1"), 0.01)
    *captions, bars = plates
    whole = Area(0, 0, width, height)
    assert all(plate.overlap(whole) == plate.width * plate.height for plate in captions)
    if height > (240 if number == 10 else 120):  # in a smaller one there is no room
        for one, other in itertools.combinations(captions, 2):
            assert one.overlap(other) == 0
    if height > 240:
        assert not any(bars.overlap(caption) for caption in captions)


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(1, 300), st.integers(1, 300)),
    st.lists(st.tuples(*[st.floats(-500, 500)] * 2, *[st.floats(1, 900)] * 2), max_size=4),
)
def test_any_box_in_any_picture_is_drawn(size, boxes):
    people = tuple(estimate(str(index), box=box) for index, box in enumerate(boxes))
    image = picture(size)
    drawn = overlay.draw(image, Perceived(people, "0"), 0.1)
    assert drawn.shape == image.shape and drawn.dtype == np.uint8
    assert (image == 128).all()


# Text and plates.


def test_text_is_written_where_it_is_said_to_be():
    canvas = picture()
    width, height = text_size("happy 90%", 16)
    write(canvas, "happy 90%", 100, 200, 16, (255, 0, 0))
    rows, columns = np.nonzero(changed(picture(), canvas))
    assert columns.min() >= 100 and columns.max() < 100 + width
    assert rows.min() >= 200 and rows.max() < 200 + height
    assert 8 <= np.ptp(rows) + 1 <= 20
    assert canvas[..., 2].max() > 200 and canvas[..., 1].min() < 60  # red, in BGR


@pytest.mark.parametrize("size", range(7, 24))
@pytest.mark.parametrize("text", ["joy", "sad", "jAWj", "Ärger"])
def test_any_text_can_be_written_in_any_size(text, size):
    canvas = picture()
    write(canvas, text, 100, 200, size, (255, 0, 0))
    assert changed(picture(), canvas).any()


@pytest.mark.parametrize("left", [-500, -20, 630, 900])
@pytest.mark.parametrize("top", [-500, -5, 475, 900])
def test_text_and_plates_are_cut_off_at_the_edges(left, top):
    canvas = picture()
    write(canvas, "somewhere", left, top, 16, (255, 255, 255))
    shade(canvas, Area(left, top, 50, 50), (0, 0, 0), 0.5)
    assert canvas.shape == (480, 640, 3)


def test_a_plate_covers_its_area_and_nothing_else():
    canvas = picture(grey=100)
    shade(canvas, Area(10, 20, 30, 40), (200, 0, 0), 0.5)
    touched = changed(picture(grey=100), canvas)
    assert touched[20:60, 10:40].all() and touched.sum() == 30 * 40
    assert canvas[30, 20].tolist() == [50, 50, 150]


def test_a_small_picture_is_enlarged_so_that_one_can_read_it():
    person = estimate(box=(10, 10, 20, 24))
    drawn = overlay.annotated(picture((48, 64)), Perceived((person,), "kelto"))
    assert min(drawn.shape[:2]) >= 480
    assert pixels(drawn, "happy") > 500


def test_a_face_that_fills_the_picture_has_its_bars_beside_it():
    person = estimate(box=(0, 0, 300, 300))
    drawn = overlay.annotated(picture((300, 300)), Perceived((person,), "kelto"))
    side = drawn.shape[0]
    assert drawn.shape[1] > side
    bars = pixels(drawn, "happy", np.s_[:, side:])
    assert bars > 300, "the bars are in the margin"
    plain = overlay.annotated(picture((300, 300)), Perceived((person,), "kelto"), margin=False)
    assert plain.shape == (side, side, 3)


def test_faces_without_an_id_are_captioned_without(monkeypatch):
    said = []
    monkeypatch.setattr(overlay, "write", lambda canvas, text, *_: said.append(text))
    overlay.draw(picture(), Perceived((estimate(face_id=""),), ""))
    assert "happy 90%" in said and "1 face" in said
