// SPDX-License-Identifier: Apache-2.0
//
// The day of a small application, as apps/python/load.py has it: workers that think and ask,
// rushes, and nights without work. Commands: day, night, leaked, stop.

'use strict';

const { serve } = require('../../../live/node/protocol');

const WORKERS = 6;
const THINK_MS = 400; // mean; exponential, so that some wait long
const RUSH = 8; // requests that come all at once
const RUSH_EVERY_MS = [10000, 20000];
const LEAK_EVERY = 50; // requests; the others all give back what they borrow

const between = (low, high) => low + Math.random() * (high - low);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// How long the statements of one request take, in seconds. One in a hundred is slow.
exports.statements = function statements() {
	if (Math.random() < 0.01)
		return [0.5];
	return Array.from({ length: Math.ceil(Math.random() * 3) }, () => between(0, 0.015));
};

// failingRequest, when there is one, takes the place of one request in leakEvery and returns the
// sockets it has leaked.
exports.run = function run(request, failingRequest, leakEvery = LEAK_EVERY) {
	const leaked = [];
	let requests = 0;
	let errors = 0;
	let number = 0;
	let daytime = null; // a promise while it is night
	let wake = null;

	function night() {
		daytime = daytime || new Promise((resolve) => { wake = resolve; });
	}

	async function serveOne() {
		try {
			if (failingRequest && ++number % leakEvery === 0)
				leaked.push(await failingRequest());
			else
				await request();
			requests++;
		} catch (error) {
			console.error(error.message);
			errors++;
		}
	}

	async function worker() {
		for (;;) {
			await pause(Math.min(3000, 20 - THINK_MS * Math.log(1 - Math.random())));
			await daytime;
			await serveOne();
		}
	}

	async function rushes() {
		for (;;) {
			await pause(between(...RUSH_EVERY_MS));
			await daytime;
			for (let i = 0; i < RUSH; i++)
				serveOne();
		}
	}

	night();
	for (let i = 0; i < WORKERS; i++)
		worker();
	rushes();
	serve({
		day() {
			daytime = null;
			wake();
		},
		night,
		// A socket that has been closed has no port any more, and is not leaked either.
		leaked: () => leaked.flat().map((socket) => socket.localPort).filter(Boolean),
		stop: () => [requests, errors],
	});
};
