"""What judges a soak notices what it is to notice."""

from tests.faults.strangers.judge import Verdict, _judge_logs, tracebacks
from tests.faults.strangers.watch import GROWTH_MB, Life, Watch

LOG = """\
worker events: started
Traceback (most recent call last):
  File "decode.py", line 1, in decode
    raise ValueError("odd")

ValueError: odd
worker events: stopped
"""


def life(*taken: float, seconds: float = 600.0) -> Life:
    step = seconds / (len(taken) - 1)
    samples = [(number * step, mb) for number, mb in enumerate(taken)]
    return Life("events", samples, max(taken))


def test_a_process_that_warms_up_and_stays_there_is_flat():
    assert life(80, 100, *[120.0] * 18).growth() < GROWTH_MB


def test_a_process_that_grows_is_wrong():
    watch = Watch(None, {0: life(*[100.0 + 5 * each for each in range(20)])})
    assert len(watch.wrong()) == 1
    assert "grew" in watch.wrong()[0]


def test_a_process_that_lived_briefly_says_nothing_about_growth():
    assert life(80, 200, seconds=60).growth() is None


def test_one_that_took_too_much_for_a_moment_is_wrong():
    taken = life(80, 80, seconds=60)
    taken.most = 251
    assert Watch(None, {0: taken}).wrong() == ["events took 251 MB of 250"]


def test_a_traceback_is_wrong_unless_a_dead_letter_has_it(tmp_path):
    log = tmp_path / "events.log"
    log.write_text(LOG)
    assert tracebacks(LOG) == [(2, "ValueError: odd")]
    known, unknown = Verdict(), Verdict()
    _judge_logs([log], ["Traceback\n  ...\nValueError: odd\n"], known)
    _judge_logs([log], ["Traceback\n  ...\nValueError: other\n"], unknown)
    assert (known.tracebacks, known.wrong) == (1, [])
    assert len(unknown.wrong) == 1
