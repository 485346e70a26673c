"""Attachments as the interface shows them."""

from __future__ import annotations

from zoe_hub.contract.attachments import AttachmentView, ConnectionView
from zoe_hub.core.attachments.model import Attachment, ConnectionDetails
from zoe_hub.core.executions.model import Execution
from zoe_hub.core.executions.standing import QueuePlace
from zoe_hub.web.views.executions import execution_view


def attachment_view(
    attachment: Attachment,
    execution: Execution,
    place: QueuePlace | None,
    *,
    found: bool,
    unapplied: tuple[str, ...] = (),
) -> AttachmentView:
    """A notebook bound to an execution. :param unapplied: parameters that it asked for in vain"""
    return AttachmentView(
        id=attachment.id,
        owner=attachment.owner,
        key=attachment.key,
        kernel=attachment.kernel,
        kind=attachment.kind,
        policy=attachment.policy,
        gone=attachment.gone,
        execution=execution_view(execution, place),
        created=attachment.created,
        renewed=attachment.renewed,
        found=found,
        unapplied=unapplied,
    )


def connection_view(details: ConnectionDetails) -> ConnectionView:
    """What a kernel needs to connect."""
    return ConnectionView(
        requires=details.how.requires,
        variable=details.how.variable,
        code=details.how.code,
        check=details.how.check,
        check_timeout=details.how.check_timeout,
        session=details.how.session,
        outputs=dict(details.outputs),
        secrets=dict(details.secrets),
        addresses=list(details.addresses),
        listeners=list(details.listeners),
    )
