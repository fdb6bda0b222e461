/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of features.h that asks the kernel by loading tiny programs.
 */
#ifndef CONNLEAK_SYS_FEATURES_BPF_H
#define CONNLEAK_SYS_FEATURES_BPF_H

#include "features.h"

/* True when the kernel takes the smallest possible program from this process. */
bool features_bpf_is_allowed(void);

/*
 * Fills the members that depend on the kernel's BTF, which is read from btf_path; clears their
 * bits of untried. Leaves has_btf false when the file cannot be read. Returns 0 or -ENOMEM.
 */
int features_bpf_probe(struct features *features, const char *btf_path);

/*
 * Whether other tasks can come in while a tracepoint runs a program, which the kernel then skips
 * for them: since "tracing: Guard __DECLARE_TRACE() use of __DO_TRACE_CALL() with SRCU-fast" at the
 * latest, which is in 7.2.
 */
bool features_bpf_is_tracing_preemptible(void);

#endif
