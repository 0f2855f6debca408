#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""same_store.py A B LIST: compares the log, queues, index and checkpoint of two stores, field by field.

The fields that LIST names ("FILE FIELD reason") may differ. Says so for each that did and needed to, and fails for any
other, and for what is in one store only."""
import os
import struct
import sys
import zlib

RECORD, BLANK, ORIGIN = 0xDAA320A7, 0xCBD43194, b'ORIGIN_MESSAGE_ID\1'
allowed = {tuple(line.split()[:2]) for line in open(sys.argv[3]) if not line.startswith('#') and line.strip()}
used, bad = {}, []


def differ(file, field, where, a, b):
    if a == b:
        return
    if (file, field) in allowed:
        used[file, field] = used.get((file, field), 0) + 1
    elif len(bad) < 20:
        bad.append(f'{file} {field} at {where}: {a!r} and {b!r}'[:300])


def files(store, *path):
    top = os.path.join(store, *path)
    return sorted(os.listdir(top)) if os.path.isdir(top) else []


def read(store, *path):
    with open(os.path.join(store, *path), 'rb') as f:
        return f.read()


def properties(raw):
    pairs = sorted(raw.rstrip(b'\2').split(b'\2'))
    return [p for p in pairs if not p.startswith(ORIGIN)], [p for p in pairs if p.startswith(ORIGIN)]


def records(data):
    at = 0
    while at + 8 <= len(data):
        size, magic = struct.unpack_from('>II', data, at)
        if magic == BLANK:
            yield {'place': at, 'blank': size}
            return
        if magic != RECORD:
            yield {'place': at, 'rest': not any(data[at:])}
            return
        r = {'place': at, 'size': size}
        (r['crc'], r['queue'], r['flag'], r['queue-offset'], r['own-offset'], r['sysflag'],
         r['born-time']) = struct.unpack_from('>IiiqqIq', data, at + 8)
        r['born-host'] = data[at + 48:at + 56]
        r['store-time'], = struct.unpack_from('>q', data, at + 56)
        r['store-host'] = data[at + 64:at + 72]
        r['reconsumed'], r['prepared-offset'], n = struct.unpack_from('>iqi', data, at + 72)
        p = at + 88
        r['body'] = data[p:p + n]
        p += n
        r['topic'] = data[p + 1:p + 1 + data[p]]
        p += 1 + data[p]
        n, = struct.unpack_from('>h', data, p)
        raw = data[p + 2:p + 2 + n]
        r['pairs'], r['origin-id'] = properties(raw)
        r['properties'] = raw
        if r['crc'] != zlib.crc32(r['body']) & 0x7fffffff:
            bad.append(f'log crc at {at}')
        yield r
        at += size


def compare_log(a, b):
    count = 0
    differ('log', 'files', '', files(a, 'commitlog'), files(b, 'commitlog'))
    for name in files(a, 'commitlog'):
        x, y = list(records(read(a, 'commitlog', name))), list(records(read(b, 'commitlog', name)))
        differ('log', 'records', name, len(x), len(y))
        for r, s in zip(x, y):
            count += 1
            differ('log', 'fields', r['place'], list(r), list(s))
            for field in r:
                differ('log', field, r['place'], r[field], s.get(field))
    return count


def compare_queues(a, b):
    count = 0
    differ('queue', 'topics', '', files(a, 'consumequeue'), files(b, 'consumequeue'))
    for topic in files(a, 'consumequeue'):
        differ('queue', 'queues', topic, files(a, 'consumequeue', topic), files(b, 'consumequeue', topic))
        for queue in files(a, 'consumequeue', topic):
            names = files(b, 'consumequeue', topic, queue)
            differ('queue', 'files', f'{topic}/{queue}', files(a, 'consumequeue', topic, queue), names)
            for name in names:
                x, y = (read(s, 'consumequeue', topic, queue, name) for s in (a, b))
                differ('queue', 'length', f'{topic}/{queue}', len(x), len(y))
                for i in range(0, min(len(x), len(y)), 20):
                    u, v = struct.unpack_from('>qIq', x, i), struct.unpack_from('>qIq', y, i)
                    count += u[1] > 0
                    differ('queue', 'offset', f'{topic}/{queue} {i // 20}', u[:2], v[:2])
                    if topic != 'SCHEDULE_TOPIC_XXXX':      # there it is the store time and the delay
                        differ('queue', 'tags', f'{topic}/{queue} {i // 20}', u[2], v[2])
    return count


def compare_index(a, b):
    count = 0
    x, y = files(a, 'index'), files(b, 'index')
    differ('index', 'files', '', len(x), len(y))
    for p, q in zip(x, y):
        d, e = read(a, 'index', p), read(b, 'index', q)
        differ('index', 'length', p, len(d), len(e))
        h, g = struct.unpack_from('>qqqqii', d), struct.unpack_from('>qqqqii', e)
        for field, u, v in zip(('begin-time', 'end-time', 'begin-offset', 'end-offset', 'slots-used', 'count'), h, g):
            differ('index', field, p, u, v)
        slots = (len(d) - 40) // 84
        differ('index', 'slots', p, d[40:40 + 4 * slots], e[40:40 + 4 * slots])
        for n in range(1, h[5]):
            at = 40 + 4 * slots + 20 * n
            u, v = struct.unpack_from('>Iqii', d, at), struct.unpack_from('>Iqii', e, at)
            count += 1
            for field, i in (('hash', 0), ('offset', 1), ('seconds', 2), ('previous', 3)):
                differ('index', field, f'{p} {n}', u[i], v[i])
    return count


def main():
    a, b = sys.argv[1:3]
    log, queues, index = compare_log(a, b), compare_queues(a, b), compare_index(a, b)
    x, y = (read(s, "checkpoint") if "checkpoint" in files(s) else b"" for s in (a, b))
    differ('checkpoint', 'length', '', len(x), len(y))
    differ('checkpoint', 'times', '', x[:16], y[:16])
    differ('checkpoint', 'index-time', '', x[16:24], y[16:24])
    differ('checkpoint', 'rest', '', x[24:], y[24:])
    for (file, field), n in sorted(used.items()):
        print(f'{file} {field} differs {n} times, as it may')
    for line in bad:
        print('DIFFERS', line)
    print(f'{log} records, {queues} units, {index} entries compared')
    return 1 if bad or not log or not queues or not index else 0


sys.exit(main())
