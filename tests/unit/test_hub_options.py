"""Every option of the hub, the backends and the extension has bounds, and refuses what is outside them by its name.

The options are taken from the code: a new one is tried as well.
"""

import pytest
from traitlets import Bool, Dict, Enum, Float, Int, List, TraitError, Tuple, Unicode
from traitlets.config import Config
from traitlets.config.loader import DeferredConfigString

from jupyter_zoe.extension.app import ZoeExtension
from zoe_hub.app import ZoeHub
from zoe_hub.app.checking import wrong_options, wrong_value
from zoe_hub.app.parts import OWN, load_part
from zoe_hub.app.validate import Validate

CLASSES = (
    ZoeHub,
    *ZoeHub.classes,
    Validate,
    *(load_part(group, name) for group, names in OWN.items() for name in names),
    ZoeExtension,
)
OPTIONS = {
    (each.__name__, name): (each, trait)
    for each in CLASSES
    for name, trait in each.class_traits(config=True).items()
    if trait.this_class.__module__.partition(".")[0] in ("zoe_hub", "jupyter_zoe", "zoe_proxy")
}
TEXTS = {  # those that take any text, and why what is wrong in it cannot be known before it is used
    "ip": "names are looked up",
    "pages_ip": "names are looked up",
    "data": "a path",
    "database": "a path or URL",
    "log_file": "a path",
    "config_file": "a path",
    "ports_folder": "a path",
    "hub_token_file": "a path",
    "hub_token": "a secret",
    "hub_url": "shown in the panel, which names it",
    "hub_user": "shown in the panel, which names it",
    "url": "the engine's client reads it",
    "hub_host": "names are looked up",
    "label": "any name",
    "user": "any name",
}
WRONG_TEXTS = {
    "deployment": ["Foo_Bar", "a" * 21, "a-b"],
    "backend": ["nope"],
    "authenticator": ["nope", ""],
    "pages_origin": ["ftp://x"],
    "user": ["root", "1000:", "-1"],
}


def wrong(name, trait):
    """Values that cannot be meant, as a command line or a file gives them."""
    if isinstance(trait, Int | Float):
        assert trait.min is not None, "a number without a lower bound"
        yield from (*map(DeferredConfigString, ("10MB", "", "nan", "inf", "(1,2)", "None?")), [], "1")
        yield trait.min - 1
        yield DeferredConfigString(str(trait.min - 1))
        if trait.max is not None:
            yield trait.max + 1
    elif isinstance(trait, Bool | Enum):
        yield from (DeferredConfigString("maybe"), "yes", 7, [])
    elif isinstance(trait, Tuple):
        yield from map(DeferredConfigString, ("", "10", "(10", "(22399,22100)", "(0,1)", "(1,2,3)", "(30000,70000)"))
        yield (1, 2, 3)
    elif isinstance(trait, List):
        yield from (7, [7], DeferredConfigString("[7]"))
    elif isinstance(trait, Dict):
        yield from (7, [7], DeferredConfigString("x"))
    elif isinstance(trait, Unicode):
        yield from (7, [], *map(DeferredConfigString, WRONG_TEXTS.get(name, ())))
    else:
        pytest.fail(f"a kind of option that this test does not know: {trait}")


@pytest.mark.parametrize("option", OPTIONS, ids=".".join)
def test_wrong_values_are_refused_by_the_name_of_the_option(option):
    section, name = option
    _, trait = OPTIONS[option]
    if isinstance(trait, Unicode):
        assert name in {*TEXTS, *WRONG_TEXTS}
    for value in wrong(name if option != ("EmbeddedAuthenticator", "user") else "", trait):
        (problem,) = wrong_options(Config({section: {name: value}}), CLASSES)
        assert problem.startswith(f"{section}.{name} is "), problem
        assert "trait" not in problem, f"for people: {problem}"


@pytest.mark.parametrize("option", OPTIONS, ids=".".join)
def test_defaults_and_bounds_are_right_themselves(option):
    owner, trait = OPTIONS[option]
    probe = owner.__new__(owner)
    values = [getattr(trait, "min", None), getattr(trait, "max", None), trait.default()]
    for value in values:
        if value is not None:
            assert wrong_value(probe, trait, value) == ""
            if not isinstance(value, list | dict | bool):
                assert wrong_value(probe, trait, DeferredConfigString(str(value))) == ""


@pytest.mark.parametrize("text", ["(22100,22399)", "(22100, 22399)", "22100,22399", "22100-22399", "[22100, 22399]"])
def test_a_range_of_ports_as_people_write_it(text):
    trait = OPTIONS["LocalBackend", "port_range"][1]
    assert DeferredConfigString(text).get_value(trait) == (22100, 22399)


@pytest.mark.parametrize("option", [option for option in OPTIONS if option[0] == "ZoeExtension"], ids=".".join)
def test_the_extension_refuses_them_itself(option):
    """JupyterLab loads it: its own log names the option."""
    _, name = option
    for value in wrong(name, OPTIONS[option][1]):
        if not isinstance(value, DeferredConfigString):
            with pytest.raises(TraitError, match=name):
                ZoeExtension(**{name: value})


def test_hosts_and_origins_are_what_they_say():
    probe = ZoeHub.__new__(ZoeHub)
    traits = ZoeHub.class_traits()
    for name, right, refused in (
        ("allowed_hosts", ["lab.example.org", "::1", "10.0.0.1"], ["lab.example.org:80", "https://lab", ""]),
        ("allowed_origins", ["https://lab.example.org", "http://x:80/"], ["lab.example.org", "https://x/y", "*"]),
    ):
        assert wrong_value(probe, traits[name], right) == ""
        for each in refused:
            assert repr(each) in wrong_value(probe, traits[name], [each])


def test_what_nobody_has_is_told_with_what_may_be_meant():
    assert [*wrong_options(Config({"ZoeHub": {"prot": 1}, "Retenton": {"interval": 1}}), CLASSES)] == [
        "There is no option ZoeHub.prot. Did you mean port?",
        "Nothing that has options is called Retenton. Did you mean Retention?",
    ]
    assert [*wrong_options(Config({"ZoeHub": {"catalog_folders": "one", "trusted_frameworks": None}}), CLASSES)] == []
    assert [*wrong_options(Config({"Application": {"log_level": 10}, "Backend": {}}), CLASSES)] == []
