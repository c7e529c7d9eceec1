/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Which system calls a helper process may make: the one door to libseccomp, whose names of calls and
 * actions are used as they are. */

#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>

/* What becomes of some calls. */
struct call_rule {
	uint32_t action; /* SCMP_ACT_… */
	const int *calls; /* SCMP_SYS(…) */
	size_t n_calls;
};

/* Adds rules that are about arguments. 0 or a negative errno. */
typedef int call_filter_adder(scmp_filter_ctx filter);

/* Memory that cannot be executed may be mapped and protected. */
call_filter_adder call_filter_allow_data;

/*
 * Holds for all threads of this process from now on, and for ever; `otherwise` is for calls without a
 * rule, and those of another architecture kill. `add` may be NULL. 0 or a negative errno.
 */
int call_filter_load(
	uint32_t otherwise, const struct call_rule *rules, size_t n_rules, call_filter_adder *add);
