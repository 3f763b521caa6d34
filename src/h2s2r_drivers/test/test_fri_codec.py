"""The FRI codec speaks protocol buffers as Google's implementation does, and nothing on the wire can hurt it."""

import contextlib
import dataclasses
import math
import time

import numpy as np
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from h2s2r_drivers.errors import ProtocolError
from h2s2r_drivers.fri import messages
from h2s2r_drivers.fri.messages import (
    CommandMessage,
    CommandMode,
    ControlMode,
    MonitoringMessage,
    Quality,
    SafetyState,
    SessionState,
)
from h2s2r_drivers.fri.wire import DOUBLE, DOUBLES

FUZZED = 2000  # python -m h2s2r_drivers.fault_matrix fuzzes 100 000


def monitoring(**changed):
    joints = [tuple(float(i) + 0.1 * j for j in range(7)) for i in range(6)]
    message = MonitoringMessage(
        4711,
        4000,
        SessionState.COMMANDING_ACTIVE,
        Quality.GOOD,
        0.005,
        1,
        SafetyState.NORMAL,
        ControlMode.POSITION,
        CommandMode.POSITION,
        *joints,
        1_795_542_832_515_700_123,
        0.75,
    )
    return dataclasses.replace(message, **changed)


def google_class(table, name):
    """Our tables, as descriptors for Google's own implementation."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{name}.proto", package=name)

    def add(table, path):
        proto = file.message_type.add(name=path)
        for number, field in table.items():
            entry = proto.field.add(name=field.name, number=number)
            entry.label = 3 if field.repeated else 2 if field.required else 1
            if field.message is not None:
                nested = f"{path}_{field.name}"
                add(field.message, nested)
                entry.type, entry.type_name = 11, f".{name}.{nested}"
            else:
                entry.type = 1 if field.kind == DOUBLE else 13

    add(table, "Root")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{name}.Root"))


def test_what_we_write_google_reads_and_writes_byte_for_byte_the_same():
    for data, table in (
        (messages.encode_monitoring(monitoring()), messages.MONITORING_TABLE),
        (messages.encode_command(CommandMessage(1, 2, (0.5,) * 7, (1.0,) * 7)), messages.COMMAND_TABLE),
        (messages.encode_command(CommandMessage(2**32 - 1, 0, None)), messages.COMMAND_TABLE),
    ):
        theirs = google_class(table, f"g{len(data)}").FromString(data)
        assert theirs.SerializeToString() == data
    assert theirs.header.sequenceCounter == 2**32 - 1


def test_both_messages_come_back_as_they_were():
    message = monitoring(interpolated_position=None)
    assert messages.decode_monitoring(messages.encode_monitoring(message)) == message
    command = CommandMessage(7, 8, (0.25,) * 7, None)
    assert messages.decode_command(messages.encode_command(command)) == command


def test_packed_doubles_and_unknown_fields_are_read_too():
    theirs = google_class(messages.COMMAND_TABLE, "packed")()
    theirs.header.messageIdentifier, theirs.header.sequenceCounter = messages.COMMAND_ID, 5
    theirs.header.reflectedSequenceCounter = 6
    data = theirs.SerializeToString()
    packed = b"\x0a\x38" + np.arange(7.0).tobytes()
    data += b"\x12" + bytes([len(packed) + 2]) + b"\x0a" + bytes([len(packed)]) + packed
    data += b"\x7a\x02\x08\x01" + b"\x35abcd"  # endOfMessageData, and a fixed32 nobody knows
    assert messages.decode_command(data).joint_position == tuple(range(7))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"measured_position": (0.0,) * 6}, "6 joints"),
        ({"measured_torque": (math.nan,) * 7}, "finite"),
        ({"commanded_position": (1e9,) * 7}, "finite numbers up to 100"),
        ({"send_period_s": 0.0}, "sendPeriod"),
    ],
)
def test_nonsense_is_refused_by_name(changed, said):
    with pytest.raises(ProtocolError, match=said):
        messages.decode_monitoring(messages.encode_monitoring(monitoring(**changed)))


def test_a_command_is_no_monitoring_message():
    with pytest.raises(ProtocolError, match="identifier"):
        messages.decode_monitoring(messages.encode_command(CommandMessage(1, 1, None)))


@pytest.mark.parametrize("length", [0, 1, 1501, 65000])
def test_datagrams_of_impossible_length_are_refused(length):
    with pytest.raises(ProtocolError):
        messages.decode_monitoring(b"\x00" * length)


def test_every_truncation_of_a_message_is_refused_or_is_a_message():
    data = messages.encode_monitoring(monitoring())
    refused = 0
    for length in range(len(data)):
        try:
            messages.decode_monitoring(data[:length])
        except ProtocolError:
            refused += 1
    assert refused >= len(data) - 20  # what ends after the last required part still is one


def test_random_and_damaged_packets_raise_nothing_else_and_take_bounded_time():
    rng = np.random.default_rng(0)
    good = messages.encode_monitoring(monitoring())
    slowest = 0.0
    for trial in range(FUZZED):
        if trial % 2:
            data = rng.bytes(int(rng.integers(0, 1600)))
        else:
            damaged = bytearray(good)
            for place in rng.integers(0, len(good), 3):
                damaged[place] = int(rng.integers(0, 256))
            data = bytes(damaged)
        started = time.thread_time()
        for decode in (messages.decode_monitoring, messages.decode_command):
            with contextlib.suppress(ProtocolError):
                decode(data)
        slowest = max(slowest, time.thread_time() - started)
    assert slowest < 0.05


def test_nesting_costs_nothing_because_the_tables_are_finite():
    bomb = b"\x0a\xff\x01" * 400
    with pytest.raises(ProtocolError):
        messages.decode_monitoring(bomb)
    assert DOUBLES[1].largest == 64
