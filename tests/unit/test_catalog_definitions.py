"""What can be wrong with a definition: every place is named, all at once, and one broken file costs nobody else."""

from __future__ import annotations

import copy
import json
import textwrap

import msgspec
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zoe_hub.catalog import Catalog, check
from zoe_hub.core.errors import ZoeError
from zoe_hub.core.text import references

ENGINE = {
    "framework": "engine",
    "version": "1.0",
    "kind": "engine",
    "parameters": {
        "size": {"type": "integer", "minimum": 1, "maximum": 9, "default": 2},
        "memory": {"type": "string", "format": "memory", "default": "1GiB"},
        "password": {"type": "string", "secret": True},
    },
    "variables": {"twice": "{{ memory * 2 }}"},
    "secrets": {"rpc": "random", "hub": "token"},
    "processes": {
        "head": {
            "image": "zoe/engine:{{ version }}",
            "command": ["python", "{{ folder }}/head.py", "--port", "{{ port.web }}"],
            "environment": {"SECRET": "{{ secret('rpc') }}", "PASSWORD": "{{ secret('password') }}"},
            "ports": {"web": {"port": 80, "protocol": "http", "headers": {"X": "{{ secret('rpc') }}"}}, "rpc": 70},
            "ready": {"http": "web", "path": "{{ path.web }}up"},
        },
        "data-node": {
            "image": "zoe/engine:{{ version }}",
            "command": ["python", "{{ folder }}/node.py", "{{ head.rpc.address }}", "{{ index }}"],
            "environment": {"MEMORY": "{{ memory }}"},
            "count": "{{ size }}",
            "essential": 1,
            "maximum": 9,
            "needs": ["head"],
            "ports": {"rpc": 71},
            "drain": {
                "signal": "PWR",
                "until": {"http": "head.web", "condition": "host in body.gone"},
                "timeout": "30s",
            },
            "resources": {"cores": 0.5, "memory": "{{ twice }}"},
        },
    },
    "outputs": {"address": "engine://{{ head.rpc.endpoint }}", "node": "{{ data_node.rpc.endpoint }}"},
    "attach": {
        "python": {
            "requires": "engine~={{ version }}",
            "variable": "engine",
            "secrets": ["rpc"],
            "code": "engine = {{}}",
        }
    },
}
SHOP = {
    "zapp": "my-engine",
    "version": "1.0",
    "title": "Engine",
    "frameworks": {"engine": {"ask": ["size", "memory", "password"]}},
}


def write(folder, name, kind, definition):
    path = folder / name
    path.mkdir(parents=True, exist_ok=True)
    file = path / f"{kind}.yaml"
    file.write_text(
        definition if isinstance(definition, str) else yaml.safe_dump(definition, sort_keys=False, allow_unicode=True)
    )
    return file


def loaded(*folders):
    catalog = Catalog(folders)
    catalog.load()
    return catalog


def changed(definition, path, value):
    """A copy with one member set, or removed if ``value`` is ``...``."""
    result = copy.deepcopy(definition)
    *steps, last = path
    place = result
    for step in steps:
        place = place.setdefault(step, {}) if isinstance(place, dict) else place[step]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return result


def test_the_sample_is_good(tmp_path):
    write(tmp_path, "engine", "framework", ENGINE)
    write(tmp_path, "shop", "zapp", SHOP)
    catalog = loaded(tmp_path)
    assert catalog.problems == ()
    rendered = catalog.render("my-engine", {"size": 3, "password": "hunter-2"})
    head, node = rendered.spec.groups
    assert head.image == "zoe/engine:1.0"
    assert head.command == ("python", "⟦folder:engine⟧/head.py", "--port", "⟦port:web⟧")
    assert head.environment == {"SECRET": "⟦secret:rpc⟧", "PASSWORD": "⟦secret:password⟧"}
    assert head.ports[0].headers == {"X": "⟦secret:rpc⟧"}
    assert (head.ready.kind, head.ready.path) == ("http", "⟦path:web⟧up")
    assert node.command[2:] == ("⟦address:head.rpc⟧", "⟦index:⟧")
    assert (node.count, node.essential, node.maximum, node.needs) == (3, 1, 9, ("head",))
    assert node.environment == {"MEMORY": str(2**30)}
    assert (node.resources.cores, node.resources.memory) == (0.5, 2**31)
    assert (node.drain.signal, node.drain.group, node.drain.port, node.drain.timeout) == ("PWR", "head", "web", 30.0)
    assert rendered.spec.outputs == {"address": "engine://⟦endpoint:head.rpc⟧", "node": "⟦endpoint:data-node.rpc⟧"}
    attach = rendered.spec.attach["python"]
    assert (attach.requires, attach.variable, attach.code, attach.secrets) == (
        "engine~=1.0",
        "engine",
        "engine = {{}}",
        ("rpc",),
    )
    assert {(secret.name, secret.source) for secret in rendered.spec.secrets} == {
        ("rpc", "random"),
        ("hub", "token"),
        ("password", "given"),
    }
    assert rendered.given == {"password": "hunter-2"}
    assert rendered.counts == {"head": 1, "data-node": 3}
    assert rendered.spec.parameters == {"size": 3, "memory": "1GiB"}
    assert "hunter-2" not in msgspec.json.encode(rendered.spec).decode()
    assert "hunter-2" not in repr(rendered)
    view = catalog.zapps["my-engine"]
    assert view.scalable == ("data-node",)
    assert view.attach == ("python",)
    assert view.parameters["properties"]["password"] == {"type": "string", "writeOnly": True, "format": "password"}


