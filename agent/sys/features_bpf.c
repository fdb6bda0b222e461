// SPDX-License-Identifier: Apache-2.0
/*
 * Why: distributions move features between versions, so a version says little. Each question is a
 * program of a few instructions that uses the feature as the real probes do; if the verifier takes
 * it, the feature is there.
 *
 * Invariant: nothing is attached and nothing stays behind; every program, map and BTF object is
 * closed again.
 * Does not say what follows from an answer (features.c).
 */
#include "features_bpf.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* The verifier lets only GPL-compatible programs follow kernel pointers. */
#define PROBE_LICENSE "Dual BSD/GPL"

#define ANONYMOUS_DEPTH_MAX 8

#define INSN(op, dst, src, offset, value)                                                          \
	((struct bpf_insn){.code = (op),                                                           \
			   .dst_reg = (dst),                                                       \
			   .src_reg = (src),                                                       \
			   .off = (offset),                                                        \
			   .imm = (value)})
#define MOVE_IMMEDIATE(dst, value) INSN(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, value)
#define LOAD_POINTER(dst, src, offset) INSN(BPF_LDX | BPF_MEM | BPF_DW, dst, src, offset, 0)
#define JUMP_IF_NULL(reg, skip) INSN(BPF_JMP | BPF_JEQ | BPF_K, reg, 0, skip, 0)
#define LOAD_MAP_LOW(dst, fd) INSN(BPF_LD | BPF_IMM | BPF_DW, dst, BPF_PSEUDO_MAP_FD, 0, fd)
#define LOAD_MAP_HIGH INSN(0, 0, 0, 0, 0)
#define ADD_IMMEDIATE(dst, value) INSN(BPF_ALU64 | BPF_ADD | BPF_K, dst, 0, 0, value)
#define MOVE(dst, src) INSN(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0)
#define CALL(helper) INSN(BPF_JMP | BPF_CALL, 0, 0, 0, helper)
#define EXIT INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

struct member {
	const char *type;
	const char *name;
};

/* Of the kernel's types, what the probes cannot do without. */
static const struct member members[] = {
	{"sock", "__sk_common"},	   {"sock", "sk_err"},
	{"sock_common", "skc_daddr"},	   {"sock_common", "skc_dport"},
	{"sock_common", "skc_net"},	   {"inet_connection_sock", "icsk_ack"},
	{"tcp_sock", "lsndtime"},	   {"tcp_sock", "bytes_sent"},
	{"tcp_sock", "bytes_retrans"},	   {"tcp_sock", "bytes_received"},
	{"tcp_sock", "srtt_us"},	   {"tcp_sock", "rcv_tstamp"},
	{"tcp_sock", "rcv_nxt"},	   {"tcp_sock", "snd_nxt"},
	{"tcp_sock", "snd_una"},	   {"tcp_sock", "snd_wl1"},
	{"tcp_sock", "data_segs_out"},	   {"task_struct", "group_leader"},
	{"task_struct", "start_boottime"},
};

