"""Refuses options that mean nothing, before anything of the hub is made: all of them at once, each by its name.

Traitlets alone warns of unknown options, passes over sections of classes that are made later or never, and stops at the
first wrong value, of those classes after the hub has begun. Base of the programs in ``program`` and ``validate``.
"""

from __future__ import annotations

import difflib
import math
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from traitlets import Enum, HasTraits, List, TraitError, TraitType
from traitlets.config import Application, Config, Configurable
from traitlets.config.loader import DeferredConfig, LazyConfigValue

from zoe_hub.app.exit_codes import WRONG_OPTIONS
from zoe_hub.core.errors import ZoeError

_SHOWN = 60  # characters of a wrong value


class WrongOptions(Exception):
    """Some options mean nothing. ``problems``: a sentence each."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(" ".join(self.problems))


class CheckedApplication(Application):
    """A program that begins only if every option means something."""

    raise_config_file_errors = True

    def option_classes(self) -> Iterable[type[Configurable]]:
        """Classes that have options, those first that cost nothing to look at."""
        yield type(self)
        yield from self.classes

    def update_config(self, config: Config) -> None:
        """Take options from the command line or a file. :raises WrongOptions: some mean nothing"""
        if problems := [*wrong_options(config, self.option_classes())]:
            raise WrongOptions(problems)
        super().update_config(config)

    def refuse(self, problems: Iterable[str]) -> None:
        """Say what is wrong and exit."""
        for problem in problems:
            print(f"{self.name}: {problem}", file=sys.stderr)
        self.exit(WRONG_OPTIONS)


def wrong_options(config: Config, classes: Iterable[type[Configurable]]) -> Iterator[str]:
    """A sentence for everything in ``config`` that no class understands.

    :param classes: asked one after the other only as long as a section is not known
    """
    waiting = dict(config)
    known: list[str] = []
    for each in classes:
        if not waiting:
            break
        known.append(each.__name__)
        bases = {base.__name__ for base in each.__mro__ if issubclass(base, Configurable)}
        for name in bases & set(waiting):
            section = waiting.pop(name)
            if isinstance(section, Config):
                yield from _wrong_values(name, section, each)
            else:
                yield f"{name} is a section of options, not an option."
    for name in waiting:
        yield f"Nothing that has options is called {name}.{_meant(name, known)}"


def _wrong_values(section: str, values: Config, owner: type[Configurable]) -> Iterator[str]:
    traits = owner.class_traits(config=True)
    probe = owner.__new__(owner)  # traits can be asked without making the thing
    for name, value in values.items():
        if isinstance(value, Config) and name[:1].isupper():
            yield f"{section}.{name} is a section inside another one: name it by itself."
        elif name not in traits:
            yield f"There is no option {section}.{name}.{_meant(name, traits)}"
        elif problem := wrong_value(probe, traits[name], value):
            yield f"{section}.{name} {problem}"


def wrong_value(owner: HasTraits, trait: TraitType[Any, Any], value: Any) -> str:
    """What is wrong with a value for an option; empty if nothing is.

    :param owner: whose validators are asked
    :param value: as a loader of options gives it
    """
    try:
        if isinstance(value, LazyConfigValue):
            value = value.get_value(getattr(owner, str(trait.name)))
        elif isinstance(value, DeferredConfig):
            value = value.get_value(trait)
        elif isinstance(trait, List) and isinstance(value, str):
            value = [value]  # as traitlets takes it
        if isinstance(value, float) and not math.isfinite(value):
            raise TraitError
        if not (value is None and trait.allow_none):
            trait.validate(owner, value)  # type: ignore[attr-defined]
    except (TraitError, ValueError, TypeError):
        return f"is {_shown(value)}, but must be {wanted(trait)}."
    try:
        trait._validate(owner, value)
    except (TraitError, ZoeError) as error:
        return f"is {_shown(value)}: {error}"
    return ""


def wanted(trait: TraitType[Any, Any]) -> str:
    """What an option takes, for people."""
    least, most = getattr(trait, "min", None), getattr(trait, "max", None)
    bounds = [
        f"{word} {bound:g}" if isinstance(bound, float) else f"{word} {bound}"
        for word, bound in (("at least", least), ("at most", most))
        if bound is not None and not isinstance(trait, Enum)
    ]
    return " and ".join([f"{trait.info()}, {bounds[0]}", *bounds[1:]] if bounds else [trait.info()])


def _shown(value: object) -> str:
    text = repr(str(value) if isinstance(value, str) else value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _meant(name: str, names: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, [*names], 1)
    return f" Did you mean {close[0]}?" if close else " See --help-all."
