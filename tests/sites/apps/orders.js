// SPDX-License-Identifier: Apache-2.0
// orders.js PORT: a client of pg's pool is not released. Run with --perf-basic-prof.
const { Pool } = require("pg");

const pool = new Pool({ host: "127.0.0.1", port: Number(process.argv[2]), user: "postgres", database: "postgres" });

function saveOrder(client) {
	return client.query("SELECT 1");
}

async function main() {
	const client = await pool.connect();
	for (let i = 0; i < 3; i++)
		await saveOrder(client);
	// no client.release(). It stays long enough to be looked at; a busy machine takes longer for that,
	// as it did to get here.
	setTimeout(() => process.exit(0), Math.max(500, 3000 * process.uptime()));
}

main();
