"""How much a subscriber, and his company, may ask for."""

from datetime import UTC, datetime, timedelta

from services.callback.limits import Limits, exceeded

NOW = datetime(2026, 3, 2, 9, 0, 0, tzinfo=UTC)
LIMITS = Limits(max_simultaneous=2, max_per_minute=3)


def ago(*seconds: float) -> list[datetime]:
    return [NOW - timedelta(seconds=one) for one in seconds]


def test_below_both_limits_nothing_is_said():
    assert exceeded(LIMITS, 1, ago(1, 2), NOW) is None


def test_the_third_call_at_the_same_time_waits():
    refused = exceeded(LIMITS, 2, [], NOW)
    assert refused is not None
    assert "2 calls at the same time" in refused.rule
    assert refused.retry_after_s > 0


def test_the_minute_is_full_until_its_oldest_call_leaves_it():
    refused = exceeded(LIMITS, 0, ago(50.5, 20, 1), NOW)
    assert refused is not None
    assert refused.retry_after_s == 10
    assert exceeded(LIMITS, 0, ago(50.5, 20, 1), NOW + timedelta(seconds=refused.retry_after_s)) is None


def test_with_more_calls_than_the_limit_allows_enough_of_them_must_leave():
    refused = exceeded(LIMITS, 0, ago(59, 40, 30, 10, 5), NOW)
    assert refused is not None
    assert refused.retry_after_s == 30
    assert exceeded(LIMITS, 0, ago(60, 61, 62, 63), NOW) is None


def test_a_limit_of_all_says_whose_it_is():
    refused = exceeded(LIMITS, 2, [], NOW, " in the company")
    assert refused is not None
    assert refused.rule == "at most 2 calls at the same time in the company"
