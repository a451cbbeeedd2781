"""What counts as one record's failure, and what must pass."""

from __future__ import annotations

import asyncio
import functools
import os
import signal

import pytest

from claimx_pipeline.isolation import EscapedError, as_failure, described, message, type_name


class PanicException(BaseException):
    """As libraries in Rust raise it."""


NO_EXCEPTIONS = [
    PanicException("panicked"),
    SystemExit(3),
    asyncio.CancelledError("made up"),
    GeneratorExit(),
    BaseExceptionGroup("several", [PanicException("one"), ValueError("two")]),
]


@pytest.mark.incident("STR-43")
@pytest.mark.parametrize("raised", NO_EXCEPTIONS, ids=type_name)
async def test_what_is_no_exception_is_a_failure_that_keeps_its_cause(raised):
    failed = as_failure(raised)
    assert isinstance(failed, EscapedError)
    assert failed.__cause__ is raised
    assert type_name(failed) == type(raised).__name__
    assert type(raised).__name__ in str(failed)


async def test_an_exception_is_itself():
    error = ValueError("x")
    assert as_failure(error) is error


@pytest.mark.incident("STR-43")
async def test_the_workers_own_cancellation_passes():
    caught: list[BaseException] = []

    async def guarded() -> None:
        try:
            await asyncio.Event().wait()
        except BaseException as error:  # noqa: BLE001 - it is what is tested
            caught.append(error)
            as_failure(error)

    task = asyncio.create_task(guarded())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert isinstance(caught[0], asyncio.CancelledError)


@pytest.mark.incident("STR-43")
async def test_the_cancellation_of_something_else_is_a_failure():
    other = asyncio.create_task(asyncio.Event().wait())
    await asyncio.sleep(0)
    other.cancel()
    try:
        await other
    except BaseException as error:  # noqa: BLE001 - it is what is tested
        failed = as_failure(error)
    assert type_name(failed) == "CancelledError"


def test_a_coroutine_that_is_closed_is_closed():
    async def guarded() -> None:
        try:
            await asyncio.Event().wait()
        except BaseException as error:  # noqa: BLE001 - it is what is tested
            as_failure(error)

    async def begin() -> object:
        coroutine = guarded()
        coroutine.send(None)
        return coroutine

    asyncio.run(begin()).close()


@pytest.mark.incident("STR-43")
@pytest.mark.parametrize("error", [SystemExit(143), KeyboardInterrupt()], ids=type_name)
def test_what_the_handler_of_a_signal_raises_passes(error):
    def ends(number, frame, extra=None):
        raise error

    before = signal.signal(signal.SIGUSR1, functools.partial(ends, extra=1))
    try:
        with pytest.raises(type(error)):
            try:
                os.kill(os.getpid(), signal.SIGUSR1)
            except BaseException as raised:  # noqa: BLE001 - it is what is tested
                as_failure(raised)
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_ctrl_c_passes_where_nothing_handles_it():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            as_failure(KeyboardInterrupt())
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.incident("STR-43")
def test_one_made_up_while_signals_are_handled_elsewhere_is_a_failure():
    before = signal.signal(signal.SIGINT, lambda number, frame: None)
    try:
        assert type_name(as_failure(KeyboardInterrupt())) == "KeyboardInterrupt"
    finally:
        signal.signal(signal.SIGINT, before)


class MuteError(Exception):
    def __str__(self):
        raise PanicException("no words")


@pytest.mark.incident("STR-43")
@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (ValueError("x"), "ValueError: x"),
        (ValueError(), "ValueError"),
        (MuteError(), "MuteError: <MuteError, which cannot be shown>"),
        (ValueError("\ud83d"), r"ValueError: \ud83d"),
        (EscapedError(SystemExit(3)), "SystemExit: 3"),
    ],
)
def test_any_error_can_be_shown(error, shown):
    assert described(error) == shown
    message(error).encode()
