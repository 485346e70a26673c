"""Attachments: leases that bind notebooks to executions."""
