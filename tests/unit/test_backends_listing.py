"""Listings of executions' folders: of what goes meanwhile, and of one process among very many executions."""

import os
import shutil

from zoe_hub.backends.listing import below, of_process
from zoe_hub.backends.local import settling
from zoe_hub.backends.local.layout import Layout
from zoe_hub.backends.local.records import Launch, Prepared, write
from zoe_hub.core.executions.model import process_name


def logs_of(layout, *executions):
    """Log folders of one process each."""
    for execution in executions:
        folder = layout.log(execution, process_name("test", execution, "main", 0))
        folder.mkdir(parents=True)
        write(folder / "of.json", Prepared(deployment="test", owner="ada"))


def test_what_goes_during_a_listing_fails_nothing(tmp_path, monkeypatch):
    """The reaper removes an execution between the listing of all executions and that of its own folder."""
    layout = Layout(str(tmp_path))
    logs_of(layout, "ea", "eb", "ec")
    real, gone = os.listdir, []

    def listdir(path):
        found = real(path)
        if str(path) == str(layout.logs) and not gone:
            gone.append(layout.logs / "eb")
            shutil.rmtree(layout.logs / "eb")
        return found

    def scandir_after_removal(path, real_scandir=os.scandir):
        entries = real_scandir(path)
        if str(path) == str(layout.logs):
            listdir(path)
        return entries

    monkeypatch.setattr(os, "listdir", listdir)
    monkeypatch.setattr(os, "scandir", scandir_after_removal)
    assert [folder.parent.name for folder in layout.log_folders("test")] == ["ea", "ec"]
    assert gone


def test_the_log_of_an_ended_execution_is_found_without_a_look_at_all_others(tmp_path, monkeypatch):
    """Also by a hub that has started since, and knows nothing of it."""
    layout = Layout(str(tmp_path))
    executions = [f"e{number:04}" for number in range(50)]
    logs_of(layout, *executions)
    looked = []
    real = os.listdir, os.scandir, os.stat

    def counting(call):
        return lambda path, *rest, **more: (looked.append(str(path)), call(path, *rest, **more))[1]

    for name, call in zip(("listdir", "scandir", "stat"), real, strict=True):
        monkeypatch.setattr(os, name, counting(call))
    found = layout.find_log("test", process_name("test", "e0042", "main", 0))
    assert found == layout.logs / "e0042" / process_name("test", "e0042", "main", 0)
    assert not [path for path in looked if "e0041" in path or path == str(layout.logs)]


def test_a_process_that_goes_while_it_is_looked_at_is_none(tmp_path):
    layout = Layout(str(tmp_path))
    launch = Launch(
        name="gone", deployment="test", execution="ea", group="main", index=0, incarnation=1, mark="m", addresses={}
    )
    assert settling.observe(layout, launch) is None


def test_names_of_other_makers_are_found_too(tmp_path):
    layout = Layout(str(tmp_path))
    folder = layout.logs / "somewhere" / "a-name..-*"
    folder.mkdir(parents=True)
    assert [*of_process(layout.logs, "a-name..-*", "a-name..-*")] == [folder]
    assert [*below(layout.logs, "nowhere", "*")] == []
    (layout.logs / "file").write_text("")
    assert [*below(layout.logs, "*", "*")] == [folder]