HEAD, NODE = ("processes", "head"), ("processes", "data-node")
WRONG = [
    (("kind",), "engin", "/kind", "did you mean 'engine'"),
    (("version",), 4.3, "/version", "must be a text"),
    (("framework",), "../../etc", "/framework", "lower-case letters"),
    (("framework",), "Engine", "/framework", "lower-case letters"),
    (("procesess",), {}, "/procesess", "not known here"),
    (("processes",), {}, "/processes", "must not be empty"),
    (("parameters", "size", "default"), "two", "/parameters/size/default", "must be a whole number"),
    (("parameters", "size", "default"), 99, "/parameters/size/default", "at most 9"),
    (("parameters", "size", "type"), "int", "/parameters/size/type", "must be 'string'"),
    (("parameters", "size", "allOf"), [], "/parameters/size/allOf", "not known here"),
    (("parameters", "memory", "default"), "1 gig", "/parameters/memory/default", "amount of memory"),
    (
        ("parameters", "password", "default"),
        "hunter-2",
        "/parameters/password/default",
        "does not stand in a definition",
    ),
    (("parameters", "password", "type"), "integer", "/parameters/password/type", "must be a text"),
    (("parameters", "size", "format"), "memory", "/parameters/size/format", "needs type: string"),
    (("parameters", "size", "minimum"), 10, "/parameters/size/minimum", "larger than maximum"),
    (("parameters", "x"), {"type": "string", "pattern": "("}, "/parameters/x/pattern", "regular expression"),
    (("parameters", "host"), {"type": "string", "default": ""}, "/parameters/host", "already"),
    (("parameters", "head"), {"type": "string", "default": ""}, "/processes/head", "a parameter too"),
    (("parameters", "Bad-Name"), {"type": "string"}, "/parameters/Bad-Name", "lower-case"),
    (("secrets", "password"), "random", "/secrets/password", "secret parameter too"),
    ((*NODE, "needs"), ["haed"], "/processes/data-node/needs/0", "did you mean 'head'"),
    ((*HEAD, "needs"), ["data-node"], "/processes/head/needs", "wait for each other: head -> data-node -> head"),
    ((*HEAD, "needs"), ["head"], "/processes/head/needs", "wait for each other: head -> head"),
    ((*HEAD, "ready"), {"http": "wbe"}, "/processes/head/ready/http", "did you mean 'web'"),
    ((*HEAD, "ready"), {"tcp": "x"}, "/processes/head/ready/tcp", "no port 'x'"),
    ((*HEAD, "ready"), {"tcp": "rpc", "log": "x"}, "/processes/head/ready", "keep one"),
    ((*HEAD, "ready"), {"log": "("}, "/processes/head/ready/log", "regular expression"),
    ((*HEAD, "ready", "path"), "{{ host }}", "/processes/head/ready/path", "known only when"),
    ((*NODE, "ports", "rpc"), 0, "/processes/data-node/ports/rpc", "at least 1"),
    ((*NODE, "ports", "rpc"), 70000, "/processes/data-node/ports/rpc", "at most 65535"),
    ((*NODE, "ports", "rpc"), {"port": 1, "show": True}, "/processes/data-node/ports/rpc/show", "protocol: http"),
    ((*NODE, "drain", "until", "http"), "head.wbe", "/processes/data-node/drain/until/http", "no port 'wbe'"),
    ((*NODE, "drain", "until", "http"), "haed.web", "/processes/data-node/drain/until/http", "no group 'haed'"),
    (
        (*NODE, "drain", "until", "condition"),
        "boddy.x",
        "/processes/data-node/drain/until/condition",
        "'boddy' is not there",
    ),
    (
        (*NODE, "drain", "until", "condition"),
        "{{ body.x }}",
        "/processes/data-node/drain/until/condition",
        "without braces",
    ),
    ((*NODE, "drain", "until", "condition"), "port.web", "/processes/data-node/drain/until/condition", "no 'web'"),
    ((*NODE, "essential"), 3, "/processes/data-node/essential", "essential <= count <= maximum"),
    ((*NODE, "maximum"), 1, "/processes/data-node/maximum", "essential <= count <= maximum"),
    ((*NODE, "count"), "{{ memory }}x", "/processes/data-node/count", "must give a number"),
    ((*NODE, "count"), "{{ port.rpc }}", "/processes/data-node/count", "known only when"),
    ((*NODE, "count"), "2", "/processes/data-node/count", "or an expression"),
    ((*NODE, "resources", "memory"), "lots", "/processes/data-node/resources/memory", "amount of memory"),
    ((*NODE, "resources", "cores"), "{{ 1 / 0 }}", "/processes/data-node/resources/cores", "divides by zero"),
    ((*NODE, "grace"), "soon", "/processes/data-node/grace", "a duration"),
    ((*NODE, "image"), "x:{{ index }}", "/processes/data-node/image", "known only when"),
    ((*NODE, "image"), "x:{{ vresion }}", "/processes/data-node/image", "did you mean 'version'"),
    (
        (*NODE, "command"),
        ["x", "{{ secret('rpc') }}"],
        "/processes/data-node/command/1",
        "a secret may not stand in a command",
    ),
    ((*NODE, "command"), ["x", "{{ password }}"], "/processes/data-node/command/1", "is a secret"),
    ((*NODE, "command"), ["x", "{{ head.rcp.address }}"], "/processes/data-node/command/1", "'head' has no 'rcp'"),
    ((*NODE, "command"), ["x", "{{ head.rpc }}"], "/processes/data-node/command/1", "write head.rpc.address"),
    (
        (*NODE, "command"),
        ["x", "{{ haed.rpc.address if size > 100 else 1 }}"],
        "/processes/data-node/command/1",
        "did you mean 'head'",
    ),
    ((*NODE, "command"), ["x", "{{ size "], "/processes/data-node/command/1", "not complete"),
    ((*NODE, "command"), ["x", "{{ port.web }}"], "/processes/data-node/command/1", "'port' has no 'web'"),
    ((*NODE, "command"), ["{{ 'a' * 1000000000 }}"], "/processes/data-node/command/0", "is for numbers"),
    ((*NODE, "environment"), {"X": "{{ secret('rcp') }}"}, "/processes/data-node/environment/X", "did you mean 'rpc'"),
    (
        (*NODE, "environment"),
        {"X": "{{ secret('rcp') | jws }}"},
        "/processes/data-node/environment/X",
        "did you mean 'rpc'",
    ),
    (
        (*NODE, "environment"),
        {"X": "{{ 'rpc' | jws }}"},
        "/processes/data-node/environment/X",
        "'jws' signs with a secret",
    ),
    (
        (*NODE, "environment"),
        {"X": "{{ (secret('rpc') ~ 'x') | jws }}"},
        "/processes/data-node/environment/X",
        "'jws' signs with a secret",
    ),
    (
        (*NODE, "command"),
        ["x", "{{ secret('rpc') | jws }}"],
        "/processes/data-node/command/1",
        "a secret may not stand in a command",
    ),
    ((*NODE, "environment"), {"1X": "y"}, "/processes/data-node/environment/1X", "environment variable"),
    ((*NODE, "files"), {"../../x": "y"}, "/processes/data-node/files/..~1..~1x", "plain file name"),
    ((*NODE, "files"), {".x": "y"}, "/processes/data-node/files/.x", "plain file name"),
    (("processes", "../x"), {"image": "x", "command": ["x"]}, "/processes/..~1x", "lower-case letters"),
    (("outputs", "address"), "{{ secret('rpc') }}", "/outputs/address", "a secret may not stand in an output"),
    (("outputs", "address"), "{{ port.web }}", "/outputs/address", "belongs to one process"),
    (("variables", "twice"), "{{ thrice }}", "/variables/twice", "'thrice' is not there"),
    (("attach", "python", "secrets"), ["rcp"], "/attach/python/secrets/0", "did you mean 'rpc'"),
    (("attach", "python", "requires"), "x=={{ nothing }}", "/attach/python/requires", "'nothing' is not there"),
    (("rules",), [{"that": "{{ size }}", "message": "m"}], "/rules/0/that", ""),
    (("title",), "a ⟦secret:rpc⟧ b", "", "reserved"),
]


