// SPDX-License-Identifier: Apache-2.0
//
// load.js healthy|leaky PORT: an application with a node-postgres pool. Requests come at a rate
// that swells and ebbs; the leaky one has a path that never gives its connection back.
//   leaked        ok LOCALPORT... of the connections leaked so far
//   stop          ok QUERIES ERRORS

'use strict';

const { Pool } = require('pg');
const { serve } = require('./protocol');

const LEAK_EVERY_MS = 1500;
const LEAKS_MAX = 85; // the pool must not run dry: that would be another verdict

const [mode, port] = process.argv.slice(2);
const pool = new Pool({
	host: '127.0.0.1',
	port: Number(port),
	user: 'postgres',
	max: mode === 'leaky' ? 100 : 10,
});
const leaked = [];
let queries = 0;
let errors = 0;
let stopped = false;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const between = (low, high) => low + Math.random() * (high - low);

async function request() {
	const client = await pool.connect();

	try {
		const slow = Math.random() < 0.01;

		await client.query('SELECT pg_sleep($1)', [slow ? 0.5 : between(0, 0.01)]);
		queries++;
	} finally {
		client.release();
	}
}

// The fault: a request that fails after its query forgets what it has borrowed.
async function failingRequest() {
	const client = await pool.connect();

	await client.query('SELECT 1');
	leaked.push(client.connection.stream.localPort);
}

async function worker(rest) {
	while (!stopped) {
		await request().catch(() => errors++);
		await pause(rest());
	}
}

// Every now and then all comes at once.
async function rushes() {
	while (!stopped) {
		await pause(between(4000, 15000));
		await Promise.all(Array.from({ length: 12 }, () => request().catch(() => errors++)));
	}
}

async function leak() {
	while (!stopped && leaked.length < LEAKS_MAX) {
		await pause(LEAK_EVERY_MS);
		await failingRequest().catch(() => errors++);
	}
}

for (let i = 0; i < 4; i++)
	worker(() => between(5, 120 * (i + 1)));
rushes();
if (mode === 'leaky')
	leak();

serve({
	leaked: () => leaked,
	stop() {
		stopped = true;
		return [queries, errors];
	},
});
