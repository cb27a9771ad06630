import json

import pytest

from keras_elastic import families
from keras_elastic.conditional.basisnet import config as basisnet_config


@pytest.mark.parametrize("name", families.network_names())
def test_plans_of_all_networks_survive_json(name):
    family, arch = families.network(name)
    plan = family.plan(arch, classes=10)
    config = json.loads(json.dumps(basisnet_config.serialize_plan(plan)))
    assert basisnet_config.deserialize_plan(config) == plan


def test_a_live_plan_has_no_skipped_blocks():
    family = families.get("bignas_digits")
    plan = family.plan(family.space.smallest, 10)
    live = basisnet_config.live_plan(plan)
    assert len(plan.blocks) > len(live.blocks)
    assert all(block.live for block in live.blocks)
    assert live.blocks[0] == plan.blocks[0]
