/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this host and its kernel offer. Found out by trying, never from a version number; for
 * everything that is missing there is a sentence on what follows and what to do.
 */
#ifndef CONNLEAK_SYS_FEATURES_H
#define CONNLEAK_SYS_FEATURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In the order in which they are needed: the first that is missing is the one to report. */
enum feature_id {
	FEATURE_PROC,
	FEATURE_USER_NS,
	FEATURE_PRIVILEGES,
	FEATURE_BPF,
	FEATURE_BTF,
	FEATURE_READ_KERNEL,
	FEATURE_STATE_TRACEPOINT,
	FEATURE_SOCKET_STORAGE,
	FEATURE_KERNEL_TYPES,
	FEATURE_RINGBUF,
	FEATURE_ITER_FILES,
	FEATURE_ITER_STORAGE,
	FEATURE_PID_NS,
	/* from here on optional */
	FEATURE_SEND_TRACEPOINT,
	FEATURE_PTRACE,
	FEATURE_BPFFS,
	FEATURE_JOURNAL,
	FEATURE_COUNT,
};

struct features {
	bool has_proc; /* /proc is mounted */
	bool has_user_ns; /* in the host's user namespace */
	bool has_privileges; /* CAP_BPF and CAP_PERFMON, or CAP_SYS_ADMIN */
	bool has_bpf; /* bpf() is not refused */
	bool has_btf;
	bool has_read_kernel; /* bpf_probe_read_kernel(); refused under lockdown=confidentiality */
	bool has_state_tracepoint; /* tp_btf/inet_sock_set_state */
	bool has_socket_storage; /* bpf_sk_storage_get() in tp_btf */
	bool has_kernel_types; /* the members that the probes read exist */
	bool has_ringbuf;
	bool has_iter_files; /* iter/task_file with bpf_sock_from_file() and socket storage */
	bool has_iter_storage; /* iter/bpf_sk_storage_map */
	bool has_pid_ns; /* in the host's pid namespace */
	bool has_send_tracepoint; /* tp_btf/sock_send_length */
	bool has_ptrace; /* CAP_SYS_PTRACE */
	bool has_bpffs;
	bool has_journal;
	uint32_t
		untried; /* bit per feature_id: not known, because something before it is missing */
	char release[65]; /* "6.1.0-18-amd64"; "" = unknown */
	char lockdown[24]; /* "none", "integrity", "confidentiality"; "" = unknown */
	char missing_member[64]; /* "tcp_sock.bytes_sent" where has_kernel_types is false */
};

struct feature_row {
	enum feature_id id;
	const char *key; /* for machines, "btf" */
	const char *name; /* for people, "kernel type information (BTF)" */
	size_t flag_offset; /* of has_... */
	bool is_needed;
	const char *purpose; /* what it is for */
	const char *without; /* what follows when it is absent */
	const char *remedy; /* what to do then */
	const char *lacks; /* one clause for the reason line; of a needed one */
	const char *version; /* kernel that has it first; NULL = no question of the kernel */
	const char *commit; /* "8e4597c627fb"; NULL = none */
};

enum feature_state { FEATURE_ABSENT, FEATURE_PRESENT, FEATURE_UNTRIED };

/*
 * Tries everything. root is put before every path, so that a test can hand in a tree of its own;
 * NULL is the real one. Loads and unloads a few tiny programs, attaches none. Returns 0 or -ENOMEM.
 */
int features_probe(struct features *ret_features, const char *root);

/* FEATURE_COUNT rows, indexed by feature_id. */
const struct feature_row *features_rows(void);

enum feature_state features_state(const struct features *features, enum feature_id id);

/*
 * True when everything that is needed is there. Else a line for people goes to ret_reason: the
 * first need that is missing and what to do.
 */
bool features_can_run(const struct features *features, char *ret_reason, size_t reason_size);

#endif
