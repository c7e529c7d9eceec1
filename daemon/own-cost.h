/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What this process and its helpers have used so far, and hold now. */

#include <stdint.h>

struct own_cost {
	uint64_t user_ns, system_ns; /* of this process */
	uint64_t helpers_user_ns, helpers_system_ns; /* of all its children, those that ended too */
	uint64_t resident_bytes, helpers_resident_bytes;
};

/* What cannot be read counts as zero. */
void own_cost_read(struct own_cost *ret_cost);
