// SPDX-License-Identifier: Apache-2.0
/*
 * The command line: what each option means, and that each mistake is answered with one line that
 * names it.
 */
#include "option_run.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/nearest.h"
#include "cli/option_table.h"
#include "cli/option_value.h"

static void assert_runs(struct option_run *run, const char *words)
{
	option_run(run, words);
	if (run->result != OPTION_RUN)
		fail_msg("%s: %s", words, run->error);
	assert_string_equal(run->error, "");
}

/* The line must hold the offending value and the hint, and be one line. */
static void assert_refused(const char *words, const char *value, const char *hint)
{
	struct option_run run;

	option_run(&run, words);
	if (run.result != OPTION_ERROR)
		fail_msg("'%s' was not refused", words ? words : "(nothing)");
	if (!strstr(run.error, value) || !strstr(run.error, hint))
		fail_msg("'%s': '%s' holds not both '%s' and '%s'", words ? words : "(nothing)",
			 run.error, value, hint);
	assert_null(strchr(run.error, '\n'));
	assert_null(strchr(run.error, '\033'));
	assert_int_equal(run.output_length, 0);
	option_run_end(&run);
}

static void options_parse_command_only_gives_defaults(void **state)
{
	struct option_run run;
	struct settings settings;

	(void)state;
	assert_runs(&run, "list");
	settings_init(&settings);
	assert_int_equal(run.options.command, COMMAND_LIST);
	assert_non_null(run.options.databases);
	assert_true(dbkind_is_watched(run.options.databases, 5432));
	assert_memory_equal(&run.options.settings, &settings, sizeof(settings));
	assert_int_equal(run.options.pid_count, 0);
	assert_int_equal(run.options.comm_count, 0);
	assert_int_equal(run.options.cgroup_count, 0);
	assert_int_equal(run.options.interval_ns, NS_PER_SEC);
	assert_int_equal(run.options.duration_ns, 0);
	assert_int_equal(run.options.iterations, 0);
	assert_int_equal(run.options.fail_on, 0);
	assert_int_equal(run.options.verbosity, 0);
	assert_false(run.options.json || run.options.once || run.options.batch);
	assert_false(run.options.no_stacks || run.options.verdicts);
	assert_null(run.options.output);
	assert_null(run.options.file);
	option_run_end(&run);
}

static void options_parse_every_command_is_known(void **state)
{
	static const struct {
		const char *words;
		enum command command;
	} cases[] = {
		{"top", COMMAND_TOP},
		{"list", COMMAND_LIST},
		{"trace", COMMAND_TRACE},
		{"replay|-", COMMAND_REPLAY},
		{"agent", COMMAND_AGENT},
		{"check", COMMAND_CHECK},
		{"explain|7", COMMAND_EXPLAIN},
		{"run|--|make|-k|test", COMMAND_RUN},
		{"run|make|--json", COMMAND_RUN},
	};
	struct option_run run;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_runs(&run, cases[i].words);
		assert_int_equal(run.options.command, cases[i].command);
		option_run_end(&run);
	}
}

static void options_parse_filters_are_taken(void **state)
{
	struct option_run run;

	(void)state;
	assert_runs(&run, "list|--pid|1,4194304|--pid=77|--comm|a,b|--comm|123456789012345|"
			  "--cgroup|/system.slice/|--cgroup|/|--port|7000-7002");
	assert_int_equal(run.options.pid_count, 3);
	assert_int_equal(run.options.pids[0], 1);
	assert_int_equal(run.options.pids[1], 4194304);
	assert_int_equal(run.options.pids[2], 77);
	assert_int_equal(run.options.comm_count, 3);
	assert_string_equal(run.options.comms[1], "b");
	assert_string_equal(run.options.comms[2], "123456789012345");
	assert_int_equal(run.options.cgroup_count, 2);
	assert_string_equal(run.options.cgroups[0], "/system.slice");
	assert_string_equal(run.options.cgroups[1], "/");
	assert_true(dbkind_is_watched(run.options.databases, 7001));
	assert_false(dbkind_is_watched(run.options.databases, 5432));
	option_run_end(&run);
}

