/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Any text as what the kernel calls an address. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/symbolize/kernel-symbols.h"
#include "proto/base/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static int tell(void *userdata, uint64_t address, char *text, size_t size)
{
	snprintf(text, size, "%s", (const char *)userdata);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	CLEANUP(freep) char *text = strndup((const char *)bytes, n);
	struct kernel_symbols *symbols;
	const char *module = NULL, *name;

	if (!text || kernel_symbols_new(tell, text, &symbols))
		return 0;
	for (uint64_t i = 0; i < 64; i++) {
		name = kernel_symbols_find(symbols, i << i, &module);
		if (name && strlen(name) + strlen(module) > n)
			abort();
		if (i == 32)
			kernel_symbols_refresh(symbols);
	}
	kernel_symbols_free(symbols);
	return 0;
}
