from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from uraniborg.catalog.pools import PoolPlan
from uraniborg.core.errors import UserError
from uraniborg.services.config import ServiceConfig
from uraniborg.services.service import Service


def test_two_services_never_share_a_state(catalogue: Path, tmp_path: Path) -> None:
    config = ServiceConfig(catalogue, tmp_path / "state", schema="sky")

    async def run() -> None:
        service = Service(config, PoolPlan(interactive=1))
        with pytest.raises(UserError, match="another service runs"):
            Service(config)
        assert [t.name for t in service.cones] == ["Star", "Visit"]
        service.start()
        handle = service.submit("SELECT COUNT(*) AS n FROM sky.Star", "anonymous", 10)
        assert [b.to_pylist() async for b in handle.stream()] == [[{"n": 20_000}]]
        await service.stop()
        again = Service(config, PoolPlan(interactive=1))
        again.start()
        await again.stop()

    asyncio.run(run())
