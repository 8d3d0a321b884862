"""Training configs: TOML in, frozen dataclasses out.

Paths in a config are relative to the config file, so that a config can be run from anywhere.
"""

from iqa_cli.config.read import load_config
from iqa_cli.config.sections import (
    DataConfig,
    GraphConfig,
    LossConfig,
    ModelConfig,
    OptimConfig,
    RunConfig,
    TrainConfig,
)

__all__ = [
    "DataConfig",
    "GraphConfig",
    "LossConfig",
    "ModelConfig",
    "OptimConfig",
    "RunConfig",
    "TrainConfig",
    "load_config",
]