@pytest.mark.parametrize(
    ("path", "value", "where", "words"),
    WRONG,
    ids=[f"{'.'.join(map(str, path))}-{index}" for index, (path, *_) in enumerate(WRONG)],
)
def test_every_mistake_names_its_place(tmp_path, path, value, where, words):
    definition = changed(ENGINE, path, value)
    if path == ("rules",):
        definition["parameters"] = {"size": ENGINE["parameters"]["size"], **definition["parameters"]}
        definition["rules"][0]["that"] = "{{ seize }}"
        words = "did you mean 'size'"
    file = write(tmp_path, "engine", "framework", definition)
    found = check(file, folders=[])
    assert [error for error in found if error.path == where and words in error.message], found
    lines = file.read_text().splitlines()
    for error in found:
        assert error.file == str(file)
        assert 1 <= error.line <= len(lines)
        assert 1 <= error.column <= len(lines[error.line - 1]) + 1
        assert len(error.message) < 400


def test_all_mistakes_come_at_once_with_line_and_column(tmp_path):
    file = write(
        tmp_path,
        "x",
        "framework",
        textwrap.dedent("""\
        framework: x
        version: 1.0
        kind: job
        processes:
          job:
            image: x
            comand: [x]
            count: many
            ports: {web: 99999}
        """),
    )
    found = {(error.line, error.column, error.path) for error in check(file, folders=[])}
    assert found >= {
        (2, 10, "/version"),
        (7, 5, "/processes/job/comand"),
        (8, 12, "/processes/job/count"),
        (9, 18, "/processes/job/ports/web"),
        (6, 5, "/processes/job"),
    }


