/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The object is loaded for one way to find mappings; what the verifier is shown hangs on it. The
 * kernel's tree comes first: where it is not there, or fails the self-test, all is loaded anew for the
 * mirror.
 */

#include "daemon/capture/object.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "bpf/abi.h"
#include "bpf/perfd.skel.h"
#include "daemon/base/limits.h"
#include "daemon/capture/attach-points.h"
#include "daemon/capture/callers.h"
#include "daemon/capture/kernel-types.h"
#include "daemon/capture/self-test.h"
#include "proto/base/cleanup.h"

int object_problem(struct capture_problem *ret_problem, int r, const char *what, const char *mend)
{
	snprintf(ret_problem->text, sizeof(ret_problem->text), "%s: %s; %s", what, strerror(-r),
		mend);
	return r;
}

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	return 0;
}

static void bpf_destroyp(struct perfd_bpf **bpf)
{
	perfd_bpf__destroy(*bpf);
}

/* The object, which asks `points` when it is loaded; what its own structs are looked up in is in the
 * file, which is needed until then. */
static int object_open(struct attach_points *points, int types_fd,
	struct capture_problem *ret_problem, struct perfd_bpf **ret_bpf)
{
	CLEANUP(bpf_destroyp) struct perfd_bpf *bpf = NULL;
	struct kernel_types_wanted wanted = {};
	struct bpf_object_open_opts options;
	char path[32];
	int r;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", types_fd);
	memset(&options, 0, sizeof(options));
	options.sz = sizeof(options);
	options.btf_custom_path = path;
	bpf = perfd_bpf__open_opts(&options);
	if (!bpf)
		return object_problem(ret_problem, -errno, "cannot open the BPF object",
			"is this build complete?");
	r = attach_points_find(points, bpf->obj);
	wanted.structs = bpf_object__btf(bpf->obj);
	wanted.types = points->types;
	wanted.n_types = points->n;
	if (!r)
		r = kernel_types_extract(KERNEL_TYPES_PATH, &wanted, types_fd);
	if (r < 0)
		return object_problem(ret_problem, r,
			"cannot read the kernel's types in " KERNEL_TYPES_PATH,
			"Linux 6.1 with BTF (CONFIG_DEBUG_INFO_BTF) is needed");
	*ret_bpf = TAKE(bpf);
	return 0;
}

/* Under which key and in how many slots callers are told. */
static int callers_prepare(struct perfd_bpf *bpf)
{
	int n_cpus = libbpf_num_possible_cpus();
	size_t n;
	uint64_t key;

	if (n_cpus < 0)
		return n_cpus;
	if (getrandom(&key, sizeof(key), 0) < 0)
		return -errno;
	n = callers_slots((size_t)n_cpus);
	bpf->rodata->callers_key = key;
	bpf->rodata->callers_mask = (uint32_t)n - 1;
	return bpf_map__set_max_entries(bpf->maps.callers, (uint32_t)n);
}

static int load_for(
	bool use_mirror, struct capture_problem *ret_problem, struct perfd_bpf **ret_bpf)
{
	CLEANUP(attach_points_done) struct attach_points points = {};
	CLEANUP(closep) int types_fd = memfd_create("kernel-types", MFD_CLOEXEC);
	CLEANUP(bpf_destroyp) struct perfd_bpf *bpf = NULL;
	int r = types_fd < 0 ? -errno : attach_points_init(&points);

	if (r < 0)
		return object_problem(
			ret_problem, r, "cannot open the BPF object", "is memory short?");
	r = object_open(&points, types_fd, ret_problem, &bpf);
	if (r < 0)
		return r;
	bpf->rodata->use_mirror = use_mirror;
	r = bpf_map__set_max_entries(bpf->maps.mirrors, use_mirror ? LIMIT_MIRRORS : 1);
	if (!r)
		r = callers_prepare(bpf);
	if (!r)
		r = perfd_bpf__load(bpf);
	if (r < 0)
		return object_problem(ret_problem, r, "cannot load the BPF object",
			r == -EPERM ? "run as root or with CAP_BPF and CAP_PERFMON"
				    : "Linux 6.1 with BTF (CONFIG_DEBUG_INFO_BTF) is needed");
	r = self_test_run(bpf);
	if (r < 0)
		return object_problem(ret_problem, r, "cannot read this kernel's mappings",
			"its maple tree has a layout that is not known here; perfd "
			"--mappings=mirror does without");
	*ret_bpf = TAKE(bpf);
	return 0;
}

int object_load(enum capture_mappings mappings, struct capture_problem *ret_problem,
	struct perfd_bpf **ret_bpf)
{
	int r = -ENOSYS;

	libbpf_set_print(quiet);
	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
	if (mappings != CAPTURE_MAPPINGS_MIRROR)
		r = load_for(false, ret_problem, ret_bpf);
	if (r < 0 && r != -EPERM && mappings != CAPTURE_MAPPINGS_KERNEL)
		r = load_for(true, ret_problem, ret_bpf);
	return r;
}
