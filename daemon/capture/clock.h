/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The sampling clock: one perf event on each online CPU whose period is redrawn by up to ±50 % at random
 * moments, so that it cannot lock in with a program that has a period of its own.
 */

#include <stdbool.h>
#include <stdint.h>

#include "bpf/abi.h"
#include "daemon/base/loop.h"

struct clock;

struct clock_config {
	struct loop *loop; /* borrowed */
	int prog_fd; /* the perf_event program that each tick runs; borrowed */
	/* A CPU has come back meanwhile: the kernel side must know of the new setting. */
	void (*on_change)(void *userdata, const struct abi_clock *setting);
	/* How many ticks of this CPU have been kept, ever? What is sampled much is redrawn often. */
	uint64_t (*on_count)(void *userdata, unsigned cpu);
	/* Awake, for the sake of the clock: what else is due may be done at once. */
	void (*on_wake)(void *userdata);
	void *userdata;
};

int clock_new(const struct clock_config *config, struct clock **ret_clock);
struct clock *clock_free(struct clock *clock);

/*
 * Ticks from now on with a rate that serves recordings of up to frequency_hz by random thinning;
 * 0 stops. Fills in what the kernel side must know. 0, or a negative errno of perf_event_open, with
 * the clock stopped.
 */
int clock_set(
	struct clock *clock, double frequency_hz, bool is_cpu_clock, struct abi_clock *ret_setting);

/* "cycles" or "cpu-clock"; before the first start, what would be taken. */
const char *clock_event(struct clock *clock);

/*
 * A period (ns) for recordings of up to frequency_hz: 1.08 / frequency_hz at most, and a third of that at
 * least, from 1.5 kHz on more; `uniform` is from 0 to 1. And how many ticks come in a second, in the mean over such periods.
 */
double clock_draw_period_ns(double frequency_hz, double uniform);
double clock_base_hz(double frequency_hz);

/* How often the period is redrawn, a second, at a base rate, where all that can be is kept. */
double clock_redraw_hz(double base_hz);

/*
 * The chance of a CPU to be redrawn where another has 1 of whose ticks each is kept: `share` is what
 * was known of it before its present period, kept / wanted is what came of that, in seconds.
 */
double clock_redraw_share(double share, double kept, double wanted, double seconds);