def test_a_mistake_in_a_block_of_text_names_its_own_line(tmp_path):
    definition = (
        "framework: x\nversion: '1'\nkind: job\nprocesses:\n  job:\n    image: x\n    command: [x]\n    files:\n     "
        " a.txt: |\n        one\n        two {{ three }}\n"
    )
    (error,) = check(write(tmp_path, "x", "framework", definition), folders=[])
    assert (error.line, error.path) == (11, "/processes/job/files/a.txt")


ZAPP_WRONG = [
    ({"frameworks": {"engin": None}}, "/frameworks/engin", "did you mean 'engine'"),
    ({"frameworks": {"engine": {"framework": "../engine"}}}, "/frameworks/engine/framework", "no framework"),
    ({"frameworks": {"engine": {"ask": ["sise"]}}}, "/frameworks/engine/ask/0", "did you mean 'size'"),
    (
        {"frameworks": {"engine": {"ask": {"size": {"default": "x"}}}}},
        "/frameworks/engine/ask/size/default",
        "whole number",
    ),
    (
        {"frameworks": {"engine": {"ask": {"size": {"type": "string"}}}}},
        "/frameworks/engine/ask/size/type",
        "cannot be different",
    ),
    ({"frameworks": {"engine": {"parameters": {"size": "two"}}}}, "/frameworks/engine/parameters/size", "whole number"),
    (
        {"frameworks": {"engine": {"parameters": {"sise": 2}}}},
        "/frameworks/engine/parameters/sise",
        "did you mean 'size'",
    ),
    (
        {"frameworks": {"engine": {"parameters": {"size": "{{ nothing }}"}}}},
        "/frameworks/engine/parameters/size",
        "'nothing' is not there",
    ),
    (
        {"frameworks": {"engine": {"parameters": {"password": "hunter-2"}}}},
        "/frameworks/engine/parameters/password",
        "does not stand in a definition",
    ),
    ({"frameworks": {"engine": {"parameters": {"size": 2}, "ask": ["size"]}}}, "/frameworks/engine/ask/0", "keep one"),
    (
        {"frameworks": {"engine": None, "other": {"framework": "engine"}}},
        "/frameworks/other",
        "both have a group 'head'",
    ),
    (
        {"parameters": {"size": {"type": "integer", "default": 1}}, "frameworks": {"engine": {"ask": ["size"]}}},
        "/frameworks/engine/ask/0",
        "another parameter",
    ),
    ({"parameters": {"engine": {"type": "integer", "default": 1}}}, "/frameworks/engine", "choose another name"),
    ({"environment": {"haed": {"X": "y"}}}, "/environment/haed", "did you mean 'head'"),
    ({"environment": {"head": {"X": "{{ engine.adress }}"}}}, "/environment/head/X", "did you mean 'address'"),
    ({"environment": {"head": {"X": "{{ secret('rcp') }}"}}}, "/environment/head/X", "did you mean 'rpc'"),
    ({"files": {"head": {"../x": "y"}}}, "/files/head/..~1x", "plain file name"),
    ({"needs": {"head": ["data-node"]}}, "/needs", "wait for each other"),
    ({"needs": {"head": ["x"]}}, "/needs/head/0", "no group 'x'"),
    ({"ends": True}, "/ends", "decides_result"),
    ({"attach": {"julia": "engine"}}, "/attach/julia", "does not say how"),
    ({"icon": "<svg onload=alert(1)></svg>"}, "/icon", "inline SVG: not well-formed"),
    ({"icon": "<img src=x>"}, "/icon", "inline SVG"),
    ({"icon": "<svg>" + " " * 9000 + "</svg>"}, "/icon", "at most 8192"),
]


