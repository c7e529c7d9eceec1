/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A filter is made whole and then loaded: until then nothing is forbidden. */

#include "proto/base/call-filter.h"

#include <errno.h>
#include <sys/mman.h>

int call_filter_allow_data(scmp_filter_ctx filter)
{
	struct scmp_arg_cmp no_exec = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	int r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, no_exec);

	return r ? r : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, no_exec);
}

static int add_rule(scmp_filter_ctx filter, const struct call_rule *rule)
{
	int r = 0;

	for (size_t i = 0; i < rule->n_calls && !r; i++)
		r = seccomp_rule_add(filter, rule->action, rule->calls[i], 0);
	return r;
}

int call_filter_load(
	uint32_t otherwise, const struct call_rule *rules, size_t n_rules, call_filter_adder *add)
{
	scmp_filter_ctx filter = seccomp_init(otherwise);
	int r;

	if (!filter)
		return -ENOMEM;
	r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (!r)
		r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1); /* for all threads */
	for (size_t i = 0; i < n_rules && !r; i++)
		r = add_rule(filter, &rules[i]);
	if (!r && add)
		r = add(filter);
	if (!r)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r;
}
