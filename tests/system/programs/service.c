/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A service that answers requests: each is parsed, looked up and replied to. The
 * slower build looks up three times as long.
 */

#include <stdint.h>
#include <time.h>

#ifndef LOOK_UP_ROUNDS
#define LOOK_UP_ROUNDS 1
#endif

#define STEP(name)                                                                                 \
	__attribute__((noinline)) void name(uint64_t n);                                           \
	void name(uint64_t n)                                                                      \
	{                                                                                          \
		for (volatile uint64_t i = 0; i < n; i++)                                          \
			;                                                                          \
	}

STEP(parse_request)
STEP(look_up_record)
STEP(send_reply)

int main(void)
{
	for (;;) {
		parse_request(400000);
		look_up_record(400000 * LOOK_UP_ROUNDS);
		send_reply(400000);
		nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
	}
}
