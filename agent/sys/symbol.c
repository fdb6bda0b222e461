// SPDX-License-Identifier: Apache-2.0
/*
 * Names for addresses: from .symtab, .dynsym, .gnu_debugdata and separate debug files (libdwfl
 * reads them all), lines from DWARF, code of no file from the map of its JIT compiler.
 *
 * Invariant: a name is only given where the symbol's own size covers the address. libdwfl would
 * name the nearest symbol before it too, and in a stripped program that is somebody else.
 */
#include "symbol.h"

#include <dwarf.h>
#include <libiberty/demangle.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNITS_MAX 20000 /* that are looked through for one address: some 20 ms */

static void put(char *buffer, size_t size, const char *text)
{
	(void)snprintf(buffer, size, "%s", text); /* cut off is good enough */
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* "core::ops::function::h0123456789abcdef": the hash of the legacy mangling tells nothing. */
static void drop_rust_hash(char *name)
{
	char *last = strstr(name, "::h"), *next;

	while (last && (next = strstr(last + 1, "::h")))
		last = next;
	if (last && strlen(last) == 19 && strspn(last + 3, "0123456789abcdef") == 16)
		*last = '\0';
}

/* "save.isra.0", "save.part.1.cold": clones that the compiler has made of one function. */
static void drop_clone_suffix(char *name)
{
	static const char *const suffixes[] = {".isra.", ".constprop.", ".part.",
					       ".cold",	 ".lto_priv.",	".llvm."};

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		char *suffix = strstr(name, suffixes[i]);

		if (suffix && suffix != name)
			*suffix = '\0';
	}
}

void symbol_demangle(const char *name, char *buffer, size_t size)
{
	char *plain = NULL;

	/* libiberty gives up by itself where a name nests too deep. */
	if (name[0] == '_' && strlen(name) < 4096)
		plain = cplus_demangle(name, DMGL_AUTO);
	put(buffer, size, plain ? plain : name);
	free(plain);
	drop_clone_suffix(buffer);
	drop_rust_hash(buffer);
}

/* --- files ------------------------------------------------------------------------------------ */

static void fill_build_id(Dwfl_Module *module, struct symbol *symbol)
{
	const unsigned char *id;
	GElf_Addr address;
	int length = dwfl_module_build_id(module, &id, &address);

	for (int i = 0; i < length && i < 8; i++)
		(void)snprintf(symbol->build_id + 2 * i, 3, "%02x", id[i]);
}

static void fill_function(Dwfl_Module *module, uint64_t address, struct symbol *symbol)
{
	GElf_Off offset;
	GElf_Sym found;
	const char *name = dwfl_module_addrinfo(module, address, &offset, &found, NULL, NULL, NULL);

	if (name && name[0] != '\0' && found.st_size > 0 && offset < found.st_size)
		symbol_demangle(name, symbol->function, sizeof(symbol->function));
}

/*
 * The unit of DWARF that has the address: by .debug_aranges, and where there are none (Go, clang)
 * one by one.
 */
static Dwarf_Die *find_unit(Dwfl_Module *module, uint64_t address, Dwarf_Addr *ret_bias)
{
	Dwarf_Die *unit = dwfl_module_addrdie(module, address, ret_bias);
	Dwarf_Die *next = NULL;

	for (unsigned i = 0; !unit && i < UNITS_MAX; i++) {
		next = dwfl_module_nextcu(module, next, ret_bias);
		if (!next)
			break;
		if (dwarf_haspc(next, address - *ret_bias) == 1)
			unit = next;
	}
	return unit;
}

static void fill_line(Dwfl_Module *module, uint64_t address, struct symbol *symbol)
{
	Dwarf_Addr bias = 0;
	Dwarf_Die *unit = find_unit(module, address, &bias);
	Dwarf_Line *line = unit ? dwarf_getsrc_die(unit, address - bias) : NULL;
	const char *file = line ? dwarf_linesrc(line, NULL, NULL) : NULL;
	int number = 0;

	if (!file || dwarf_lineno(line, &number) != 0 || number <= 0)
		return;
	put(symbol->file, sizeof(symbol->file), base_name(file));
	symbol->line = (uint32_t)number;
}

static const char *why_nameless(struct image *image, uint64_t address)
{
	const char *refusal = image_refusal(image, address);

	return refusal ? refusal : "stripped";
}

/* --- code of no file -------------------------------------------------------------------------- */

/* Cuts ":41" off the end of a source's name; false where there is no number. */
static bool cut_number(char *source, uint32_t *ret_number)
{
	char *colon = strrchr(source, ':');

	if (!colon || colon[1] == '\0' || colon[1 + strspn(colon + 1, "0123456789")] != '\0')
		return false;
	*ret_number = (uint32_t)strtoul(colon + 1, NULL, 10);
	*colon = '\0';
	return true;
}

void symbol_from_v8(const char *name, struct symbol *symbol)
{
	const char *at = strchr(name, ':');
	const char *space;

	at = at ? at + 1 : name;
	at += strspn(at, "~*^+");
	space = strchr(at, ' ');
	if (!space) { /* a builtin, a stub: V8's own */
		put(symbol->function, sizeof(symbol->function), at);
		put(symbol->module, sizeof(symbol->module), "node");
		return;
	}
	(void)snprintf(symbol->function, sizeof(symbol->function), "%.*s", (int)(space - at), at);
	if (symbol->function[0] == '\0')
		put(symbol->function, sizeof(symbol->function), "(anonymous)");
	/* The whole path, for node_modules/ in it; site.c shows the end of it. */
	(void)snprintf(symbol->file, sizeof(symbol->file), "%s",
		       strlen(space + 1) >= sizeof(symbol->file)
			       ? space + 1 + strlen(space + 1) - sizeof(symbol->file) + 1
			       : space + 1);
	/* Of two numbers the second is the column; what node 18 writes has the line alone. */
	if (cut_number(symbol->file, &symbol->line))
		(void)cut_number(symbol->file, &symbol->line);
}

