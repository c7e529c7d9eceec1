/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum doctor_state {
	DOCTOR_OK,
	DOCTOR_NOTE, /* recording works, less well */
	DOCTOR_BAD, /* recording cannot work */
	DOCTOR_UNKNOWN, /* cannot be told with the caller's rights */
};

struct doctor_finding {
	enum doctor_state state;
	char found[160]; /* what is the case */
	const char *mend; /* NULL: nothing to do */
};

struct doctor_check {
	const char *name; /* of the check, for programs: "kernel" */
	const char *label;
	void (*examine)(struct doctor_finding *finding);
};

/* May the caller sample without the service: with the capabilities, and no filter in the way? */
bool doctor_may_sample(void);

/* What can be told without the daemon. */
extern const struct doctor_check doctor_checks[];
extern const size_t doctor_n_checks;
