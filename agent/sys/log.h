/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line a message on stderr: "connleak: ...". Nothing here is data; data goes to stdout.
 */
#ifndef CONNLEAK_SYS_LOG_H
#define CONNLEAK_SYS_LOG_H

/* Errors and notices are always written; details only from verbosity 1 (-v), libbpf's from 2. */
void log_set_verbosity(int verbosity);
void log_notice(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_detail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Sends libbpf's messages here, one level down: its warnings are our details. */
void log_capture_libbpf(void);

#endif
