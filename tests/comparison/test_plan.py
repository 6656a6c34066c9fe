"""What a comparison is asked to do."""

import json
from typing import Any

import numpy as np
import pytest

from granular_lm.comparison.job import Measures
from granular_lm.comparison.plan import Plan
from granular_lm.training import TrainingOptions
from granular_lm.training.recipe import recipe_for


def plan_of(preset: str, network: dict[str, Any] | None, options: TrainingOptions | None) -> Plan:
    return Plan.of(
        "byte,char",
        match="data",
        seeds=1,
        sizes=None,
        budget={"max_time": None, "epochs": None, "max_bytes": 4_000_000},
        preset=preset,
        network=network,
        options=options,
        trials=0,
        measures=Measures(),
    )


@pytest.mark.parametrize("passes", [1, 100])
def test_what_is_left_open_suits_the_passes(passes: int) -> None:
    """A small list that is read often is trained as `train` would; the width stays."""
    plan = plan_of("auto", None, None).settled(4_000_000, 4_000_000 // passes)
    recipe = recipe_for(4_000_000, 4_000_000 // passes, is_time=False)
    assert (plan.network["dropout"], plan.network["weight_dropout"]) == (recipe.dropout, recipe.weight_dropout)
    assert plan.options["weight_decay"] == recipe.weight_decay
    assert plan.options["matrix_learning_rate"] == recipe.matrix_learning_rate
    assert plan.network["hidden_size"] == 256
    assert (recipe.dropout > 0) == (passes == 100)


def test_what_is_given_stays() -> None:
    """By value, or by the name of a shape."""
    options = TrainingOptions(weight_decay=0.2, optimizer="adamw")
    plan = plan_of("auto", {"dropout": 0.25}, options).settled(4_000_000, 40_000)
    assert (plan.network["dropout"], plan.options["weight_decay"]) == (0.25, 0.2)
    assert plan.options["matrix_learning_rate"] is None
    assert plan.network["weight_dropout"] > 0
    named = plan_of("medium", None, None)
    assert named.settled(4_000_000, 40_000) == named
    assert named.network["dropout"] == 0.1


def test_numbers_of_numpy_are_numbers() -> None:
    """A plan with them is written as JSON like any other."""
    whole: Any = np.int64(3)
    plan = Plan.of(
        "byte",
        match="data",
        seeds=whole,
        sizes=np.array([8, 16]),  # type: ignore[arg-type]
        budget={"max_time": None, "epochs": whole, "max_bytes": None},
        options=TrainingOptions(batch_bytes=whole),
        trials=whole,
        measures=Measures(marginal=whole),
        preset="small",
        network={"embedding_dim": np.int64(8)},
    )
    told = json.loads(json.dumps(plan.to_dict()))
    assert (told["seeds"], told["trials"], told["marginal"], told["sizes"]) == (3, 3, 3, [8, 16])
    assert (told["options"]["batch_bytes"], told["budget"]["epochs"], told["network"]["embedding_dim"]) == (3, 3.0, 8)