static bool load_and_close(enum bpf_prog_type type, const struct bpf_insn *insns, size_t count,
			   const struct bpf_prog_load_opts *opts)
{
	int fd = bpf_prog_load(type, "connleak_probe", PROBE_LICENSE, insns, count, opts);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

bool features_bpf_is_allowed(void)
{
	const struct bpf_insn insns[] = {MOVE_IMMEDIATE(BPF_REG_0, 0), EXIT};

	return load_and_close(BPF_PROG_TYPE_SOCKET_FILTER, insns, COUNT_OF(insns), NULL);
}

/* Byte offset of a member, also inside anonymous structs and unions; -1 = not there. */
static int member_offset(const struct btf *btf, const struct btf_type *type, const char *name,
			 int depth)
{
	const struct btf_member *member = btf_members(type);

	for (int i = 0; i < btf_vlen(type); i++, member++) {
		const char *member_name = btf__name_by_offset(btf, member->name_off);
		const struct btf_type *inner = btf__type_by_id(btf, member->type);
		int base = (int)btf_member_bit_offset(type, (__u32)i) / 8, offset;

		if (member_name && strcmp(member_name, name) == 0)
			return base;
		if (!member_name || member_name[0] || !inner || !btf_is_composite(inner) ||
		    depth == ANONYMOUS_DEPTH_MAX)
			continue;
		offset = member_offset(btf, inner, name, depth + 1);
		if (offset >= 0)
			return base + offset;
	}
	return -1;
}

static int struct_member_offset(const struct btf *btf, const char *struct_name, const char *name)
{
	int id = btf__find_by_name_kind(btf, struct_name, BTF_KIND_STRUCT);

	return id < 0 ? -1 : member_offset(btf, btf__type_by_id(btf, (__u32)id), name, 0);
}

static bool has_members(const struct btf *btf, char *ret_missing, size_t missing_size)
{
	for (size_t i = 0; i < COUNT_OF(members); i++) {
		if (struct_member_offset(btf, members[i].type, members[i].name) >= 0)
			continue;
		snprintf(ret_missing, missing_size, "%s.%s", members[i].type, members[i].name);
		return false;
	}
	return true;
}

/* A program on a raw tracepoint with typed arguments. */
static bool can_load_tracepoint(const struct btf *btf, const char *typedef_name,
				const struct bpf_insn *insns, size_t count)
{
	int id = btf__find_by_name_kind(btf, typedef_name, BTF_KIND_TYPEDEF);
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_TRACE_RAW_TP,
		    .attach_btf_id = id > 0 ? (__u32)id : 0);

	return id > 0 && load_and_close(BPF_PROG_TYPE_TRACING, insns, count, &opts);
}

static bool can_load_iterator(const struct btf *btf, const char *function,
			      const struct bpf_insn *insns, size_t count)
{
	int id = btf__find_by_name_kind(btf, function, BTF_KIND_FUNC);
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_TRACE_ITER,
		    .attach_btf_id = id > 0 ? (__u32)id : 0);

	return id > 0 && load_and_close(BPF_PROG_TYPE_TRACING, insns, count, &opts);
}

/* Socket storage is the one map whose creation needs BTF for key and value. */
static int create_storage(void)
{
	struct btf *btf = btf__new_empty();
	int type_id, fd = -1;

	if (!btf)
		return -1;
	type_id = btf__add_int(btf, "int", sizeof(int), BTF_INT_SIGNED);
	if (type_id > 0 && btf__load_into_kernel(btf) == 0) {
		LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_NO_PREALLOC,
			    .btf_fd = (__u32)btf__fd(btf), .btf_key_type_id = (__u32)type_id,
			    .btf_value_type_id = (__u32)type_id);

		fd = bpf_map_create(BPF_MAP_TYPE_SK_STORAGE, "connleak_probe", sizeof(int),
				    sizeof(int), 0, &opts);
	}
	btf__free(btf);
	return fd;
}

/* As the probe of state changes does: storage for the tracepoint's first argument. */
static bool has_storage_in_tracepoint(const struct btf *btf, int map_fd)
{
	const struct bpf_insn insns[] = {
		LOAD_POINTER(BPF_REG_2, BPF_REG_1, 0),
		LOAD_MAP_LOW(BPF_REG_1, map_fd),
		LOAD_MAP_HIGH,
		MOVE_IMMEDIATE(BPF_REG_3, 0),
		MOVE_IMMEDIATE(BPF_REG_4, BPF_SK_STORAGE_GET_F_CREATE),
		CALL(BPF_FUNC_sk_storage_get),
		MOVE_IMMEDIATE(BPF_REG_0, 0),
		EXIT,
	};

	return can_load_tracepoint(btf, "btf_trace_inet_sock_set_state", insns, COUNT_OF(insns));
}

/* The helper is there or not, whatever the address: lockdown takes it away at load time. */
static bool has_kernel_reads(const struct btf *btf)
{
	const struct bpf_insn insns[] = {
		MOVE(BPF_REG_1, BPF_REG_10),
		ADD_IMMEDIATE(BPF_REG_1, -8),
		MOVE_IMMEDIATE(BPF_REG_2, 8),
		MOVE_IMMEDIATE(BPF_REG_3, 0),
		CALL(BPF_FUNC_probe_read_kernel),
		MOVE_IMMEDIATE(BPF_REG_0, 0),
		EXIT,
	};

	return can_load_tracepoint(btf, "btf_trace_inet_sock_set_state", insns, COUNT_OF(insns));
}

