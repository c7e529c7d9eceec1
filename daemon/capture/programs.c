/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The iterator of bpf/programs.bpf.h, read to its end. That needs no right but the one to load it, where
 * bpf(2) tells of programs by their ids only to CAP_SYS_ADMIN.
 */

#include "daemon/capture/programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <unistd.h>

#include "bpf/abi.h"
#include "bpf/perfd.skel.h"
#include "daemon/base/limits.h"
#include "daemon/capture/maps.h"
#include "proto/base/buffer.h"
#include "proto/base/cleanup.h"

int programs_read(struct perfd_bpf *bpf, uint64_t (**ret_bounds)[2], size_t *ret_n)
{
	CLEANUP(buffer_done) struct buffer bounds = {};
	CLEANUP(closep) int fd = maps_open_iterator(bpf->progs.on_program, NULL);
	char bytes[4096];
	ssize_t n;

	if (fd < 0)
		return fd;
	while ((n = read(fd, bytes, sizeof(bytes))) > 0 && bounds.size < LIMIT_BPF_PROGRAMS_BYTES)
		buffer_append(&bounds, bytes, (size_t)n);
	if (n < 0)
		return -errno;
	if (buffer_error(&bounds))
		return -ENOMEM;
	*ret_n = bounds.size / sizeof(**ret_bounds);
	*ret_bounds = (void *)buffer_take(&bounds, NULL);
	return 0;
}
