// SPDX-License-Identifier: Apache-2.0
//
// A client with credentials: sends to acl-work and consumes from it until it is ended, and tells a line for each event:
//
//	node acl.js NAMESRV NAMESPACE ACCESSKEY SECRETKEY
//
//	sent | refused WHY | got BODY

'use strict';

const { Consumer, Producer, Message } = require('ali-ons');

const [nameSrv, namespace, accessKeyId, accessKeySecret] = process.argv.slice(2);
const quiet = { info() {}, debug() {}, warn() {}, error() {} };
const common = {
	nameSrv, namespace, accessKeyId, accessKeySecret, logger: quiet, clientIP: '127.0.0.1', httpclient: {},
	pollNameServerInteval: 3000, rebalanceInterval: 2000, heartbeatBrokerInterval: 2000,
};

async function main() {
	const c = new Consumer({ ...common, consumerGroup: 'acl-node', consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
		instanceName: `acl-${process.pid}` });
	const p = new Producer({ ...common, producerGroup: 'acl-producer', retryTimesWhenSendFailed: 0 });
	for (const side of [c, p]) side.on('error', () => {});
	c.subscribe('acl-work', '*', async msg => console.log(`got ${msg.body}`));
	for (;;) {
		try {
			await p.ready();
			await p.send(new Message('acl-work', 'x', 'node'));
			console.log('sent');
		} catch (e) {
			console.log(`refused ${String(e).replace(/\n/g, ' ')}`);
		}
		await new Promise(r => setTimeout(r, 100));
	}
}

process.on('unhandledRejection', () => {});
main();