@pytest.mark.parametrize(
    ("changes", "where", "words"),
    ZAPP_WRONG,
    ids=[f"{where}-{index}" for index, (_, where, _) in enumerate(ZAPP_WRONG)],
)
def test_every_mistake_of_a_zapp_names_its_place(tmp_path, changes, where, words):
    write(tmp_path / "good", "engine", "framework", ENGINE)
    file = write(tmp_path / "mine", "my", "zapp", {**SHOP, **changes})
    found = check(file, folders=[tmp_path / "good"])
    assert [error for error in found if error.path == where and words in error.message], found
    assert all(error.file == str(file) and error.line for error in found)


def test_broken_ones_do_not_cost_the_good_ones(tmp_path):
    write(tmp_path, "engine", "framework", ENGINE)
    write(tmp_path, "shop", "zapp", SHOP)
    broken = write(tmp_path, "broken", "framework", changed(ENGINE, ("framework",), "broken") | {"kind": "nonsense"})
    garbage = write(tmp_path, "garbage", "framework", "{{{{ not yaml")
    uses = write(tmp_path, "uses", "zapp", {**SHOP, "zapp": "uses", "frameworks": {"broken": None}})
    again = write(tmp_path, "second", "zapp", SHOP)
    catalog = loaded(tmp_path)
    assert list(catalog.zapps) == ["my-engine"]
    assert list(catalog.frameworks) == ["engine"]
    by_file = {problem.file: problem for problem in catalog.problems}
    assert set(by_file) == {str(broken), str(garbage), str(uses), str(again)} or set(by_file) == {
        str(broken),
        str(garbage),
        str(uses),
        str(tmp_path / "shop" / "zapp.yaml"),
    }
    assert "has problems of its own" in by_file[str(uses)].message
    with pytest.raises(ZoeError) as caught:
        catalog.render("uses", {})
    assert caught.value.code == "unknown-zapp"
    assert caught.value.errors
    catalog.render("my-engine", {})


def test_load_reads_again(tmp_path):
    catalog = loaded(tmp_path)
    assert not catalog.zapps
    write(tmp_path, "engine", "framework", ENGINE)
    file = write(tmp_path, "shop", "zapp", SHOP)
    catalog.load()
    assert list(catalog.zapps) == ["my-engine"]
    file.write_text("broken: [")
    catalog.load()
    assert (list(catalog.zapps), len(catalog.problems)) == ([], 1)


def test_folders_that_are_not_there_are_problems(tmp_path):
    catalog = loaded(tmp_path / "none")
    assert "cannot be listed" in catalog.problems[0].message
    assert check(tmp_path / "none")[0].message == "does not exist"
    assert "holds no framework.yaml" in check(tmp_path)[0].message
    other = tmp_path / "x.txt"
    other.write_text("x")
    assert "name it framework.yaml" in check(other)[0].message


