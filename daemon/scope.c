/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Once a group was found, the kernel side follows it by its path. What is not there has no path that
 * would be known: a unit may come up in any slice. So it is looked for again, now and then.
 */

#include "daemon/scope.h"

#include "daemon/target/cgroup-set.h"
#include "proto/base/cleanup.h"
#include "proto/base/log.h"

/* 0, > 0: it is not there (as cgroup_set_find), or a negative errno. */
static int name_take(struct pipeline_recording *recording, const char *name, bool is_left_out,
	struct cgroup_problem *ret_problem)
{
	CLEANUP(cgroup_set_done) struct cgroup_set set = {};
	bool is_path = *name == '/';
	const struct selector selector = {
		.units = &name,
		.n_units = !is_path,
		.cgroups = &name,
		.n_cgroups = is_path,
	};
	int r = cgroup_set_find(&selector, &set, ret_problem);

	for (size_t i = 0; i < set.n && !r; i++)
		r = pipeline_add_cgroup(recording,
			&(struct capture_cgroup){
				.id = set.found[i].group.id,
				.depth = set.found[i].group.depth,
				.path = set.found[i].group.path,
				.is_left_out = is_left_out,
			});
	return r;
}

int scope_take(struct pipeline_recording *recording, char *const *names, bool is_left_out,
	bool is_said, uint64_t *found)
{
	struct cgroup_problem problem;

	for (size_t i = 0; names && names[i]; i++) {
		int r = *found >> i & 1 ? 0 : name_take(recording, names[i], is_left_out, &problem);

		if (r < 0)
			return r;
		if (!r)
			*found |= UINT64_C(1) << i;
		else if (is_said)
			log_info("continuous profiles: %s: %s; looking again now and then",
				problem.what, problem.why);
	}
	return 0;
}
