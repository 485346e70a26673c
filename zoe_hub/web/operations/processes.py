"""The processes of an execution. Their logs are in ``logs``."""

from __future__ import annotations

from zoe_hub.contract.processes import Processes, ProcessView
from zoe_hub.core.errors import ZoeError
from zoe_hub.web.call import Call, bind
from zoe_hub.web.views.executions import execution_view
from zoe_hub.web.views.processes import find_process, process_view


@bind("list_processes")
async def list_processes(call: Call) -> Processes:
    """The processes of an execution."""
    return Processes(items=execution_view(call.execution).processes)


@bind("get_process")
async def get_process(call: Call) -> ProcessView:
    """One process."""
    process = find_process(call.execution, call.path["process"])
    if process is None:
        raise ZoeError("unknown-process", f"{call.execution.name} has no process {call.path['process']!r}.")
    return process_view(process, call.execution.spec.group(process.group))
