/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Holds what perfd costs under a ceiling: told every few seconds what each stage has cost, it says
 * how far each is to be held back. Pure: no clock, no system call. CPU is in shares of one CPU.
 */

#include <stdbool.h>
#include <stdint.h>

/* What can be held back, each by itself. */
enum budget_stage {
	BUDGET_SAMPLING, /* ticks, their attribution and their way to the disk: all that is no other's */
	BUDGET_TABLES, /* new files and their unwind tables */
	BUDGET_NAMING,
	N_BUDGET_STAGES
};

struct budget_limits {
	double cpu;
	uint64_t own_bytes, helper_bytes; /* of perfd; of its helpers together */
};

/* What the last interval has cost. */
struct budget_cost {
	double seconds; /* how long it was */
	double cpu[N_BUDGET_STAGES];
	uint64_t own_bytes, helper_bytes; /* now */
};

#define BUDGET_FREE 1e9 /* a share that holds nobody back */
#define BUDGET_DIVISOR_MAX 32

/* Steps under pressure of memory: each does what those before it do. */
enum budget_memory {
	BUDGET_MEMORY_EASY,
	BUDGET_MEMORY_GIVE_BACK, /* from 80 % on: what no sample has met lately is forgotten */
	BUDGET_MEMORY_NOTHING_NEW, /* from 90 % on: no new files, tables and names */
	BUDGET_MEMORY_FEW_STACKS, /* from 100 % on: few distinct stacks in a window; the rest is lost */
};

struct budget_orders {
	double divisor; /* of the sampling rate; at least 1 */
	double share[N_BUDGET_STAGES]; /* of tables and naming: what they may use; or BUDGET_FREE */
	enum budget_memory memory;
	bool helpers_are_large; /* idle ones are to be ended */
};

struct budget {
	struct budget_limits limits;
	struct budget_orders orders;
	double credit; /* seconds of CPU that were saved, or (< 0) overdrawn */
};

/* The default ceiling for that many CPUs: 1 % of one, and 0.1 % for each further one. */
double budget_default_cpu(unsigned n_cpus);

/* Other limits may come at any time; nothing is held back before the first step. */
void budget_set(struct budget *budget, const struct budget_limits *limits);

/* Takes the cost of an interval into account; the orders hold until the next step. */
const struct budget_orders *budget_step(struct budget *budget, const struct budget_cost *cost);

/* Is anything held back? Then "sampling", "tables", "naming" or "memory", the first of them that is
 * (as an order of weight: memory, sampling, tables, naming); else NULL. */
const char *budget_held(const struct budget_orders *orders);