def test_check_reports_only_what_was_asked_for(tmp_path):
    write(tmp_path, "engine", "framework", ENGINE)
    bad = write(tmp_path, "bad", "zapp", {**SHOP, "zapp": "bad", "frameworks": {"nothing": None}})
    assert check(tmp_path / "engine", folders=[]) == ()
    assert {error.file for error in check(tmp_path, folders=[])} == {str(bad)}
    assert len(check(bad, folders=[])) == 1


# --- what people ask for ---


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    write(
        folder,
        "engine",
        "framework",
        {**ENGINE, "rules": [{"that": "{{ memory >= 1048576 }}", "parameter": "memory", "message": "at least 1MiB"}]},
    )
    write(folder, "shop", "zapp", SHOP)
    catalog = loaded(folder)
    assert not catalog.problems
    return catalog


@pytest.mark.parametrize(
    ("parameters", "path", "words"),
    [
        ({"size": "two"}, "/size", "must be a whole number, not the text 'two'"),
        ({"size": 0}, "/size", "at least 1"),
        ({"sise": 2}, "/sise", "did you mean 'size'"),
        ({"memory": "much"}, "/memory", "512MiB"),
        ({"memory": "1kB"}, "/memory", "at least 1MiB"),
        ({"memory": "⟦secret:rpc⟧"}, "/memory", "reserved"),
        ({"password": "⟦secret:rpc⟧"}, "/password", "reserved"),
        ({"password": 5}, "/password", "must be a text"),
        ({"memory": "1GiB\0"}, "/memory", "NUL"),
        ({"memory": "\ud800"}, "/memory", "half of a character"),
        ({"memory": "x" * (2**20 + 1)}, "/memory", "more than"),
        ({"size": None}, "/size", "null"),
        ({"size": True}, "/size", "true"),
    ],
)
def test_bad_parameters(shop, parameters, path, words):
    with pytest.raises(ZoeError) as caught:
        shop.render("my-engine", parameters)
    assert caught.value.code == "bad-parameter"
    assert [error for error in caught.value.errors if error.path == path and words in error.message], (
        caught.value.errors
    )


def test_all_bad_parameters_at_once_and_no_secret_in_a_message(shop):
    with pytest.raises(ZoeError) as caught:
        shop.render("my-engine", {"size": "two", "memory": "x", "password": ["hunter-2"], "more": 1})
    assert {error.path for error in caught.value.errors} == {"/size", "/memory", "/password", "/more"}
    assert "hunter-2" not in str(caught.value) + str(caught.value.errors)


def test_expressions_in_what_a_user_gives_are_text(tmp_path):
    write(
        tmp_path,
        "echo",
        "framework",
        {
            "framework": "echo",
            "version": "1",
            "kind": "job",
            "parameters": {"say": {"type": "string", "default": ""}},
            "processes": {"job": {"image": "x", "command": ["echo", "{{ say }}"]}},
        },
    )
    write(
        tmp_path,
        "echo",
        "zapp",
        {"zapp": "echo", "version": "1", "title": "E", "frameworks": {"echo": {"ask": ["say"]}}},
    )
    spec = loaded(tmp_path).render("echo", {"say": "{{ secret('x') }} {{ 1 + 1 }}"}).spec
    assert spec.groups[0].command == ("echo", "{{ secret('x') }} {{ 1 + 1 }}")


def test_whole_numbers_written_as_floats_are_whole(shop):
    assert shop.render("my-engine", {"size": 3.0}).counts["data-node"] == 3
    assert shop.render("my-engine", {"size": 3.0}).spec.parameters["size"] == 3


