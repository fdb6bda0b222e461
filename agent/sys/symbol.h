/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an address in another process is called.
 */
#ifndef CONNLEAK_SYS_SYMBOL_H
#define CONNLEAK_SYS_SYMBOL_H

#include "core/site.h"
#include "image.h"

/* The strings of one frame. */
struct symbol {
	char function[256]; /* demangled, without parameters; "" = unknown */
	char module[64]; /* base name of the file; "" = code of no file */
	char file[64]; /* of the source, base name; "" = unknown */
	char build_id[17]; /* the first 8 bytes in hex; "" = none */
	uint64_t offset; /* into the module's file */
	uint32_t line; /* 0 = unknown */
	bool is_jit;
	const char *reason; /* static: why there is no function; NULL = there is */
};

/* Always fills *ret_symbol: where there is no name, with module, offset and the reason. */
void symbol_find(struct image *image, uint64_t address, struct symbol *ret_symbol);

/*
 * Functions that the compiler has put into the one at address, innermost first, where DWARF says
 * so; outer is the function at address itself, and gets the line that calls the outermost of them.
 * Returns their number.
 */
uint32_t symbol_find_inlined(struct image *image, uint64_t address, struct symbol *outer,
			     struct symbol *ret_symbols, uint32_t room);

/* A name of C++, Rust (both manglings), D ... as people write it; others as they are. */
void symbol_demangle(const char *name, char *buffer, size_t size);

/*
 * What V8 calls a function in a perf map, its kind and tier first: "LazyCompile:~save
 * /app/orders.js:41:7", "Function:^save node:net:933", "Builtin:Call". Fills function, file and
 * line, or module.
 */
void symbol_from_v8(const char *name, struct symbol *symbol);

/* The symbol as a frame of a site; borrows its strings. */
void symbol_to_frame(const struct symbol *symbol, struct site_frame *ret_frame);

#endif
