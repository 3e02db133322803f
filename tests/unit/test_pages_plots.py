"""Plots as SVG, from numbers alone."""

from __future__ import annotations

from datetime import timedelta
from xml.etree import ElementTree as ET

import pytest

from enc.domain.model import ArchivedNode, Market, State
from enc.web.pages.age_plot import BEYOND, BUCKETS, ages_plot, edges_for
from enc.web.pages.charts import Charts
from enc.web.pages.plots import Column, Part, bars, filled, share
from tests.builders import node
from tests.fakes.clock import START

HOSTILE = '"><script>alert(1)</script>'
DAY = timedelta(days=1)


def drawn(svg: str) -> ET.Element:
    """It is well-formed, which what was not escaped would break."""
    return ET.fromstring(svg)


def rects(svg: str, name: str) -> list[dict[str, float]]:
    return [
        {side: float(rect.attrib[side]) for side in ("x", "y", "width", "height")}
        for rect in drawn(svg).iter("rect")
        if rect.attrib["class"] == name
    ]


class TestAShare:
    def test_is_as_wide_as_its_part_of_the_whole(self) -> None:
        svg = share([Part("spot", 3), Part("on-demand", 1)], title="t", width=120)
        assert [rect["width"] for rect in rects(svg, "spot")] == [90]
        assert [rect["x"] for rect in rects(svg, "on-demand")] == [90]

    def test_of_nothing_is_an_empty_track(self) -> None:
        svg = share([Part("spot", 0), Part("on-demand", 0)], title="t")
        assert not rects(svg, "spot") + rects(svg, "on-demand")
        assert len(rects(svg, "track")) == 1

    @pytest.mark.parametrize(
        ("value", "whole", "width"), [(5, 10, 60), (10, 10, 120), (12, 10, 120)]
    )
    def test_of_what_is_wanted_is_never_more_than_full(
        self, value: int, whole: int, width: float
    ) -> None:
        [rect] = rects(filled([Part("ready", value)], whole, title="t"), "ready")
        assert rect["width"] == width

    @pytest.mark.parametrize(("value", "whole"), [(0, 10), (0, 0), (5, 0), (-1, 10), (1, -5)])
    def test_of_what_is_not_there_shows_nothing(self, value: int, whole: int) -> None:
        assert not rects(filled([Part("ready", value)], whole, title="t"), "ready")

    def test_of_what_is_there_comes_before_what_is_coming(self) -> None:
        svg = filled([Part("ready", 6), Part("coming", 9)], 10, title="t", width=100)
        assert [rect["width"] for rect in rects(svg, "ready")] == [60]
        assert [rect["width"] for rect in rects(svg, "coming")] == [40]


class TestBars:
    def test_are_as_high_as_their_numbers_and_stand_on_one_floor(self) -> None:
        svg = bars([Column("a", (Part("spot", 2),)), Column("b", (Part("spot", 4),))], title="t")
        low, high = rects(svg, "spot")
        assert high["height"] == pytest.approx(2 * low["height"], rel=0.01)
        assert low["y"] + low["height"] == pytest.approx(high["y"] + high["height"], abs=0.02)

    def test_are_stacked_without_covering_each_other(self) -> None:
        svg = bars([Column("a", (Part("spot", 2), Part("on-demand", 1)))], title="t")
        [below], [above] = rects(svg, "spot"), rects(svg, "on-demand")
        assert above["y"] + above["height"] == pytest.approx(below["y"], abs=0.02)

    def test_show_one_beside_a_million(self) -> None:
        svg = bars(
            [Column("a", (Part("old", 1),)), Column("b", (Part("young", 10**6),))], title="t"
        )
        assert rects(svg, "old")[0]["height"] >= 2

    def test_show_no_bar_for_none(self) -> None:
        assert not rects(bars([Column("a", (Part("old", 0),))], title="t"), "old")

    def test_of_nothing_at_all_are_a_plot_with_an_axis(self) -> None:
        assert len(rects(bars([], title="nothing"), "axis")) == 1

    def test_say_in_words_what_they_show(self) -> None:
        svg = bars([Column("Monday", (Part("spot", 2),))], title="Machines")
        root = drawn(svg)
        assert root.attrib["role"] == "img"
        assert root.attrib["aria-label"] == "Machines"
        titles = [found.text for found in root.iter("title")]
        assert titles == ["Machines", "Monday: 2 spot"]

    def test_stay_within_their_frame(self) -> None:
        columns = [Column(str(n), (Part("spot", n), Part("on-demand", 1))) for n in range(40)]
        for rect in rects(bars(columns, title="t", width=300, height=80), "spot"):
            assert 0 <= rect["x"] <= rect["x"] + rect["width"] <= 300
            assert 0 <= rect["y"] <= rect["y"] + rect["height"] <= 80

    def test_write_what_others_called_things_and_run_nothing(self) -> None:
        svg = bars([Column(HOSTILE, (Part("spot", 1),))], title=HOSTILE, marker=1, marked=HOSTILE)
        assert not list(drawn(svg).iter("script"))
        assert drawn(svg).attrib["aria-label"] == HOSTILE

    def test_have_no_style_of_their_own_which_the_policy_would_refuse(self) -> None:
        svg = bars([Column("a", (Part("spot", 1),))], title="t", marker=0.5, marked="m")
        assert all("style" not in element.attrib for element in drawn(svg).iter())


