from bot.slack.deliver import Pace
from bot.slack.socket_health import SocketHealth


async def test_a_silence_is_looked_into_once_and_a_dead_socket_replaced() -> None:
    now, found, looks, opened = [0.0], [0], [0], [0]

    async def look() -> int:
        looks[0] += 1
        return found[0]

    async def replace() -> None:
        opened[0] += 1

    watch = SocketHealth(look, replace, lambda: now[0], silence_s=100.0)
    now[0] = 99.0
    assert not await watch.once() and looks[0] == 0
    now[0] = 100.0
    assert not await watch.once() and looks[0] == 1 and opened[0] == 0  # nobody wrote: a quiet hour
    assert not await watch.once() and looks[0] == 1
    found[0], now[0] = 2, 200.0
    assert await watch.once() and opened[0] == 1
    now[0] = 290.0
    await watch.heard(None, {"type": "hello"})
    now[0] = 350.0
    assert watch.silent_for == 60.0 and not await watch.once()


async def test_in_a_busy_workspace_a_short_silence_is_enough() -> None:
    now = [0.0]

    async def nothing() -> int:
        return 0

    watch = SocketHealth(nothing, nothing, lambda: now[0])
    for _ in range(100):
        now[0] += 0.5
        await watch.heard(None, {})
    assert watch.max_silence_s == 20.0
    now[0] += 21.0
    assert not await watch.once()
    assert watch.max_silence_s == 120.0  # nobody wrote: it is no busy workspace any more


def test_a_channel_gets_a_few_posts_at_once_and_then_one_a_second() -> None:
    pace, now = Pace(1.0, 3), 1000.0
    for _ in range(3):
        assert pace.wait("C1", now) == 0.0
        pace.take("C1", now)
    assert pace.wait("C1", now) == 1.0 and pace.wait("C2", now) == 0.0
    assert pace.wait("C1", now + 0.25) == 0.75
    assert pace.wait("C1", now + 1.0) == 0.0
    pace.take("C1", now + 1.0)
    assert pace.wait("C1", now + 1.5) == 0.5
    assert (
        pace.wait("C1", now - 3600.0) > 0
    )  # a clock that jumps back lets nothing through at once, and blocks nothing for long
    assert pace.wait("C1", now + 60.0) == 0.0
