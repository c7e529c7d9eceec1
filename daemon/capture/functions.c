/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The kernel's functions, each asked for by an address in it, through a program that is run for that:
 * a microsecond each, where all of /proc/kallsyms takes the kernel some 50 ms to print. It needs no
 * right but those to load the program: neither CAP_SYSLOG nor a kernel.kptr_restrict that allows it.
 */

#include "daemon/capture/functions.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>

#include "bpf/abi.h"
#include "bpf/perfd.skel.h"

int functions_tell(struct perfd_bpf *bpf, uint64_t address, char *text, size_t size)
{
	LIBBPF_OPTS(bpf_test_run_opts, options);
	int r;

	bpf->bss->function.address = address;
	r = bpf_prog_test_run_opts(bpf_program__fd(bpf->progs.on_function), &options);
	if (r < 0)
		return r;
	snprintf(text, size, "%s", bpf->bss->function.text);
	return 0;
}
