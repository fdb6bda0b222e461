# SPDX-License-Identifier: Apache-2.0
# Traces of real pools; included by the Makefile, whose variables it uses.

.PHONY: record-traces replay-traces

# Needs root, deps.list and four minutes; changes the files under tests/traces/recorded.
record-traces: $(BUILD)/connleak
	@tests/traces/apps/node/install.sh
	CONNLEAK_BUILD=$(BUILD) /usr/bin/python3 -B tests/traces/record.py $(TRACES)

replay-traces: $(BUILD)/connleak
	CONNLEAK_BUILD=$(BUILD) /usr/bin/python3 -B -m pytest -p no:cacheprovider -q tests/traces
