/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Any text as /proc/kallsyms. */

#include <stdlib.h>
#include <string.h>

#include "daemon/symbolize/kernel-symbols.h"
#include "proto/base/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	CLEANUP(freep) char *text = strndup((const char *)bytes, n);
	struct kernel_symbols *symbols;
	const char *module = NULL, *name;

	if (!text || kernel_symbols_parse(text, &symbols))
		return 0;
	for (uint64_t i = 0; i < 64; i++) {
		name = kernel_symbols_find(symbols, i << i, &module);
		if (name && strlen(name) + strlen(module) > n)
			abort();
	}
	kernel_symbols_free(symbols);
	return 0;
}
