/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdint.h>
#include <time.h>

#define NS_PER_SECOND UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_US UINT64_C(1000)

/* The clock in nanoseconds: CLOCK_MONOTONIC is what kernel samples carry (bpf_ktime_get_ns). */
uint64_t time_now_ns(clockid_t clock);

/* "2026-11-21 14:05:09" in the user's zone, into text (at least 20 bytes), which is returned. */
char *time_format(uint64_t realtime_ns, char *text, size_t size);