/* "void com.shop.Orders.save(int)", "Lcom/shop/Orders;::save": to com.shop.Orders.save. */
static void fill_java(const char *name, struct symbol *symbol)
{
	size_t length = strcspn(name, "(");
	const char *start = name, *colons = strstr(name, ";::");

	if (name[0] == 'L' && colons) {
		(void)snprintf(symbol->function, sizeof(symbol->function), "%.*s.%s",
			       (int)(colons - name - 1), name + 1, colons + 3);
		for (char *at = symbol->function; *at; at++)
			*at = *at == '/' ? '.' : *at;
		symbol->function[strcspn(symbol->function, "(")] = '\0';
		return;
	}
	if (name[length] == '(')
		for (const char *at = name; at < name + length; at++)
			start = *at == ' ' ? at + 1 : start;
	(void)snprintf(symbol->function, sizeof(symbol->function), "%.*s",
		       (int)(name + length - start), start);
}

static void fill_jit(struct image *image, uint64_t address, struct symbol *symbol)
{
	bool has_map = false;
	const char *name = image_find_jit(image, address, &has_map);

	symbol->is_jit = true;
	symbol->offset = address;
	if (!name) {
		symbol->reason = has_map		  ? "not in its perf map"
				 : image_has_ended(image) ? "the process ended before it was read"
							  : "no perf map";
		return;
	}
	if (image_runtime(image) == RUNTIME_NODE)
		symbol_from_v8(name, symbol);
	else if (image_runtime(image) == RUNTIME_JAVA)
		fill_java(name, symbol);
	else
		symbol_demangle(name, symbol->function, sizeof(symbol->function));
}

/* DWARF of libc, a driver or an interpreter takes long to read, and nobody asks for its lines. */
static bool wants_line(const struct symbol *symbol)
{
	struct site_frame frame;

	symbol_to_frame(symbol, &frame);
	return site_rank(&frame) == RANK_APPLICATION;
}

void symbol_find(struct image *image, uint64_t address, struct symbol *ret_symbol)
{
	const char *path = NULL;
	Dwfl_Module *module;

	memset(ret_symbol, 0, sizeof(*ret_symbol));
	if (!image_find_file(image, address, &path, &ret_symbol->offset)) {
		fill_jit(image, address, ret_symbol);
		return;
	}
	put(ret_symbol->module, sizeof(ret_symbol->module), base_name(path));
	module = dwfl_addrmodule(image_dwfl(image), address);
	if (module) {
		fill_function(module, address, ret_symbol);
		if (wants_line(ret_symbol))
			fill_line(module, address, ret_symbol);
		fill_build_id(module, ret_symbol);
	}
	if (ret_symbol->function[0] == '\0')
		ret_symbol->reason = why_nameless(image, address);
}

/* --- inlined functions ------------------------------------------------------------------------ */

static uint64_t number_of(Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute attribute;
	Dwarf_Word number = 0;

	if (!dwarf_attr(die, name, &attribute) || dwarf_formudata(&attribute, &number))
		return 0;
	return number;
}

/* Where the function around an inlined one calls it, which may be in another file. */
static void fill_call(Dwarf_Die *unit, Dwarf_Die *inlined, struct symbol *outer)
{
	uint64_t file = number_of(inlined, DW_AT_call_file);
	Dwarf_Files *files;
	const char *name = NULL;
	size_t count;

	if (dwarf_getsrcfiles(unit, &files, &count) == 0 && file < count)
		name = dwarf_filesrc(files, file, NULL, NULL);
	outer->line = (uint32_t)number_of(inlined, DW_AT_call_line);
	put(outer->file, sizeof(outer->file), name ? base_name(name) : "");
}

uint32_t symbol_find_inlined(struct image *image, uint64_t address, struct symbol *outer,
			     struct symbol *ret_symbols, uint32_t room)
{
	Dwfl_Module *module = dwfl_addrmodule(image_dwfl(image), address);
	Dwarf_Addr bias = 0;
	Dwarf_Die *unit = module ? find_unit(module, address, &bias) : NULL;
	Dwarf_Die *scopes = NULL;
	int scope_count = unit ? dwarf_getscopes(unit, address - bias, &scopes) : 0;
	uint32_t count = 0;

	for (int i = 0; i < scope_count && count < room; i++) {
		const char *name;

		if (dwarf_tag(&scopes[i]) == DW_TAG_subprogram)
			break;
		if (dwarf_tag(&scopes[i]) != DW_TAG_inlined_subroutine)
			continue;
		name = dwarf_diename(&scopes[i]);
		if (!name)
			continue;
		ret_symbols[count] = *outer;
		put(ret_symbols[count].function, sizeof(ret_symbols[count].function), name);
		ret_symbols[count++].reason = NULL;
		fill_call(unit, &scopes[i], outer);
	}
	free(scopes);
	return count;
}

void symbol_to_frame(const struct symbol *symbol, struct site_frame *ret_frame)
{
	*ret_frame = (struct site_frame){
		.function = symbol->function[0] ? symbol->function : NULL,
		.module = symbol->module[0] ? symbol->module : NULL,
		.file = symbol->file[0] ? symbol->file : NULL,
		.build_id = symbol->build_id[0] ? symbol->build_id : NULL,
		.reason = symbol->reason,
		.offset = symbol->offset,
		.line = symbol->line,
		.kind = symbol->is_jit ? FRAME_JIT : FRAME_NATIVE,
	};
}