static void options_parse_endpoint_before_port_still_adds_to_it(void **state)
{
	struct option_run run;

	(void)state;
	assert_runs(&run, "list|--endpoint|orders=10.0.3.7:7777|--port|5432");
	assert_true(dbkind_is_watched(run.options.databases, 5432));
	assert_true(dbkind_is_watched(run.options.databases, 7777));
	assert_false(dbkind_is_watched(run.options.databases, 3306));
	option_run_end(&run);
}

static void options_parse_options_before_the_command_count(void **state)
{
	struct option_run run;

	(void)state;
	assert_runs(&run, "-v|--json|--pid|5|top|-v|-b|-n|3|-d|0.25");
	assert_int_equal(run.options.command, COMMAND_TOP);
	assert_int_equal(run.options.verbosity, 2);
	assert_true(run.options.json);
	assert_true(run.options.batch);
	assert_int_equal(run.options.pids[0], 5);
	assert_int_equal(run.options.iterations, 3);
	assert_int_equal(run.options.interval_ns, 250 * NS_PER_MS);
	option_run_end(&run);
}

static void options_parse_operand_and_options_mix(void **state)
{
	struct option_run run;

	(void)state;
	assert_runs(&run, "replay|--fail-on|leak|a.jsonl|--json|--fail-on|storm,exhausted");
	assert_string_equal(run.options.file, "a.jsonl");
	assert_true(run.options.json);
	assert_int_equal(run.options.fail_on,
			 1 << VERDICT_LEAK | 1 << VERDICT_STORM | 1 << VERDICT_EXHAUSTED);
	option_run_end(&run);
	assert_runs(&run, "replay|--|--json");
	assert_string_equal(run.options.file, "--json");
	assert_false(run.options.json);
	option_run_end(&run);
}

static void options_parse_last_of_single_values_counts(void **state)
{
	struct option_run run;

	(void)state;
	assert_runs(&run, "trace|--duration|9|-o|a|--duration|10m|--output=b|--set|T0=7s");
	assert_int_equal(run.options.duration_ns, 600 * NS_PER_SEC);
	assert_string_equal(run.options.output, "b");
	assert_int_equal(run.options.settings.t0_ns, 7 * NS_PER_SEC);
	option_run_end(&run);
}

static void options_parse_agent_keeps_its_own_copies(void **state)
{
	struct option_run run;

	(void)state;
	assert_runs(&run, "agent|--state|/a|--state|none|--journal|yes|--pin|/b");
	assert_string_equal(run.options.pin, "/b");
	assert_string_equal(run.options.state, "none");
	assert_int_equal(run.options.journal, JOURNAL_YES);
	option_run_end(&run);
	assert_runs(&run, "agent");
	assert_null(run.options.state);
	assert_int_equal(run.options.journal, JOURNAL_AUTO);
	option_run_end(&run);
}

static void options_parse_places_of_the_agent(void **state)
{
	struct option_run run;

	(void)state;
	assert_runs(&run, "agent");
	assert_null(run.options.socket);
	assert_int_equal(run.options.listen.port, 9435);
	assert_int_equal(run.options.listen.ip[12], 127);
	assert_false(run.options.metrics_per_process);
	assert_int_equal(run.options.metrics_series, 1000);
	assert_false(option_is_given(&run.options, "socket"));
	option_run_end(&run);
	assert_runs(&run, "agent|--socket|none|--listen|none|--metrics-per-process|"
			  "--metrics-series|7");
	assert_string_equal(run.options.socket, "none");
	assert_int_equal(run.options.listen.port, 0);
	assert_true(run.options.metrics_per_process);
	assert_int_equal(run.options.metrics_series, 7);
	assert_true(option_is_given(&run.options, "socket"));
	assert_false(option_is_given(&run.options, "port"));
	option_run_end(&run);
	assert_runs(&run, "agent|--listen|[::1]:80");
	assert_int_equal(run.options.listen.port, 80);
	assert_int_equal(run.options.listen.ip[15], 1);
	option_run_end(&run);
}

