/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Clocks as 64-bit nanoseconds. */

#include "proto/base/time.h"

uint64_t time_now_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

char *time_format(uint64_t realtime_ns, char *text, size_t size)
{
	time_t seconds = (time_t)(realtime_ns / NS_PER_SECOND);
	struct tm local;

	localtime_r(&seconds, &local);
	if (!strftime(text, size, "%Y-%m-%d %H:%M:%S", &local))
		text[0] = '\0';
	return text;
}
