import numpy as np
import pytest

from h2s2r_perception.artefact import InputError
from h2s2r_policy.inference import FILE_NAME, PolicyBundle


def _observations(contract, rows, steps=4):
    return np.random.default_rng(2).normal(0, 1, (steps, rows, contract.layout.size)).astype(np.float32)


def test_the_network_remembers_and_a_reset_makes_it_forget(bundle_folder, contract):
    policy = PolicyBundle.load(bundle_folder).policy
    steps = _observations(contract, 1)
    first = [policy.step(o) for o in steps]
    assert first[0].shape == (1, contract.action_size)
    assert not np.array_equal(policy.step(steps[0]), first[0]), "it remembers"
    policy.reset()
    for observation, action in zip(steps, first, strict=True):
        np.testing.assert_array_equal(policy.step(observation), action)


def test_rows_can_be_reset_one_by_one(bundle_folder, contract):
    policy = PolicyBundle.load(bundle_folder).policy
    steps = _observations(contract, 3)
    fresh = policy.step(steps[0])
    policy.step(steps[1])
    policy.reset(np.array([False, True, False]))
    again = policy.step(steps[0])
    np.testing.assert_allclose(again[1], fresh[1], atol=1e-6)
    assert np.abs(again[0] - fresh[0]).max() > 1e-4


def test_the_same_row_gives_the_same_action_in_a_batch(bundle_folder, contract):
    bundle = PolicyBundle.load(bundle_folder)
    observation = _observations(contract, 5)[0]
    together = bundle.policy.step(observation)
    bundle.policy.reset()
    np.testing.assert_allclose(bundle.policy.step(observation[3:4])[0], together[3], atol=1e-6)


def test_a_network_of_another_size_is_refused(bundle_folder, contract, write_lstm):
    write_lstm(bundle_folder / FILE_NAME, contract.layout.size - 3, contract.action_size)
    with pytest.raises(InputError, match=r"size of `obs`: expected 126 in axis 1, as in the contract"):
        PolicyBundle.load(bundle_folder)


def test_a_network_without_the_contract_s_memory_is_refused(bundle_folder, changed):
    from h2s2r_policy import contract as contract_file

    contract_file.write(changed(recurrent_shape=(0, 0)), bundle_folder)
    with pytest.raises(InputError, match=r"h_in"):
        PolicyBundle.load(bundle_folder)


def test_a_file_that_is_no_network_is_refused(bundle_folder):
    (bundle_folder / FILE_NAME).write_bytes(b"not a network")
    with pytest.raises(InputError, match="expected an ONNX network"):
        PolicyBundle.load(bundle_folder)
    (bundle_folder / FILE_NAME).unlink()
    with pytest.raises(InputError, match="expected an exported policy, found no such file"):
        PolicyBundle.load(bundle_folder)


def test_a_nan_into_or_out_of_the_network_is_an_error_not_a_command(bundle_folder, contract, write_lstm):
    observation = _observations(contract, 1)[0]
    policy = PolicyBundle.load(bundle_folder).policy
    spoilt = observation.copy()
    spoilt[0, 0] = np.nan
    with pytest.raises(InputError, match="observation: expected finite numbers"):
        policy.step(spoilt)
    write_lstm(bundle_folder / FILE_NAME, contract.layout.size, contract.action_size, gain=np.nan)
    with pytest.raises(InputError, match="output: expected finite actions"):
        PolicyBundle.load(bundle_folder).policy.step(observation)


def test_a_network_exported_for_one_row_refuses_two(bundle_folder, contract, write_lstm):
    write_lstm(bundle_folder / FILE_NAME, contract.layout.size, contract.action_size, batch=1)
    policy = PolicyBundle.load(bundle_folder).policy
    policy.step(_observations(contract, 1)[0])
    policy.reset()
    with pytest.raises(InputError, match="a dynamic batch dimension, for 2 rows"):
        policy.step(_observations(contract, 2)[0])
