/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the administrator decides: /etc/perfd/perfd.conf, and what lies beside it in perfd.conf.d. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_PATH PERFCTL_CONFIG_DIRECTORY "/perfd.conf"
#define CONFIG_MAX_FRAMES 1024
#define CONFIG_MEMORY_MIN (UINT64_C(32) << 20)
#define CONFIG_FREQUENCY_MAX 999 /* of what never ends */
#define CONFIG_LIST_MAX 64 /* entries */

struct config {
	char *admin_group; /* whose members may do all; empty: nobody but root */
	uint32_t max_frames; /* of a user stack */
	uint64_t memory_bytes; /* for profiles of recordings, in all */
	char **debug_directories; /* absolute paths, the last one NULL */
	char **debuginfod_urls; /* the same; empty: nothing is fetched */
	uint64_t debuginfod_max_bytes; /* of one file */
	bool continuous_enabled;
	double continuous_frequency; /* Hz */
	uint64_t continuous_window_ns;
	char *continuous_event; /* "cpu", "cpu-clock" */
	/* Units, and control groups by their path below the root ("/a/b"); NULL-terminated. */
	char **continuous_targets; /* empty: the whole system */
	char **continuous_exclude;
	double budget_cpu; /* of one CPU; 0: by the number of CPUs */
	uint64_t budget_memory, budget_helper_memory; /* bytes */
	char *store_path; /* absolute; of the file */
	uint64_t store_max_bytes, store_max_age_ns;
};

/* Why a configuration is not good: one sentence, with file and line where it has them. */
struct config_problem {
	char text[512];
};

/*
 * The defaults, then the file, then the files *.conf in the directory of its name with ".d" behind
 * it, by name. `path` NULL: CONFIG_PATH, which may be missing; any other must be there. The caller
 * frees. 0; -EINVAL or the errno of opening a file, with the problem said; or -ENOMEM.
 */
int config_load(const char *path, struct config_problem *ret_problem, struct config **ret_config);
struct config *config_free(struct config *config);
void config_freep(struct config **config);

/* How many keys there are. */
size_t config_n_keys(void);
