// SPDX-License-Identifier: Apache-2.0
/*
 * The commands as the parser, --help and the man pages know them: name, arguments, what they do
 * and how they are used.
 *
 * Invariant: a command is a row here and a case in main.c, and nothing else lists the commands.
 * Their options are not here (option_table.c).
 */
#include <stddef.h>
#include <string.h>

#include "option_table.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const struct command_row command_table[] = {
	{COMMAND_LIST, "list", NULL, "every open database connection now, one line each",
	 "Prints one line for each TCP connection that a process on this host has open "
	 "to a database port, with its owner, its age and how long it has been idle. It asks the "
	 "running "
	 "agent, which knows real ages, or else looks with probes of its own.",
	 "  connleak list --port 5432       connections to PostgreSQL\n"
	 "  connleak list --pid 4121        those of one process\n"
	 "  connleak list --json | jq .     for a program\n"},
	{COMMAND_TOP, "top", NULL, "who holds connections to which database, and how bad it is",
	 "Shows the connection pools of this host, worst first: how many connections are open, "
	 "busy, idle and stale, how that has been going, and what is held against them. On a "
	 "terminal it is a screen with keys (h shows them), elsewhere a table every 2 s. The "
	 "figures come from the running agent, or else from probes of its own.",
	 "  connleak top                    the screen\n"
	 "  connleak top --once             one table\n"
	 "  connleak top -b -n 10 -d 5      ten tables, 5 s apart\n"
	 "  connleak top --replay night.jsonl   the screen as it would have been\n"},
	{COMMAND_TRACE, "trace", NULL, "connections as they open, work and close",
	 "Prints events as they happen until interrupted. With --json, or into a file "
	 "with -o, they are a trace that 'connleak replay' reads.",
	 "  connleak trace --comm orders-api\n"
	 "  connleak trace -o night.jsonl --duration 8h\n"
	 "  connleak trace --json --verdicts\n"},
	{COMMAND_REPLAY, "replay", "FILE", "verdicts from a recorded trace",
	 "Feeds a trace that 'connleak trace' recorded through the same detector, as fast "
	 "as the machine allows, and prints the verdicts. Needs no privileges. FILE may "
	 "be - for standard input.",
	 "  connleak replay night.jsonl\n"
	 "  connleak replay --json --fail-on leak,exhausted - < night.jsonl\n"
	 "  connleak replay --set T0=30s night.jsonl\n"},
	{COMMAND_EXPLAIN, "explain", "PID",
	 "all evidence on one process: causes, course, connections",
	 "Prints for each pool of one process what is held against it and what else could be the "
	 "matter, its course as a small plot, its figures, and its connections: as the running "
	 "agent knows them, or else from watching for a while, or from a recording.",
	 "  connleak explain 4121                     what the agent knows; else of 15 s\n"
	 "  connleak explain 4121 --duration 5m       longer: more can be ruled out\n"
	 "  connleak explain 4121 --replay night.jsonl\n"},
	{COMMAND_RUN, "run", "-- CMD [ARG...]",
	 "run a command and report what it leaves open, and where",
	 "Runs CMD, follows it and all processes that it starts from their first instruction, and "
	 "at its end reports each database connection that was still open when its process ended: "
	 "by whom, opened where, last used where, how long silent. Its exit status is that of CMD.",
	 "  connleak run -- ./integration-tests\n"
	 "  connleak run --error-exitcode 99 --junit left-open.xml -- make test\n"
	 "  connleak run --while-running -o report.txt -- python3 -m pytest\n"},
	{COMMAND_AGENT, "agent", NULL, "watch without end and report every verdict",
	 "Watches in the foreground until it is told to stop (SIGTERM, SIGINT) and "
	 "reports a verdict when it is raised, changes or is cleared. As a service it "
	 "writes them to the journal; it has metrics (--listen), answers other commands "
	 "(--socket), keeps what it knows over a restart (--state, --pin), and takes a "
	 "changed config file on SIGHUP.",
	 "  connleak agent\n"
	 "  connleak agent --json --endpoint orders-db=10.0.3.7:5432,limit=100\n"
	 "  connleak agent --duration 10m --fail-on leak\n"},
	{COMMAND_CHECK, "check", NULL, "whether this host can run it, and what is missing",
	 "Tries everything that connleak needs from this host and its kernel. For what "
	 "is missing it says what follows and what to do.",
	 "  connleak check\n"
	 "  connleak check --json\n"},
};

const struct command_row *command_rows(size_t *ret_count)
{
	*ret_count = COUNT_OF(command_table);
	return command_table;
}

const struct command_row *command_find(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(command_table); i++)
		if (strcmp(command_table[i].name, name) == 0)
			return &command_table[i];
	return NULL;
}
