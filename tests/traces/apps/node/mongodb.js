// SPDX-License-Identifier: Apache-2.0
//
// mongodb.js healthy|leaking PORT: the MongoDB driver. It lends no connection that one could
// forget; what is leaked in practice is the whole client, made for a request and never closed.

'use strict';

const { AsyncLocalStorage } = require('async_hooks');
const net = require('net');

const client = new AsyncLocalStorage();
const connect = net.createConnection;

// A client opens sockets of its own accord, long after it was made. The context in which it was
// made goes along, and so a socket is found again. Must be done before the driver is loaded.
net.createConnection = (...options) => {
	const socket = connect(...options);

	client.getStore()?.push(socket);
	return socket;
};

const { MongoClient } = require('mongodb');
const { run, statements } = require('./load');

const [mode, port] = process.argv.slice(2);
const url = `mongodb://127.0.0.1:${port}/`;
const shared = new MongoClient(url);

async function request() {
	const orders = shared.db('shop').collection('orders');

	for (const seconds of statements()) {
		await orders.findOne({ seconds });
		await orders.insertOne({ seconds });
	}
}

// The fault: a client for one request, and nobody closes it.
async function failingRequest() {
	const sockets = [];

	await client.run(sockets, async () => {
		const own = new MongoClient(url);

		await own.db('shop').collection('reports').findOne({});
	});
	return sockets;
}

run(request, mode === 'healthy' ? null : failingRequest);
