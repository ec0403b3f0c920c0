"""The fuzz targets, on their seeds and on mutated ones; and what fuzzing has found."""

import random
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from banqup_client import ServiceError

FOLDER = Path(__file__).parents[2] / "fuzz"
NAMES = ("ubl", "answers", "checkpoints")


def module(name: str) -> ModuleType:
    """One target."""
    if str(FOLDER) not in sys.path:
        sys.path.append(str(FOLDER))
    return import_module(f"fuzz_{name}")


def mutated(seed: bytes, chance: random.Random) -> bytes:
    """A seed with some bytes changed, cut, or doubled."""
    data = bytearray(seed)
    for _ in range(chance.randrange(1, 5)):
        if not data:
            break
        place = chance.randrange(len(data))
        kind = chance.randrange(4)
        if kind == 0:
            data[place] = chance.randrange(256)
        elif kind == 1:
            del data[place : place + chance.randrange(1, 9)]
        elif kind == 2:
            data[place:place] = data[place : place + chance.randrange(1, 65)]
        else:
            data[place:place] = chance.choice(INTERESTING)
    return bytes(data)


INTERESTING = (b"\x00", b"\xff\xfe", b"\\ud800", b"[[[[", b"]]]]", b"1e999", b"<!DOCTYPE", b"&a;",
               b"null", b'"', b"-0", b"]]>", b"\xc0\x80")  # fmt: skip


@pytest.mark.long
@pytest.mark.leaks("every answer holds a signed URL, also where none belongs")
@pytest.mark.parametrize("name", NAMES)
def test_targets_hold_on_mutated_seeds(name: str) -> None:
    """Each target does what it promises on its seeds and on some hundred mutations of them."""
    target, seeds = module(name).target, module(name).seeds()
    assert len(seeds) >= 10
    chance = random.Random(name)
    for seed in seeds:
        target(seed)
    for _ in range(400):
        target(mutated(chance.choice(seeds), chance))


@pytest.mark.parametrize("name", NAMES)
def test_targets_can_fail(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A target notices what breaks its promise: it would not pass whatever happens."""
    known = module(name)

    def broken(*_args: object, **_options: object) -> object:
        raise ZeroDivisionError

    if name == "ubl":
        monkeypatch.setattr(known.ubl, "peek", broken)
    elif name == "answers":
        monkeypatch.setattr(known, "CALLS", (broken,))
    else:
        monkeypatch.setattr(known, "READERS", (broken,))
    with pytest.raises(ZeroDivisionError):
        known.target(known.seeds()[0])


@pytest.mark.leaks("every answer holds a signed URL, also where none belongs")
def test_targets_reach_what_they_fuzz() -> None:
    """Right answers are understood: the fuzzer is not stopped at the door."""
    answers = module("answers")
    passed = 0
    for seed in answers.seeds():
        if seed[0] < 128 and seed[1] == 0:
            try:
                answers.CALLS[seed[0] % len(answers.CALLS)](seed)
            except ServiceError:
                continue
            passed += 1
    assert passed >= 5
