// SPDX-License-Identifier: Apache-2.0
//
// The line protocol of the test programs: a command of words on stdin, one answer on stdout.

'use strict';

const readline = require('readline');

// Answers each line with what its handler returns; ends with the input.
exports.serve = function serve(handlers) {
	const lines = readline.createInterface({ input: process.stdin });
	let turn = Promise.resolve();

	async function answer(line) {
		const [name, ...words] = line.trim().split(/ +/);

		if (!handlers[name])
			throw new Error(`no such command: ${name}`);
		return handlers[name](...words);
	}

	lines.on('line', (line) => {
		turn = turn
			.then(() => answer(line))
			.then((words) => console.log(['ok', ...(words || [])].join(' ')))
			.catch((error) => console.log(`error ${error.message}`));
	});
	lines.on('close', () => process.exit(0));
	console.log(`ready ${process.pid}`);
};

// FIRST-LAST or a single number, as numbers.
exports.range = function range(word) {
	const [first, last] = word.split('-').map(Number);

	return Array.from({ length: (last ?? first) - first + 1 }, (_, i) => first + i);
};
