/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What would name the code of one process, without recording it: each file that it has mapped
 * executable, and what its run-time tells of code that is in no file.
 */

#include "daemon/base/loop.h"
#include "daemon/opener/opener.h"
#include "daemon/server/operations.h"
#include "daemon/symbolize/jit-symbols.h"
#include "daemon/symbolize/symbolizer.h"

struct examination;

struct examination_config {
	struct loop *loop; /* all borrowed */
	struct opener *opener;
	struct symbolizer *symbolizer;
	struct jit_symbols *jit_symbols;
	struct jit_process_id process;
	struct examination_observer *observer; /* told once, from the loop */
	/* It is over: the examination is to be freed. */
	void (*on_end)(void *userdata, struct examination *examination);
	void *userdata;
};

/* 0 or a negative errno. */
int examination_new(const struct examination_config *config, struct examination **ret_examination);
/* Takes NULL, returns NULL. */
struct examination *examination_free(struct examination *examination);
bool examination_is_for(
	const struct examination *examination, const struct examination_observer *observer);
