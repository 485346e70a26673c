"""The stores keep the contract of stores."""

import pytest

from zoe_hub.store.memory import MemoryStore
from zoe_hub.store.sql import SQLStore
from zoe_hub.testing.store_contract import StoreContract


class TestSQLStore(StoreContract):
    @pytest.fixture
    def make_store(self, tmp_path):
        return lambda: SQLStore(tmp_path / "zoe.db")


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def make_store(self):
        store = MemoryStore()
        return lambda: store
