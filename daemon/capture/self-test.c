/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The tree of mappings that the kernel side walks is no stable interface: before it is trusted, each
 * of our own mappings must be found there as /proc/self/maps has it, by first and by last byte.
 */

#include "daemon/capture/self-test.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bpf/abi.h"
#include "bpf/perfd.skel.h"
#include "proto/base/cleanup.h"

struct maps_line {
	uint64_t start, end, inode;
};

/* The mappings of this process, at most `max`; returns how many. */
static int maps_read(struct maps_line *lines, size_t max)
{
	CLEANUP(fclosep) FILE *file = fopen("/proc/self/maps", "re");
	char text[4096];
	size_t n = 0;

	if (!file)
		return -errno;
	while (n < max && fgets(text, sizeof(text), file)) {
		struct maps_line *line = &lines[n];

		if (sscanf(text, "%" SCNx64 "-%" SCNx64 " %*s %*s %*s %" SCNu64, &line->start,
			    &line->end, &line->inode) != 3)
			continue;
		if (line->end > 1ull << 47)
			continue; /* vsyscall is no mapping of the process */
		n++;
	}
	return (int)n;
}

int self_test_run(struct perfd_bpf *bpf)
{
	struct maps_line lines[ABI_SELF_TEST_MAX / 2];
	volatile struct abi_self_test *test = &bpf->bss->self_test;
	LIBBPF_OPTS(bpf_test_run_opts, options);
	int n = maps_read(lines, ABI_SELF_TEST_MAX / 2), r;

	if (n <= 0)
		return n < 0 ? n : -ENOENT;
	for (int i = 0; i < n; i++) {
		test->address[2 * i] = lines[i].start;
		test->address[2 * i + 1] = lines[i].end - 1;
	}
	test->n = 2 * (uint32_t)n;
	r = bpf_prog_test_run_opts(bpf_program__fd(bpf->progs.on_self_test), &options);
	if (r < 0)
		return r;
	/* Where there is a mirror, nothing was looked up in the tree. */
	for (int i = 0; i < 2 * n && !bpf->rodata->use_mirror; i++)
		if (test->start[i] != lines[i / 2].start || test->end[i] != lines[i / 2].end)
			return -EPROTO;
	return 0;
}

int self_test_identify(struct perfd_bpf *bpf, int fd, struct abi_file_key *ret_key)
{
	LIBBPF_OPTS(bpf_test_run_opts, options);
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	void *mapping = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	int r;

	if (mapping == MAP_FAILED)
		return -errno;
	bpf->bss->identify.address = (uintptr_t)mapping;
	r = bpf_prog_test_run_opts(bpf_program__fd(bpf->progs.on_identify), &options);
	munmap(mapping, size);
	if (r < 0)
		return r;
	if (options.retval)
		return -ENOENT;
	*ret_key = bpf->bss->identify.key;
	return 0;
}