def test_which_sizes_the_given_parameters_say(tmp_path):
    framework = {
        "framework": "crowd",
        "version": "1",
        "kind": "engine",
        "variables": {"twice": "{{ size * 2 }}"},
        "parameters": {
            "size": {"type": "integer", "default": 2},
            "few": {"type": "integer", "default": 1},
            "memory": {"type": "string", "format": "memory", "default": "1GiB"},
        },
        "processes": {
            "pair": {
                "image": "x",
                "command": ["x"],
                "count": "{{ twice }}",
                "maximum": 20,
                "resources": {"memory": "{{ memory }}"},
            },
            "some": {"image": "x", "command": ["x", "{{ size }}"], "count": "{{ few }}", "maximum": 9},
            "one": {"image": "x", "command": ["x", "{{ size }}"]},
        },
    }
    zapp = {
        "zapp": "crowd",
        "version": "1",
        "title": "C",
        "parameters": {"people": {"type": "integer", "default": 3}},
        "frameworks": {"crowd": {"ask": ["size", "memory"], "parameters": {"few": "{{ people + 1 }}"}}},
    }
    write(tmp_path, "crowd", "framework", framework)
    write(tmp_path, "crowd", "zapp", zapp)
    shop = loaded(tmp_path)
    for asked, sized in (
        ({}, set()),
        ({"memory": "2GiB"}, set()),
        ({"size": 2}, {"pair"}),
        ({"people": 5}, {"some"}),
        ({"people": 5, "size": 1}, {"pair", "some"}),
    ):
        assert shop.render("crowd", asked).sized == sized, asked


def test_a_framework_alone_names_the_zapps_that_use_it(shop):
    assert shop.frameworks["engine"].zapps == ("my-engine",)
    with pytest.raises(ZoeError) as caught:
        shop.render("engine", {})
    assert caught.value.code == "framework-alone"
    assert "These ZApps use it: my-engine." in caught.value.detail


def test_a_framework_that_no_zapp_uses_says_so(tmp_path):
    write(tmp_path, "engine", "framework", ENGINE)
    catalog = loaded(tmp_path)
    assert catalog.frameworks["engine"].zapps == ()
    with pytest.raises(ZoeError, match="No ZApp of the shop uses it yet"):
        catalog.render("engine", {})


def test_unknown_zapps_and_attachable(shop):
    for name in ("my-engin", "../../etc/passwd", "x" * 1000):
        with pytest.raises(ZoeError) as caught:
            shop.render(name, {})
        assert caught.value.code == "unknown-zapp"
        assert len(caught.value.detail) < 300
    assert shop.attachable("engine") == "my-engine"
    assert shop.attachable("my-engine") == "my-engine"
    with pytest.raises(ZoeError, match="did you mean"):
        shop.attachable("engin")
    with pytest.raises(ZoeError) as caught:
        shop.folder("nothing")
    assert caught.value.code == "unknown-framework"


def test_secrets_go_from_a_zapp_to_a_framework_under_another_name(tmp_path):
    write(tmp_path, "engine", "framework", ENGINE)
    write(
        tmp_path,
        "shop",
        "zapp",
        {
            **SHOP,
            "parameters": {"pass": {"type": "string", "secret": True, "minLength": 1}},
            "frameworks": {
                "engine": {
                    "parameters": {"password": "{{ secret('pass') }}", "size": "{{ 1 + 1 }}", "memory": "{{ 2097152 }}"}
                }
            },
        },
    )
    catalog = loaded(tmp_path)
    assert not catalog.problems
    with pytest.raises(ZoeError, match="needs the parameter 'pass'"):
        catalog.render("my-engine", {})
    rendered = catalog.render("my-engine", {"pass": "s3cret-value"})
    assert rendered.given == {"pass": "s3cret-value"}
    assert rendered.spec.groups[0].environment["PASSWORD"] == "⟦secret:pass⟧"
    assert rendered.spec.groups[1].resources.memory == 4 * 2**20
    assert "s3cret-value" not in msgspec.json.encode(rendered.spec).decode()


def test_groups_that_are_switched_off(tmp_path):
    definition = changed(
        changed(ENGINE, ("parameters", "with_head"), {"type": "boolean", "default": True}),
        (*HEAD, "when"),
        "{{ with_head }}",
    )
    definition = changed(definition, (*NODE, "command"), ["node", "{{ head.rpc.address if with_head else 'alone' }}"])
    definition = changed(definition, ("attach", "python", "when"), "{{ with_head }}")
    write(tmp_path, "engine", "framework", definition)
    write(
        tmp_path,
        "shop",
        "zapp",
        {**SHOP, "frameworks": {"engine": {"ask": ["with_head"]}}, "environment": {"head": {"X": "{{ engine.node }}"}}},
    )
    catalog = loaded(tmp_path)
    assert not catalog.problems
    spec = catalog.render("my-engine", {"with_head": False}).spec
    assert [group.name for group in spec.groups] == ["data-node"]
    assert spec.groups[0].needs == ()
    assert spec.groups[0].command == ("node", "alone")
    assert spec.groups[0].drain.until == ""
    assert spec.outputs == {"node": "⟦endpoint:data-node.rpc⟧"}
    assert spec.attach == {}
    whole = catalog.render("my-engine", {}).spec
    assert whole.groups[0].environment["X"] == "⟦address:data-node.rpc⟧"  # peers use addresses for peers


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=40).filter(lambda text: not any(char in text for char in "⟦⟧\0")), st.integers(1, 9))
def test_rendering_never_shows_a_secret(shop, secret, size):
    """What is rendered is the same whatever the secret is, so nothing of it can be in there."""
    rendered = shop.render("my-engine", {"password": secret, "size": size})
    assert rendered.given == {"password": secret}
    assert rendered.spec == shop.render("my-engine", {"size": size}).spec
    texts = [
        text
        for group in rendered.spec.groups
        for text in (*group.command, *rendered.spec.outputs.values(), group.image)
    ]
    assert not [reference for reference in references(texts) if reference.kind == "secret"]


