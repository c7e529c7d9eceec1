/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Time earns, work spends. What one piece of work will cost is not known before, so work may begin
 * whenever anything is left, and the next one waits until what it took too much is earned.
 */

#include "daemon/base/allowance.h"

#include <math.h>

#include "proto/base/time.h"

/* So much of the share can be saved, and so long may one wait be. */
#define SAVED_NS (5.0 * NS_PER_SECOND)
#define WAIT_MAX_NS (5.0 * NS_PER_SECOND)

void allowance_set(struct allowance *allowance, double share)
{
	allowance->share = share >= 1 ? 0 : fmax(share, 1e-6);
}

uint64_t allowance_wait_ns(struct allowance *allowance, uint64_t now_ns, uint64_t used_ns)
{
	double earned_ns = allowance->share * (double)(now_ns - allowance->time_ns);
	double spent_ns = (double)(used_ns - allowance->used_ns);

	allowance->time_ns = now_ns;
	allowance->used_ns = used_ns;
	if (!allowance->share) {
		allowance->credit_ns = 0;
		return 0;
	}
	allowance->credit_ns = fmin(
		allowance->credit_ns + earned_ns - spent_ns, allowance->share * SAVED_NS);
	if (allowance->credit_ns >= 0)
		return 0;
	return (uint64_t)fmin(-allowance->credit_ns / allowance->share, WAIT_MAX_NS) + 1;
}