static const struct {
	const char *words, *value, *hint;
} mistakes[] = {
	{NULL, "which command", "list"},
	{"", "which command", "replay"},
	{"lsit", "'lsit'", "did you mean 'list'"},
	{"agnet", "'agnet'", "'agent'"},
	{"rep", "'rep'", "'replay'"},
	{"frobnicate", "'frobnicate'", "check"},
	{"ls", "'ls'", "list"},
	{"hlep", "'hlep'", "did you mean 'help'"},
	{"help|settigns", "topic of help 'settigns'", "did you mean 'settings'"},
	{"help|lsit", "'lsit'", "did you mean 'list'"},
	{"help|frobnicate", "'frobnicate'", "not settings, list,"},
	{"run", "run needs a command", "connleak run -- make test"},
	{"run|--error-exitcode|0|--|true", "'0'", "1 to 255"},
	{"top|--stack-bytes|100", "'100'", "2048 to 16384"},
	{"list|--port|65536", "--port '65536'", "65535"},
	{"list|--port|5432,0", "5432,0", "'0'"},
	{"list|--prot|1", "'--prot'", "'--port'"},
	{"list|--frobnicate", "'--frobnicate'", "unknown option"},
	{"list|-x", "'-x'", "unknown option"},
	{"list|-vx", "'-x'", "unknown option"},
	{"list|--port", "--port", "LIST"},
	{"top|-n", "-n", "N"},
	{"list|--json=1", "--json", "no value"},
	{"list|-n|3", "list does not take -n", "top"},
	{"-n|3|list", "list does not take -n", "top"},
	{"top|--duration|3", "top does not take --duration", "trace, explain, agent"},
	{"check|--fail-on|leak", "check does not take --fail-on", "replay"},
	{"list|x", "'x'", "no operand"},
	{"list|--|-v", "'-v'", "no operand"},
	{"replay", "replay needs FILE", "standard input"},
	{"replay|", "replay needs FILE", "standard input"},
	{"replay|a|b", "'b'", "one operand"},
	{"explain", "explain needs PID", "connleak explain PID"},
	{"explain|0", "explain '0'", "1 to 4194304"},
	{"explain|orders-api", "explain 'orders-api'", "a process id"},
	{"explain|7|8", "'8'", "one operand"},
	{"explain|7|--replay|", "--replay", "not a file name"},
	{"list|--replay|f", "list does not take --replay", "top, explain"},
	{"list|--pid|0", "'0'", "1 to 4194304"},
	{"list|--pid|abc", "'abc'", "1 to 4194304"},
	{"list|--pid|-1", "'-1'", "1 to 4194304"},
	{"list|--pid|+1", "'+1'", "1 to 4194304"},
	{"list|--pid| 1", "' 1'", "1 to 4194304"},
	{"list|--pid|1x", "'1x'", "1 to 4194304"},
	{"list|--pid|99999999999", "'99999999999'", "1 to 4194304"},
	{"list|--pid|18446744073709551617", "'18446744073709551617'", "4194304"},
	{"list|--pid|1,,2", "'1,,2'", "empty"},
	{"list|--pid|1,2,x", "'x'", "not a process id"},
	{"list|--pid|", "--pid ''", "empty"},
	{"list|--comm|1234567890123456", "'1234567890123456'", "keeps 15 bytes"},
	{"list|--comm|", "--comm ''", "empty"},
	{"list|--cgroup|", "--cgroup ''", "cgroup file system"},
	{"list|--cgroup|/a/../b", "'/a/../b'", "cgroup file system"},
	{"list|--endpoint|nonsense", "'nonsense'", "NAME=ADDR"},
	{"list|--set|T0", "'T0'", "KEY=VALUE"},
	{"list|--set|=1", "'=1'", "KEY=VALUE"},
	{"list|--set|T=1", "'T'", "help settings"},
	{"list|--set|t0=1", "'t0'", "'T0'"},
	{"list|--set|T0=never", "'never'", "T0"},
	{"list|--set|A=100", "A = 100", "A_SUSPECT = 300"},
	{"list|--set|BUSY_CLEAR=1", "BUSY_CLEAR = 1", "BUSY_SATURATED = 0.85"},
	{"top|-n|0", "-n '0'", "1 to 1000000000"},
	{"top|--iterations|1000000001", "--iterations '1000000001'", "1 to 1000000000"},
	{"top|-n|1.5", "'1.5'", "1 to"},
	{"top|-d|0", "-d '0'", "0.1 seconds to 3600 seconds"},
	{"top|-d|0.09", "'0.09'", "0.1 seconds"},
	{"top|-d|1e9", "'1e9'", "0.1 seconds"},
	{"top|-d|3601", "'3601'", "3600 seconds"},
	{"top|-d|1,5", "'1,5'", "0.1 seconds"},
	{"trace|--duration|nan", "'nan'", "365 days"},
	{"trace|--duration|inf", "'inf'", "365 days"},
	{"trace|--duration|-1", "'-1'", "365 days"},
	{"trace|--duration|0x10", "'0x10'", "365 days"},
	{"trace|--duration|366d", "'366d'", "ms, s, m, h"},
	{"trace|--duration|99999999999999999999", "'99999999999999999999'", "365 days"},
	{"trace|--duration|999999999h", "'999999999h'", "365 days"},
	{"trace|-o|", "-o ''", "file name"},
	{"replay|f|--fail-on|leek", "'leek'", "leak, exhausted, saturated, storm"},
	{"replay|f|--fail-on|leak,", "'leak,'", "empty"},
	{"top|--once|-n|3", "-n 3", "--once"},
	{"list|--config|", "--config ''", "file name"},
	{"list|--config|/nonexistent", "/nonexistent", "No such file"},
	{"list|--config|/tmp", "/tmp", "directory"},
	{"list|--config|a|--config|b", "--config", "twice"},
	{"agent|--state|here", "--state 'here'", "absolute path"},
	{"agent|--state|", "--state ''", "absolute path"},
	{"agent|--pin|here", "--pin 'here'", "absolute path"},
	{"list|--pin|none", "list does not take --pin", "agent"},
	{"agent|--journal|maybe", "--journal 'maybe'", "auto, yes or no"},
	{"list|--state|none", "list does not take --state", "agent"},
	{"agent|--socket|run/x", "--socket 'run/x'", "absolute path"},
	{"list|--socket|", "--socket ''", "absolute path"},
	{"agent|--listen|localhost:9435", "--listen 'localhost:9435'", "ADDR:PORT"},
	{"agent|--listen|127.0.0.1", "--listen '127.0.0.1'", "ADDR:PORT"},
	{"agent|--listen|127.0.0.1:0", "--listen '127.0.0.1:0'", "ADDR:PORT"},
	{"list|--listen|none", "list does not take --listen", "agent"},
	{"agent|--metrics-series|0", "--metrics-series '0'", "1 to 100000"},
	{"agent|--check-config=x", "--check-config", "takes no value"},
	{"help|list|more", "'more'", "one word"},
	{"list|--pid|1\n2", "1\\x0a2", "not a process id"},
	{"list|--\033[31mred", "\\x1b[31mred", "unknown option"},
	{"\033]0;x\007", "\\x1b]0;x\\x07", "unknown command"},
};

