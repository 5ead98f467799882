"""Just enough of the protobuf encoding (protobuf.dev/programming-guides/encoding)."""


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def encode(fields):
    """A message of (number, value) pairs: int, str, or bytes, which nested messages are too."""
    out = b""
    for number, value in fields:
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
        else:
            data = value.encode() if isinstance(value, str) else value
            out += varint(number << 3 | 2) + varint(len(data)) + data
    return out


def decode(data):
    """The last value of each field: int or bytes."""
    fields = {}
    at = 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        tag = number()
        size = number()
        if tag & 7 == 0:
            fields[tag >> 3] = size
        else:
            fields[tag >> 3] = data[at:at + size]
            at += size
    return fields
