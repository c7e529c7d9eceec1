/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The sampling clock: a few perf events on each online CPU whose periods are drawn at random and redrawn
 * at random moments, so that it cannot lock in with a program, be it that this has a period of its own,
 * be it that the ticks wake it.
 */

#include <stdbool.h>
#include <stdint.h>

#include "bpf/abi.h"
#include "daemon/base/loop.h"

struct clock;

/* Of a CPU: pairs. Kept small, for each takes a descriptor and a kilobyte of the kernel. */
#define CLOCK_EVENTS 4

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

/* How many ticks a second serve recordings of up to frequency_hz: so many, and one at least. */
double clock_hz(double frequency_hz);

/*
 * Ticks from now on, clock_hz() of them a second on each CPU: recordings that want fewer thin them at
 * random; 0 stops. Fills in what the kernel side must know. 0, or a negative errno of perf_event_open,
 * with the clock stopped.
 */
int clock_set(
	struct clock *clock, double frequency_hz, bool is_cpu_clock, struct abi_clock *ret_setting);

/* CPUs come and go, and nobody tells: to be called every half second to two, while awake anyway. */
void clock_look(struct clock *clock);

/* "cycles" or "cpu-clock"; before the first start, what would be taken. */
const char *clock_event(struct clock *clock);

/* The rate of one event of a pair, for a `uniform` from 0 to 1; the other has what is left of 2 mean_hz. */
double clock_draw_hz(double mean_hz, double uniform);

/*
 * The period (ns) that makes event_hz ticks a second, though redraw_hz times a second, at exponentially
 * distributed moments, it begins anew: of such a stay, the expected number of whole periods p is
 * 1 / (exp(redraw_hz * p) - 1).
 */
double clock_period_ns(double event_hz, double redraw_hz);

/* How often a CPU is redrawn, a second, of whose ticks all that can be are kept. */
double clock_redraw_hz(double frequency_hz);

/*
 * The chance of a CPU to be redrawn where another has 1 of whose ticks each is kept: `share` is what
 * was known of it before its present period, kept / wanted is what came of that, in seconds.
 */
double clock_redraw_share(double share, double kept, double wanted, double seconds);
