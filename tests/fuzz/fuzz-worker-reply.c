/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Any bytes as a worker's reply. What is accepted is read to the last byte. */

#include <stdlib.h>
#include <string.h>

#include "daemon/symbolize/worker-reply.h"
#include "proto/base/cleanup.h"
#include "proto/base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void use_text(const char *text)
{
	if (text && !utf8_is_valid(text, strlen(text)))
		abort();
}

static void use(const struct symbol *symbol)
{
	if (!symbol->n_lines && !symbol->unnamed)
		abort();
	for (size_t i = 0; i < symbol->n_lines; i++) {
		use_text(symbol->lines[i].name);
		use_text(symbol->lines[i].system_name);
		use_text(symbol->lines[i].file);
		if (!symbol->lines[i].name)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct worker_reply reply;
	struct worker_probe probe;
	CLEANUP(freep) char *body = NULL;
	CLEANUP(freep) struct symbol_block *block = NULL;

	if (n < sizeof(reply))
		return 0;
	memcpy(&reply, bytes, sizeof(reply));
	n -= sizeof(reply);
	body = malloc(n ? n : 1);
	if (!body)
		return 0;
	memcpy(body, bytes + sizeof(reply), n);
	/* The pool checks this one while it reads. */
	reply.body_size = (uint32_t)n;
	if (!worker_reply_symbols(&reply, body, 8, &block))
		for (size_t i = 0; i < block->n; i++)
			use(&block->symbols[i]);
	if (!worker_reply_probe(&reply, body, &probe) &&
		(strchr(probe.debug_link, '/') || strchr(probe.alternate, '/')))
		abort();
	return 0;
}
