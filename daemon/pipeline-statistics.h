/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the corridor has done so far and what that has cost, and how it is held back. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/symbolize/fetcher.h"
#include "daemon/tables.h"

struct pipeline;
struct ledger_sums;

struct pipeline_statistics {
	uint64_t n_taken, n_lost, n_missed, n_objects, n_workers, n_worker_restarts, n_wanted,
		n_named;
	struct fetcher_statistics fetcher;
	struct tables_statistics tables;
	uint64_t n_tables_dropped;
	const struct ledger_sums *sums; /* of profiles that were finished */
	double kernel_ns_per_sample; /* < 0: none was timed */
	const char *event, *mappings;
};

/* What the parts of the corridor have cost so far, and hold. */
struct pipeline_cost {
	uint64_t ticks_ns, tasks_ns; /* in the kernel: at ticks; at forks, execs and exits */
	uint64_t tables_ns, naming_ns; /* of workers */
	uint64_t kernel_bytes; /* maps and unwind tables */
	bool is_in_foreground; /* somebody records: what is spent is not for the background alone */
};
void pipeline_cost(const struct pipeline *pipeline, struct pipeline_cost *ret_cost);
/* What tables and naming may use, of one CPU; from 1 on they are not held back. */
void pipeline_set_shares(struct pipeline *pipeline, double tables, double naming);
/* Lets go of files that no sample has met for so long, of names that none has met since the last call
 * but one, and of memory that is free. Does nothing while somebody records. */
void pipeline_age(struct pipeline *pipeline, uint64_t age_ns);
/* Lets go of files that are in the way of an unmount: see acquisition_part(). Does nothing while somebody
 * records. */
void pipeline_part(struct pipeline *pipeline, uint64_t idle_ns);
/* Ends workers that have nothing to do. */
void pipeline_trim(struct pipeline *pipeline);

void pipeline_statistics(struct pipeline *pipeline, struct pipeline_statistics *ret_statistics);
