/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "proto/profile/profile.h"

/* Into the conditions of a profile that is not sealed: model and governor of the CPU, whether this is
 * a virtual machine, the load. What cannot be read stays empty. 0 or -ENOMEM. */
int environment_add(struct profile *profile);
