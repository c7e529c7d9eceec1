/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "proto/profile/profile.h"

/*
 * Indexes of the samples, ordered by time slice; where `by_thread`, by thread first. Malloc'ed,
 * n_samples long, never NULL. 0 or -ENOMEM.
 */
int stacks_order(const struct profile *profile, bool by_thread, uint32_t **ret_order);

/* The name of a sample's thread: its own, else its process's. Never NULL. */
const char *stacks_thread_name(const struct profile *profile, uint32_t thread);
