/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Whether one more recording may begin: what it asks for, against the limits and against what others
 * have under way (daemon/base/limits.h).
 */

#include "daemon/access/access.h"
#include "daemon/server/operations.h"
#include "proto/base/list.h"

/* `recordings` is a list of struct recording. 0, or -EDQUOT with the limit named in *ret_failure. */
int admission_check(const struct list *recordings, const struct access_caller *caller,
	const struct recording_request *request, struct failure *ret_failure);
