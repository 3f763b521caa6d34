import json
from dataclasses import replace

import pytest

from h2s2r_perception.artefact import InputError
from h2s2r_policy import contract as contract_file
from h2s2r_policy.action import ActionConfiguration
from h2s2r_policy.contract import check
from h2s2r_policy.interface import make_runner, open_controller, open_policy
from h2s2r_policy.terms import Term


def test_a_contract_survives_its_file_unchanged(contract, bundle_folder):
    assert contract_file.read(bundle_folder) == contract


def test_equal_contracts_pass(contract):
    check(contract, contract, source="bundle")


def test_the_first_difference_is_named(contract, changed):
    other = changed(joint_names=("elbow", *contract.joint_names[1:]), policy_rate_hz=10.0)
    with pytest.raises(InputError, match=r"bundle: contract, joint_names\[0\]: expected 'elbow', found 'lbr_A1'"):
        check(contract, other, source="bundle")


def test_a_term_that_is_new_or_differs_in_one_property_is_named(contract, changed):
    longer = changed(action=(*contract.action, Term("wrist", 1, "rad", "joint", 1.0)))
    with pytest.raises(InputError, match=r"contract, action\[3\]\.name: expected 'wrist', found 'nothing'"):
        check(contract, longer, source="bundle")
    with pytest.raises(InputError, match=r"contract, action\[3\]\.name: expected 'nothing', found 'wrist'"):
        check(longer, contract, source="bundle")
    terms = (replace(contract.observation[0], scale=2.0), *contract.observation[1:])
    with pytest.raises(InputError, match=r"contract, observation\[0\]\.scale: expected 1\.0, found 2\.0"):
        check(changed(observation=terms), contract, source="bundle")


def test_a_policy_of_another_embodiment_is_refused(bundle_folder, changed):
    contract_file.write(changed(embodiment_hash="0" * 64), bundle_folder)
    with pytest.raises(InputError, match=r"contract, embodiment_hash: expected '[0-9a-f]{64}', found '0{64}'"):
        open_policy(bundle_folder)


def test_a_policy_that_learned_with_another_controller_is_refused(bundle_folder, changed):
    changed_contract = changed(controller_law="second order")
    contract_file.write(changed_contract, bundle_folder)
    with pytest.raises(InputError, match=r"contract, controller_law: expected 'third order.*', found 'second order'"):
        open_policy(bundle_folder)
    with pytest.raises(InputError, match="controller_law"):
        open_controller(changed_contract, source=bundle_folder)


def test_a_policy_of_this_embodiment_opens(bundle_folder, contract):
    bundle, embodiment, runner = open_policy(bundle_folder)
    assert bundle.contract == contract
    assert embodiment.joint_names == contract.joint_names
    assert runner.layout == contract.layout


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda v: v.update(schema_version=99), "schema_version: expected 3, found 99"),
        (lambda v: v.update(colour="red"), "key `colour`: expected a field of Contract, found an unknown key"),
        (lambda v: v.pop("joint_names"), "key `joint_names`: expected a value, found nothing"),
    ],
)
def test_a_spoilt_contract_file_is_refused(bundle_folder, edit, message):
    path = bundle_folder / contract_file.FILE_NAME
    values = json.loads(path.read_text())
    edit(values)
    path.write_text(json.dumps(values))
    with pytest.raises(InputError, match=message):
        contract_file.read(bundle_folder)


def test_a_missing_contract_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"contract\.json: file: expected a policy contract"):
        contract_file.read(tmp_path)


@pytest.mark.parametrize(
    ("configuration", "difference"),
    [
        (
            ActionConfiguration(palm="absolute"),
            r"action\[0\]\.name: expected 'palm_translation', found 'palm_position'",
        ),
        (ActionConfiguration(hand="joints"), r"action\[2\]\.name: expected 'hand_synergy', found 'hand_joints'"),
        (ActionConfiguration(palm_step_m=0.01), r"action\[0\]\.scale: expected 0\.02, found 0\.01"),
    ],
)
def test_a_policy_with_other_actions_is_refused_by_name(contract, changed, embodiment, configuration, difference):
    runner = make_runner(embodiment, "none", configuration)
    other = changed(action=runner.actions.terms, action_configuration=configuration)
    with pytest.raises(InputError, match=difference):
        check(other, contract, source="bundle")


def test_a_policy_with_other_actions_survives_its_file_and_opens_with_them(bundle_folder, changed, embodiment):
    configuration = ActionConfiguration(palm="absolute", hand="synergy")
    runner = make_runner(embodiment, "none", configuration)
    contract_file.write(changed(action=runner.actions.terms, action_configuration=configuration), bundle_folder)
    _, _, opened = open_policy(bundle_folder)
    assert opened.actions.configuration == configuration
