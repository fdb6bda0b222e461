#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Makes the completion script for bash from the .bash.in file beside this script and the tables of
# the program, so that it offers exactly what the program takes.
#
# usage: packaging/completion/build.sh CONNLEAK OUTPUT-FILE

set -eu

[ $# -eq 2 ] || {
	echo "usage: build.sh CONNLEAK OUTPUT-FILE" >&2
	exit 2
}
connleak=$1 output=$2
source=$(dirname "$0")/connleak.bash.in
mkdir -p "$(dirname "$output")"
"$connleak" help --table >"$output.table"
awk -F '\t' -v table="$output.table" '
function option_words(row, count, fields) {
	count = split(row, fields, "\t")
	for (i = 5; i <= count; i++)
		options[fields[i]] = options[fields[i]] \
			(fields[3] == "-" ? "" : " -" fields[3]) " --" fields[2]
	if (fields[4] == "-")
		return
	arguments = arguments "\t--" fields[2] (fields[3] == "-" ? "" : " | -" fields[3]) \
		") echo \"" fields[4] "\" ;;\n"
}
BEGIN {
	while ((getline row <table) > 0) {
		split(row, fields, "\t")
		if (fields[1] == "command") {
			commands = commands " " fields[2]
			if (fields[3] != "-")
				operands = operands "\t" fields[2] ") echo \"" fields[3] "\" ;;\n"
		} else if (fields[1] == "option")
			option_words(row)
		else if (fields[1] == "setting")
			settings = settings " " fields[2]
		else if (fields[1] == "verdict")
			verdicts = verdicts " " fields[2]
	}
	count = split(substr(commands, 2), names, " ")
	for (i = 1; i <= count; i++)
		cases = cases "\t" names[i] ") echo" options[names[i]] " ;;\n"
	if (!count || !arguments || !settings || !verdicts)
		exit 1
}
/^@OPTIONS@$/ { printf "%s", cases; next }
/^@OPERANDS@$/ { printf "%s", operands; next }
/^@ARGUMENTS@$/ { printf "%s", arguments; next }
{
	sub(/@COMMANDS@/, substr(commands, 2))
	sub(/@SETTINGS@/, substr(settings, 2))
	sub(/@VERDICTS@/, substr(verdicts, 2))
	print
}
' "$source" >"$output.new"
rm "$output.table"
mv "$output.new" "$output"
