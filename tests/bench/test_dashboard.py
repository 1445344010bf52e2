"""A small form of the dashboard's bench keeps the bars of the large one."""

from bench.dashboard import measure, misses


def test_a_dashboard_of_few_objects_keeps_its_bars() -> None:
    found = measure(schedules=100, each=13)
    assert found["rss_peak_mb"] < 300
    assert found["page_cpu_s"] < 1.0  # seconds of a core: the machine of a test may be busy
    assert found["page_kb"] > 1.0


def test_a_missed_bar_is_told() -> None:
    found = {"first_page_s": 0.1, "page_s": 1.6, "rss_peak_mb": 301.0}
    assert misses(found) == ["a page takes more than 1.5 s", "more than 300.0 MB"]