/* As the walk over open files does: file to socket to storage. */
static bool has_storage_in_file_iterator(const struct btf *btf, int map_fd)
{
	int file = struct_member_offset(btf, "bpf_iter__task_file", "file");
	int sk = struct_member_offset(btf, "socket", "sk");
	const struct bpf_insn insns[] = {
		LOAD_POINTER(BPF_REG_1, BPF_REG_1, (short)file),
		JUMP_IF_NULL(BPF_REG_1, 9),
		CALL(BPF_FUNC_sock_from_file),
		JUMP_IF_NULL(BPF_REG_0, 7),
		LOAD_POINTER(BPF_REG_2, BPF_REG_0, (short)sk),
		JUMP_IF_NULL(BPF_REG_2, 5),
		LOAD_MAP_LOW(BPF_REG_1, map_fd),
		LOAD_MAP_HIGH,
		MOVE_IMMEDIATE(BPF_REG_3, 0),
		MOVE_IMMEDIATE(BPF_REG_4, BPF_SK_STORAGE_GET_F_CREATE),
		CALL(BPF_FUNC_sk_storage_get),
		MOVE_IMMEDIATE(BPF_REG_0, 0),
		EXIT,
	};

	return file >= 0 && sk >= 0 &&
	       can_load_iterator(btf, "bpf_iter_task_file", insns, COUNT_OF(insns));
}

static void probe_programs(struct features *features, const struct btf *btf)
{
	const struct bpf_insn nothing[] = {MOVE_IMMEDIATE(BPF_REG_0, 0), EXIT};
	int map_fd = create_storage();

	features->has_state_tracepoint = can_load_tracepoint(btf, "btf_trace_inet_sock_set_state",
							     nothing, COUNT_OF(nothing));
	/* Without the tracepoint there is nowhere to ask, and that is what is missing. */
	features->has_read_kernel = !features->has_state_tracepoint || has_kernel_reads(btf);
	features->has_send_tracepoint =
		can_load_tracepoint(btf, "btf_trace_sock_send_length", nothing, COUNT_OF(nothing));
	features->has_iter_storage =
		can_load_iterator(btf, "bpf_iter_bpf_sk_storage_map", nothing, COUNT_OF(nothing));
	features->has_ringbuf = libbpf_probe_bpf_map_type(BPF_MAP_TYPE_RINGBUF, NULL) == 1;
	if (map_fd < 0)
		return;
	features->has_socket_storage = has_storage_in_tracepoint(btf, map_fd);
	features->has_iter_files = has_storage_in_file_iterator(btf, map_fd);
	close(map_fd);
}

int features_bpf_probe(struct features *features, const char *btf_path)
{
	struct btf *btf = btf__parse_raw(btf_path);

	if (!btf)
		return errno == ENOMEM ? -ENOMEM : 0;
	features->has_btf = true;
	features->has_kernel_types =
		has_members(btf, features->missing_member, sizeof(features->missing_member));
	probe_programs(features, btf);
	features->untried &= ~(1U << FEATURE_READ_KERNEL | 1U << FEATURE_STATE_TRACEPOINT |
			       1U << FEATURE_SOCKET_STORAGE | 1U << FEATURE_KERNEL_TYPES |
			       1U << FEATURE_RINGBUF | 1U << FEATURE_ITER_FILES |
			       1U << FEATURE_ITER_STORAGE | 1U << FEATURE_SEND_TRACEPOINT);
	btf__free(btf);
	return 0;
}

/* The guard that lets others come in between is new with the change that has put it there. */
bool features_bpf_is_tracing_preemptible(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	bool answer = btf && btf__find_by_name_kind(btf, "class_srcu_fast_notrace_t",
						    BTF_KIND_TYPEDEF) > 0;

	btf__free(btf);
	return answer;
}
