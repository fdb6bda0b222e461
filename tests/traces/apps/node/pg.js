// SPDX-License-Identifier: Apache-2.0
//
// pg.js healthy|leaking|exhausting PORT: the pool of node-postgres. The exhausting one has the
// default ceiling of 10 and leaks a quarter as often as the leaking one does, whose ceiling is further
// off: a pool that is empty half a minute after its start has shown no habits to be told from.

'use strict';

const { Pool } = require('pg');
const { run, statements } = require('./load');

const [mode, port] = process.argv.slice(2);
const pool = new Pool({
	host: '127.0.0.1',
	port: Number(port),
	user: 'postgres',
	...(mode === 'leaking' ? { max: 100 } : {}),
});

async function request() {
	const client = await pool.connect();

	try {
		for (const seconds of statements())
			await client.query('SELECT pg_sleep($1)', [seconds]);
	} finally {
		client.release();
	}
}

// The fault: what comes after an error does not release.
async function failingRequest() {
	const client = await pool.connect();

	await client.query('SELECT 1');
	return [client.connection.stream];
}

run(request, mode === 'healthy' ? null : failingRequest, mode === 'exhausting' ? 200 : undefined);
