// SPDX-License-Identifier: Apache-2.0
//
// dbclient.js PORT: opens connections to PostgreSQL with node-postgres, one command at a time:
//   open COUNT    ok LOCALPORT...
//   query RANGE   one round trip on each
//   close RANGE

'use strict';

const { Client } = require('pg');
const { range, serve } = require('./protocol');

const port = Number(process.argv[2]);
const clients = [];

serve({
	async open(count) {
		const ports = [];

		for (let i = 0; i < Number(count); i++) {
			const client = new Client({ host: '127.0.0.1', port, user: 'postgres' });

			await client.connect();
			clients.push(client);
			ports.push(client.connection.stream.localPort);
		}
		return ports;
	},
	async query(word) {
		for (const i of range(word))
			await clients[i].query('SELECT 1');
	},
	async close(word) {
		for (const i of range(word))
			await clients[i].end();
	},
});