static void options_parse_mistakes_are_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++)
		assert_refused(mistakes[i].words, mistakes[i].value, mistakes[i].hint);
}

static void options_parse_too_many_values_are_refused(void **state)
{
	char words[8192] = "list|--pid|1";
	size_t used = strlen(words);

	(void)state;
	for (int i = 0; i < OPTION_PIDS_MAX; i++)
		used += (size_t)snprintf(words + used, sizeof(words) - used, ",%d", i + 2);
	assert_refused(words, "--pid", "more than 256");
	strcpy(words, "list|--comm|a");
	for (int i = 0; i < OPTION_COMMS_MAX; i++)
		strcat(words, ",a");
	assert_refused(words, "--comm", "more than 64");
	strcpy(words, "list");
	for (int i = 0; i <= OPTION_CGROUPS_MAX; i++)
		strcat(words, "|--cgroup=/a");
	assert_refused(words, "--cgroup '/a'", "more than 16");
}

static void options_parse_error_is_one_line_on_stderr(void **state)
{
	char *argv[] = {"connleak", "list", "--pid", "0\n1", NULL};
	int saved = dup(STDERR_FILENO), file = memfd_create("stderr", MFD_CLOEXEC);
	struct options options;
	enum option_result result;
	char text[256] = "";

	(void)state;
	assert_true(saved >= 0 && file >= 0);
	assert_true(dup2(file, STDERR_FILENO) >= 0);
	result = options_parse(4, argv, &options);
	fflush(stderr);
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	close(saved);
	assert_int_equal(result, OPTION_ERROR);
	assert_true(pread(file, text, sizeof(text) - 1, 0) > 0);
	close(file);
	assert_string_equal(text, "connleak: --pid '0\\x0a1': not a process id (1 to 4194304)\n");
	options_free(&options);
}

