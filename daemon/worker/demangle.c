/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The door to libiberty, whose header shares macro names with ours. Its recursion is limited by
 * itself; how much text a short name can unfold to is not, which the job's deadline covers.
 */

#include "daemon/worker/demangle.h"

#include <libiberty/demangle.h>
#include <string.h>

/* A longer name was made to cost time. */
#define NAME_MAX_BYTES 4096

char *demangle(const char *name)
{
	if (strncmp(name, "_Z", 2) && strncmp(name, "_R", 2))
		return NULL;
	if (strnlen(name, NAME_MAX_BYTES) == NAME_MAX_BYTES)
		return NULL;
	return cplus_demangle(name, DMGL_PARAMS | DMGL_ANSI | DMGL_AUTO);
}
