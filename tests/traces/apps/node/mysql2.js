// SPDX-License-Identifier: Apache-2.0
//
// mysql2.js healthy|leaking PORT: the pool of mysql2. The leaking one may grow beyond the default
// of 10, so that it leaks and does not stand still at once.

'use strict';

const mysql = require('mysql2/promise');
const { run, statements } = require('./load');

const [mode, port] = process.argv.slice(2);
const pool = mysql.createPool({
	host: '127.0.0.1',
	port: Number(port),
	user: 'root',
	...(mode === 'leaking' ? { connectionLimit: 100 } : {}),
});

async function request() {
	const connection = await pool.getConnection();

	try {
		for (const seconds of statements())
			await connection.query('SELECT SLEEP(?)', [seconds]);
	} finally {
		connection.release();
	}
}

// The fault: what comes after an error does not release.
async function failingRequest() {
	const connection = await pool.getConnection();

	await connection.query('SELECT 1');
	return [connection.connection.stream];
}

run(request, mode === 'healthy' ? null : failingRequest);
