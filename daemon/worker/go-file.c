/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Where Go's linker puts its table: a section of its own, which position-independent programs keep
 * among what is relocated. There the table does not say where the code is: .text does. */

#include "daemon/worker/go-file.h"

#include "proto/base/cleanup.h"

bool go_file_find(const struct elf_file *file, struct go_code *ret_code)
{
	static const char *const names[] = {".gopclntab", ".data.rel.ro.gopclntab"};
	struct go_code code = {0};
	struct elf_bytes bytes, text;
	uint64_t address;

	if (!elf_file_section(file, ".text", &text, &address))
		return false;
	code.data = text.data;
	code.size = text.size;
	code.address = address;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!elf_file_section(file, names[i], &bytes, NULL) ||
			!go_functions_open(bytes.data, bytes.size, address, &code.functions))
			continue;
		*ret_code = code;
		return true;
	}
	return false;
}
