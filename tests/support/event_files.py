"""Event files as training programs write them for TensorBoard: records of protocol buffers, each with its checksum."""

import struct


def _varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out + bytes([number]))


def _bytes(field, value):
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def _masked(data):
    crc = _crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def _record(event):
    length = struct.pack("<Q", len(event))
    return length + _masked(length) + event + _masked(event)


def scalars(tag, values):
    """A file in which a number has a value at each step from 0 on."""
    out = _record(b"\x09" + struct.pack("<d", 1.7e9) + _bytes(3, b"brain.Event:2"))
    for step, value in enumerate(values):
        summary = _bytes(1, _bytes(1, tag.encode()) + b"\x15" + struct.pack("<f", value))
        out += _record(b"\x09" + struct.pack("<d", 1.7e9 + step) + b"\x10" + _varint(step) + _bytes(5, summary))
    return out