PIECES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-2, 70000),
        st.sampled_from(
            ["", "x", "{{ size }}", "{{ secret('rpc') }}", "{{ x", "head", "1GiB", "head.web", "⟦", "../x"]
        ),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["http", "port", "type", "default", "image", "command", "x", "signal", "until", "a b"]),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=5,
)


def _paths(value, path=()):
    yield path
    for key, below in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from _paths(below, (*path, key))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([path for path in _paths(ENGINE) if path]), PIECES)
def test_no_change_of_a_definition_crashes_it(tmp_path, path, value):
    """Anything at any place is either fine or a problem with a line; the program itself makes no mistake."""
    file = write(tmp_path, "engine", "framework", changed(ENGINE, path, value))
    write(tmp_path, "shop", "zapp", SHOP)
    catalog = loaded(tmp_path)
    for problem in catalog.problems:
        assert problem.line >= 1
        assert "please report" not in problem.message
    if not catalog.problems:
        assert file.parent == catalog.folder(json.loads(json.dumps(next(iter(catalog.frameworks)))))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(alphabet="framework: zpversionkdjob{}[]\n -'\"|&*!{{ }}x1.,", max_size=200))
def test_no_file_crashes_the_catalog(tmp_path, text):
    write(tmp_path, "a", "framework", text)
    write(tmp_path, "b", "zapp", text)
    catalog = loaded(tmp_path)
    assert catalog.problems
    assert not any("please report" in problem.message for problem in catalog.problems)


def test_numbers_of_processes_that_do_not_fit_are_a_wrong_request_and_nothing_else_is(tmp_path):
    """Told apart by what they are, not by their words: a text that says the same is an error of the definition."""
    words = "essential <= count <= maximum"
    framework = changed(ENGINE, ("processes", "data-node", "maximum"), 4)
    framework = changed(framework, ("parameters", "text"), {"type": "string", "default": "1"})
    framework = changed(framework, ("processes", "data-node", "environment"), {"NUMBER": "{{ text | int }}"})
    write(tmp_path, "engine", "framework", framework)
    write(tmp_path, "shop", "zapp", changed(SHOP, ("frameworks", "engine", "ask"), ["size", "password", "text"]))
    shop = loaded(tmp_path)
    assert shop.problems == ()
    with pytest.raises(ZoeError) as caught:
        shop.render("my-engine", {"size": 5})
    assert caught.value.code == "bad-parameter"
    assert [str(error) for error in caught.value.errors] == [
        f"data-node: maximum is 4 and count is 5: {words} must hold"
    ]
    with pytest.raises(ZoeError) as caught:
        shop.render("my-engine", {"text": words})
    assert caught.value.code == "bad-definition"
    assert caught.value.errors[0].path == "/processes/data-node/environment/NUMBER"


def test_what_is_wrong_with_a_secret_is_told_whole_without_its_value(tmp_path):
    wanted = {"pattern": "^[a-z]+$", "$comment": "be letters, not digits"}
    framework = changed(ENGINE, ("parameters", "password"), {"type": "string", "secret": True, **wanted})
    write(tmp_path, "engine", "framework", framework)
    write(tmp_path, "shop", "zapp", SHOP)
    with pytest.raises(ZoeError) as caught:
        loaded(tmp_path).render("my-engine", {"password": "hunter-2"})
    assert [error.message for error in caught.value.errors] == ["must be letters, not digits"]
