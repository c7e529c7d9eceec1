/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "proto/profile/profile.h"

/* The order to write samples in, that which the reader is quickest with: by their stacks' frames from
 * the root on, and those of one stack as they are. To be freed by the caller. 0 or -ENOMEM. */
int pprof_order_samples(const struct profile *profile, uint32_t **ret_order);
