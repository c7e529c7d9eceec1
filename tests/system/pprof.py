# SPDX-License-Identifier: GPL-2.0-or-later
"""A reader of pprof files that shares no code with ours: what it finds, any other tool would find. The
fields are those of github.com/google/pprof, proto/profile.proto."""

import collections
import gzip
import json

Sample = collections.namedtuple('Sample', 'stack values labels')
# A frame's functions, innermost first, and the file that its code is in.
Frame = collections.namedtuple('Frame', 'functions module kind unnamed')


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7f) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def fields(data):
    """(number, value) of each field of a message: a number, or bytes."""
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        if tag & 7 == 0:
            value, at = varint(data, at)
        elif tag & 7 == 2:
            size, at = varint(data, at)
            value, at = data[at:at + size], at + size
        else:
            raise ValueError(f'wire type {tag & 7}')
        yield tag >> 3, value


def numbers(value):
    """A repeated number, which stands alone or packed."""
    if isinstance(value, int):
        return [value]
    found, at = [], 0
    while at < len(value):
        number, at = varint(value, at)
        found.append(number)
    return found


class Profile:
    def __init__(self, path):
        records = collections.defaultdict(list)
        for number, value in fields(gzip.decompress(path.read_bytes())):
            records[number].append(value)
        texts = [value.decode() for value in records[6]]
        mappings, functions, frames = {}, {}, {}
        for record in records[3]:
            found = dict(fields(record))
            mappings[found[1]] = texts[found.get(5, 0)]
        for record in records[5]:
            found = dict(fields(record))
            functions[found[1]] = texts[found.get(2, 0)] or '[unknown]'
        for record in records[4]:
            found, lines = dict(fields(record)), []
            lines = [functions[dict(fields(value)).get(1, 0)] for number, value in fields(record)
                     if number == 4]
            frames[found[1]] = Frame(lines, mappings.get(found.get(2, 0), ''), found.get(1000, 0),
                                     texts[found.get(1001, 0)])
        self.samples = []
        for record in records[2]:
            stack, values, labels = [], [], {}
            for number, value in fields(record):
                if number == 1:
                    stack += [frames[i] for i in numbers(value)]
                elif number == 2:
                    values += numbers(value)
                elif number == 3:
                    label = dict(fields(value))
                    labels[texts[label[1]]] = texts[label[2]] if 2 in label else label.get(3, 0)
            self.samples.append(Sample(stack, values, labels))
        comments = [texts[i] for value in records[13] for i in numbers(value)]
        [self.document] = [json.loads(text) for text in comments if text.startswith('{"perfctl"')]
