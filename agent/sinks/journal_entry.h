/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A verdict as an entry of the journal, in the journal's native protocol: FIELD=value lines.
 */
#ifndef CONNLEAK_SINKS_JOURNAL_ENTRY_H
#define CONNLEAK_SINKS_JOURNAL_ENTRY_H

#include "core/verdict.h"

/* No entry is longer: of sites and evidence, which come last, only what fits is written. */
#define JOURNAL_ENTRY_MAX 16384

/*
 * Writes the entry, which is text without a NUL, into buffer. An unknown figure is a field that is
 * not there. Returns its length; never 0.
 */
size_t journal_entry_write(const struct verdict *verdict, char buffer[static JOURNAL_ENTRY_MAX]);

/* The MESSAGE_ID of a kind: 32 digits, fixed for ever; the key of packaging/systemd's catalog. */
const char *journal_message_id(enum verdict_kind kind);

#endif
