# SPDX-License-Identifier: Apache-2.0
"""The C++ client's day, through its Python binding: sends in every way, consumes, filters by tag, is delayed, keeps
order, pulls, refuses. Each claim is a line "ok NAME" or "not ok NAME".

	flow.py NAMESRV

Topics python-work, python-order and python-fail and groups python-all, -tag, -order, -fail, -pull are there already.
"""
import collections
import os
import sys
import threading
import time

from rocketmq.client import Message, Producer, PullConsumer, PushConsumer, RecvMessage, SendStatus
from rocketmq.exceptions import ffi_check
from rocketmq.ffi import _CConsumeStatus, dll

NAMESRV = sys.argv[1]
RUN = '%x-' % int(time.time() * 1000)
BATCH = not os.environ.get('CPP_BATCH_IS_ONE')  # Apache's broker stores this client's batch as one message
failures = 0
kept = []  # clients must outlive their callbacks


def claim(name, why=None):
    global failures
    print('%s python: %s' % ('not ok' if why else 'ok', name))
    if why:
        failures += 1
        print('# %s' % why)
    sys.stdout.flush()


class Inbox:
    """What one consumer received of this run, in order, duplicates too."""

    Item = collections.namedtuple('Item', 'key tag body queue times at')

    def __init__(self):
        self.items, self.lock = [], threading.Lock()

    def add(self, m):
        item = self.Item(m.keys.decode(), m.tags.decode(), m.body.decode(), m.queue_id, m.reconsume_times, time.time())
        if item.key.startswith(RUN):
            with self.lock:
                self.items.append(item)

    def all(self, prefix):
        with self.lock:
            return [i for i in self.items if i.key.startswith(RUN + prefix)]

    def wait(self, n, seconds, prefix=''):
        """Until n items are here; then a moment more, for what should not come."""
        end = time.time() + seconds
        while len(self.all(prefix)) < n and time.time() < end:
            time.sleep(0.05)
        time.sleep(0.2)
        return self.all(prefix)


def differs(got, want):
    got = sorted(i.key[len(RUN):] for i in got)
    return None if got == sorted(want) else 'came: %s' % got


def consume(group, topic, tags='*', orderly=False, status=_CConsumeStatus.CONSUME_SUCCESS):
    inbox = Inbox()
    consumer = PushConsumer('python-' + group, orderly=orderly)
    consumer.set_namesrv_addr(NAMESRV)
    consumer.set_instance_name(group + RUN)

    def on_message(_, handle):
        inbox.add(RecvMessage(handle))
        return status.value

    # subscribe() takes an exception for success, so this does what it does.
    ffi_check(dll.Subscribe(consumer._handle, b'python-' + topic.encode(), tags.encode()))
    consumer._register_callback(on_message)
    consumer.start()
    kept.append(consumer)
    return inbox


def message(topic, tag, key):
    m = Message('python-' + topic)
    m.set_keys(RUN + key)
    m.set_tags(tag)
    m.set_body('消息 ' + key)
    m.set_property('origin', key)
    return m


def sends(producer):
    sent = [producer.send_sync(message('work', 'AB'[i % 2], 'sync%d' % i)) for i in range(10)]
    bad = [r for r in sent if r.status != SendStatus.OK or not r.msg_id]
    claim('sends are stored', 'answers: %s' % bad if bad else None)
    for i in range(4):
        producer.send_oneway(message('work', 'B', 'oneway%d' % i))
    batch = producer.send_batch([message('work', 'B', 'batch%d' % i) for i in range(6)])
    claim('a batch is stored', None if batch.status == SendStatus.OK else str(batch))
    answers = []
    for i in range(4):
        producer.send_async(message('work', 'B', 'async%d' % i), answers.append, answers.append)
    end = time.time() + 10
    while len(answers) < 4 and time.time() < end:
        time.sleep(0.05)
    claim('async sends call back', None if len(answers) == 4 and all(r.status == SendStatus.OK for r in answers)
          else str(answers))


def in_order(producer, inbox):
    for i in range(30):
        producer.send_orderly(message('order', 'x', 'o%d.%02d' % (i % 3, i)), i % 3)
    got = inbox.wait(30, 30)
    by_key = collections.defaultdict(list)
    for i in got:
        by_key[i.key[len(RUN):].split('.')[0]].append(i)
    wrong = [k for k, l in by_key.items() if [i.key for i in l] != sorted(i.key for i in l) or len({i.queue for i in l}) > 1]
    claim('orderly consumption keeps the order of each key',
          None if len(got) == 30 and not wrong else '%d came, out of order: %s' % (len(got), wrong))


def delayed(producer, inbox):
    m = message('work', 'B', 'late')
    m.set_delay_time_level(1)
    begin = time.time()
    producer.send_sync(m)
    at = [i.at - begin for i in inbox.wait(1, 10, 'late')]
    claim('delay level 1 holds a message back for 1 s', None if len(at) == 1 and 0.95 <= at[0] < 4 else 'came after %s' % at)


def pulled(want):
    consumer = PullConsumer('python-pull')
    consumer.set_namesrv_addr(NAMESRV)
    consumer.start()
    kept.append(consumer)
    got = [m.keys.decode()[len(RUN):] for m in consumer.pull('python-work') if m.keys.decode().startswith(RUN)]
    claim('a pull consumer finds each message once', None if sorted(got) == sorted(want) else 'came: %s' % sorted(got))


def main():
    everything, tagged = consume('all', 'work'), consume('tag', 'work', 'A || C')
    order = consume('order', 'order', orderly=True)
    fails = consume('fail', 'fail', status=_CConsumeStatus.RECONSUME_LATER)
    producer = Producer('python-producer')
    producer.set_namesrv_addr(NAMESRV)
    producer.start()
    kept.append(producer)

    sends(producer)
    producer.send_sync(message('fail', 'x', 'dies'))
    want = ['%s%d' % (k, i) for k, n in (('sync', 10), ('oneway', 4), ('batch', 6 * BATCH), ('async', 4)) for i in range(n)]
    got = everything.wait(len(want), 30)
    claim('each message is consumed once, whole', differs(got, want) or
          next(('body %r' % i.body for i in got if i.body != '消息 ' + i.key[len(RUN):]), None))
    claim('a tag filter passes its tags only', differs(tagged.wait(5, 20), ['sync%d' % i for i in range(0, 10, 2)]))
    in_order(producer, order)
    pulled(want)
    delayed(producer, everything)
    came = fails.wait(3, 60)
    claim('a refused message is retried', None if [i.times for i in came[:3]] == [0, 1, 2] else str(came))
    print('# %d failed' % failures)
    sys.stdout.flush()
    os._exit(1 if failures else 0)  # the library's threads outlive main()


main()