class TestAges:
    def test_edges_rise_and_one_of_them_is_max_age(self) -> None:
        edges = edges_for(DAY, START)
        assert edges == sorted(set(edges))
        assert START - DAY in edges
        assert START not in edges
        assert len(edges) + 1 == BUCKETS + BEYOND

    def test_past_max_age_look_otherwise_and_are_told(self) -> None:
        counts = [0] * (BUCKETS + BEYOND)
        counts[0], counts[BUCKETS - 1], counts[BUCKETS] = 3, 1, 2
        svg = ages_plot(counts, DAY, width=160, height=30)
        assert len(rects(svg, "young")) == 2
        assert len(rects(svg, "old")) == 1
        assert "2 are past max_age, 1d" in drawn(svg).attrib["aria-label"]

    @pytest.mark.parametrize(("counts", "max_age"), [([1] * 18, None), ([], DAY)])
    def test_without_a_max_age_are_not_drawn(
        self, counts: list[int], max_age: timedelta | None
    ) -> None:
        assert ages_plot(counts, max_age, width=160, height=30) == ""


def ended(days: float, market: Market | None = Market.SPOT, **fields: object) -> ArchivedNode:
    """A machine that ended so many days after START, having lived for six hours."""
    at = START + days * DAY
    one = node(
        state=State.ARCHIVED, launched_at=at - DAY / 4, state_since=at, market=market, **fields
    )
    return ArchivedNode(node=one, ended_at=at, reason="expired")


class TestCharts:
    def test_pass_on_what_they_count(self) -> None:
        charts, machines = Charts(START, START + 30 * DAY), [ended(1), ended(2)]
        assert list(charts.count(machines)) == machines
        assert (charts.seen, charts.first) == (2, START + DAY)

    def test_draw_each_market_for_itself(self) -> None:
        charts = Charts(START, START + 30 * DAY)
        list(charts.count([ended(1), ended(1), ended(20, Market.ON_DEMAND)]))
        svg = charts.ended()
        assert len(rects(svg, "spot")) == len(rects(svg, "on-demand")) == 1
        assert rects(svg, "spot")[0]["x"] < rects(svg, "on-demand")[0]["x"]
        assert drawn(svg).attrib["aria-label"] == "Machines by their end: 2 spot, 1 on-demand"

    def test_put_what_lies_beside_the_span_at_its_border(self) -> None:
        charts = Charts(START, START + 30 * DAY)
        list(charts.count([ended(-5), ended(99)]))
        assert len(rects(charts.ended(), "spot")) == 2

    def test_leave_out_of_the_time_to_ready_what_never_became_it(self) -> None:
        charts = Charts(START, START + 30 * DAY)
        ready = ended(3, ready_at=START + 3 * DAY - DAY / 4 + timedelta(minutes=3))
        list(charts.count([ready, ended(4)]))
        assert "of 1 machines" in drawn(charts.ready()).attrib["aria-label"]
        assert "of 2 machines" in drawn(charts.lived()).attrib["aria-label"]

    def test_of_an_hour_are_whole(self) -> None:
        charts = Charts(START, START + timedelta(hours=1))
        list(charts.count([ended(0.01)]))
        assert len(rects(charts.ended(), "spot")) == 1

    def test_grow_not_with_the_number_of_machines(self) -> None:
        charts = Charts(START, START + 30 * DAY)
        list(charts.count(ended(n / 100) for n in range(3000)))
        assert len(charts.ended()) < 20_000
