/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdint.h>

/* Why an operation did not happen: the varlink errors of org.perfctl.profiler. */
enum failure_kind {
	FAILURE_NONE,
	FAILURE_NOT_PERMITTED, /* pid (0: none), text: the rule */
	FAILURE_NO_SUCH_TARGET, /* what: target, text: why */
	FAILURE_NO_SUCH_RECORDING, /* what */
	FAILURE_NO_SUCH_PROFILE, /* what */
	FAILURE_RESOURCE_LIMIT, /* what, limit */
	FAILURE_NOT_SUPPORTED, /* what: feature, text: why */
	FAILURE_FAILED, /* what, text: why */
};

struct failure {
	enum failure_kind kind;
	uint32_t pid;
	uint64_t limit;
	char what[64];
	char text[192];
};

void failure_set(struct failure *failure, enum failure_kind kind, const char *what,
	const char *format, ...) __attribute__((format(printf, 4, 5)));