static void value_parse_time_units_are_exact(void **state)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} cases[] = {
		{"1", NS_PER_SEC},
		{"1s", NS_PER_SEC},
		{"0.000000001", 1},
		{"1.5", 1500 * NS_PER_MS},
		{"2.5m", 150 * NS_PER_SEC},
		{"1h", 3600 * NS_PER_SEC},
		{"250ms", 250 * NS_PER_MS},
		{"0.5ms", 500 * NS_PER_US},
		{"999999999", 999999999 * NS_PER_SEC},
	};
	char error[128];
	uint64_t ns;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(
			value_parse_time(cases[i].text, 0, UINT64_MAX, &ns, error, sizeof(error)),
			0);
		assert_int_equal(ns, cases[i].ns);
	}
	assert_int_equal(value_parse_time("1.", 0, UINT64_MAX, &ns, error, sizeof(error)), -EINVAL);
	assert_int_equal(value_parse_time(".5", 0, UINT64_MAX, &ns, error, sizeof(error)), -EINVAL);
	assert_int_equal(value_parse_time("1 s", 0, UINT64_MAX, &ns, error, sizeof(error)),
			 -EINVAL);
	assert_int_equal(value_parse_time("9999999999", 0, UINT64_MAX, &ns, error, sizeof(error)),
			 -EINVAL);
}

static const char *nearest_of(const char *typed, const char *a, const char *b)
{
	struct nearest nearest = {.typed = typed};

	nearest_offer(&nearest, a);
	nearest_offer(&nearest, b);
	return nearest.best;
}

static void nearest_offer_keeps_the_nearest(void **state)
{
	(void)state;
	assert_string_equal(nearest_of("lsit", "top", "list"), "list");
	assert_string_equal(nearest_of("tpo", "top", "list"), "top");
	assert_string_equal(nearest_of("trcae", "top", "trace"), "trace");
	assert_string_equal(nearest_of("chek", "check", "cheek"), "check");
	assert_string_equal(nearest_of("tr", "replay", "trace"), "trace");
	assert_null(nearest_of("t", "top", "trace"));
	assert_null(nearest_of("stop it", "top", "list"));
	assert_null(nearest_of("", "top", "list"));
	assert_null(
		nearest_of("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "top", "list"));
}

static void options_free_of_zeroed_does_nothing(void **state)
{
	struct options options = {0};

	(void)state;
	options_free(&options);
	options_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_parse_command_only_gives_defaults),
		cmocka_unit_test(options_parse_every_command_is_known),
		cmocka_unit_test(options_parse_filters_are_taken),
		cmocka_unit_test(options_parse_endpoint_before_port_still_adds_to_it),
		cmocka_unit_test(options_parse_options_before_the_command_count),
		cmocka_unit_test(options_parse_operand_and_options_mix),
		cmocka_unit_test(options_parse_last_of_single_values_counts),
		cmocka_unit_test(options_parse_agent_keeps_its_own_copies),
		cmocka_unit_test(options_parse_places_of_the_agent),
		cmocka_unit_test(options_parse_mistakes_are_named),
		cmocka_unit_test(options_parse_too_many_values_are_refused),
		cmocka_unit_test(options_parse_error_is_one_line_on_stderr),
		cmocka_unit_test(value_parse_time_units_are_exact),
		cmocka_unit_test(nearest_offer_keeps_the_nearest),
		cmocka_unit_test(options_free_of_zeroed_does_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
