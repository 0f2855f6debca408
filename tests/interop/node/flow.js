// SPDX-License-Identifier: Apache-2.0
//
// The Node client's day: sends, consumes, filters by tag, is delayed, refuses until the dead letter topic.
// Each claim is a line "ok NAME" or "not ok NAME".
//
//	node flow.js NAMESRV NAMESPACE		NAMESPACE may be ''
//
// Topics node-work and node-fail and groups node-all, node-tag and node-fail are there already. That the
// refused message is a dead letter is for the caller to look up, by the key on the last line.

'use strict';

const { Consumer, Producer, Message } = require('ali-ons');

const [nameSrv, namespace] = process.argv.slice(2);
const label = namespace ? `node, namespace ${namespace}` : 'node';
// Before the first retry: 10 s with Apache, 1 s with brokerd. A little less is rounding.
const firstPauseMs = Number(process.env.FIRST_PAUSE_MS || 950);
const run = Date.now().toString(36) + '-';
const quiet = { info() {}, debug() {}, warn() {}, error() {} };
const common = {
	nameSrv, namespace, logger: quiet, clientIP: '127.0.0.1',
	accessKeyId: 'none', accessKeySecret: 'none', httpclient: {},
	pollNameServerInteval: 3000, rebalanceInterval: 2000,
};
let passed = 0, failed = 0;

async function step(name, fn) {
	let why;
	try {
		why = await fn();
	} catch (e) {
		why = String(e).replace(/\n/g, ' ');
	}
	console.log(`${why ? 'not ok' : 'ok'} ${label}: ${name}`);
	if (why) console.log(`# ${why}`);
	why ? failed++ : passed++;
}

async function until(seconds, cond) {
	for (const end = Date.now() + seconds * 1000; !cond() && Date.now() < end;)
		await new Promise(r => setTimeout(r, 50));
	await new Promise(r => setTimeout(r, 200));
}

// What a consumer received of this run: {key, body, at, msg}, in order. refuse(item) makes it come again.
async function consumer(group, topic, tags, refuse) {
	const got = [];
	const c = new Consumer({ ...common, consumerGroup: group, consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
		instanceName: `${group}-${process.pid}`, maxReconsumeTimes: 1 });
	c.on('error', () => {});
	c.subscribe(topic, tags, async msg => {
		const item = { key: msg.keys, body: msg.body.toString(), at: Date.now(), msg };
		if (!item.key || !item.key.startsWith(run)) return;
		got.push(item);
		// The client ignores what a handler returns for a message that is already a retry.
		if (refuse && refuse(item)) throw new Error('refused');
	});
	await c.ready();
	return { got, close: () => c.close() };
}

function once(got, want) {
	const count = {};
	got.forEach(i => { count[i.key] = (count[i.key] || 0) + 1; });
	const missing = want.filter(k => !count[k]), extra = got.filter(i => count[i.key] > 1 || !want.includes(i.key));
	return missing.length || extra.length
		? `missing ${missing}, twice or unasked ${extra.map(i => i.key)}` : undefined;
}

async function main() {
	const all = await consumer('node-all', 'node-work', '*');
	const tagged = await consumer('node-tag', 'node-work', 'A || C');
	const fails = await consumer('node-fail', 'node-fail', '*',
		i => i.key.endsWith('dies') || i.msg.reconsumeTimes === 0);
	const producer = new Producer({ ...common, producerGroup: 'node-producer' });
	producer.on('error', () => {});
	await producer.ready();

	const send = async (topic, tag, key, more) => {
		const m = new Message(topic, tag, `消息 ${key}`);
		m.keys = [run + key];
		m.properties.origin = key;
		Object.assign(m, more);
		const r = await producer.send(m);
		if (r.sendStatus !== 'SEND_OK') throw new Error(JSON.stringify(r));
		return r;
	};
	const want = Array.from({ length: 20 }, (_, i) => `${run}n${i}`);

	await step('sends are stored', async () => {
		for (let i = 0; i < 20; i++) {
			const r = await send('node-work', 'ABC'[i % 3], 'n' + i);
			if (!/^[0-9A-F]{32}/i.test(r.msgId)) return `message id ${r.msgId}`;
		}
	});
	await step('messages that will fail are sent', async () => {
		await send('node-fail', 'x', 'dies');
		await send('node-fail', 'x', 'recovers');
	});
	await step('each message is consumed once, whole', async () => {
		await until(20, () => all.got.length >= want.length);
		const odd = all.got.find(i => i.body !== `消息 ${i.key.slice(run.length)}` ||
			i.msg.properties.origin !== i.key.slice(run.length));
		return once(all.got, want) || (odd && `${odd.key} has the body ${odd.body}`);
	});
	await step('a tag filter passes its tags only', async () => {
		const mine = want.filter((_, i) => i % 3 !== 1);
		await until(15, () => tagged.got.length >= mine.length);
		return once(tagged.got, mine);
	});
	await step('delay level 1 holds a message back for 1 s', async () => {
		const start = Date.now();
		await send('node-work', 'A', 'late', { delayTimeLevel: 1 });
		const late = () => all.got.find(i => i.key === run + 'late');
		await until(10, late);
		const ms = late() && late().at - start;
		return ms >= 950 && ms <= 4000 ? undefined : `came after ${ms} ms`;
	});
	await step('a refused message is retried with its key', async () => {
		await until(45, () => fails.got.length >= 4);
		for (const key of ['dies', 'recovers']) {
			const of = fails.got.filter(i => i.key === run + key);
			if (of.length !== 2) return `${key} came ${of.length} times`;
			if (of[1].msg.reconsumeTimes !== 1) return `${key} says it is try ${of[1].msg.reconsumeTimes}`;
			if (of[1].at - of[0].at < firstPauseMs) return `${key} came again after ${of[1].at - of[0].at} ms`;
			if (of[1].body !== `消息 ${key}`) return `${key} came again as ${of[1].body}`;
		}
	});
	console.log(`# ${label}: ${passed} passed, ${failed} failed`);
	console.log(`# dead letter ${run}dies`);
	// close() of this client may wait for answers of a long poll; the offsets are what matters.
	await Promise.race([Promise.all([all, tagged, fails].map(c => c.close())),
		new Promise(r => setTimeout(r, 3000))]);
	process.exit(failed ? 1 : 0);
}

main().catch(e => { console.log(`not ok ${label}: runs\n# ${e.stack.replace(/\n/g, ' ')}`); process.exit(1); });
