/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Loads the kernel side and prints, for each of its programs, how many instructions the verifier has
 * walked through: "NAME COUNT".
 *
 * usage: verifier-counts
 */

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/abi.h"
#include "bpf/perfd.skel.h"

#define LOG_STATISTICS 4 /* BPF_LOG_STATS of linux/bpf_verifier.h: a line at the end, and no more */
#define LOG_BYTES 65536

int main(void)
{
	struct perfd_bpf *bpf = perfd_bpf__open();
	struct bpf_program *program;
	int r = bpf ? 0 : -errno;

	bpf_object__for_each_program(program, bpf ? bpf->obj : NULL)
	{
		char *log = calloc(1, LOG_BYTES);

		if (!log || bpf_program__set_log_buf(program, log, LOG_BYTES) < 0)
			return 1;
		bpf_program__set_log_level(program, LOG_STATISTICS);
	}
	if (!r)
		r = perfd_bpf__load(bpf);
	if (r < 0) {
		fprintf(stderr, "cannot load: %s\n", strerror(-r));
		return 1;
	}
	bpf_object__for_each_program(program, bpf->obj)
	{
		size_t size;
		const char *log = bpf_program__log_buf(program, &size);
		const char *processed = strstr(log, "processed ");
		unsigned long n;

		if (!processed || sscanf(processed, "processed %lu insns", &n) != 1) {
			fprintf(stderr, "%s: %s\n", bpf_program__name(program), log);
			return 1;
		}
		printf("%s %lu\n", bpf_program__name(program), n);
	}
	perfd_bpf__destroy(bpf);
	return 0;
}
