"""Everything a watcher imports, so that a forked one begins at once."""

from __future__ import annotations

import kubernetes.client
import kubernetes.config
import yaml

import console.actions.strategies.autoscaler
import console.actions.strategies.canary
import console.actions.strategies.making
import console.engine.watcher
import console.sources.health
import console.sources.kubernetes
import console.systems.loader
import console.systems.rollout_plans

__all__ = ["console", "kubernetes", "yaml"]
