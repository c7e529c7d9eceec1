/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * To number what a program stands at, libbpf reads all of the kernel's types, 5 MB, and looks through
 * them once for each program: a tenth of what perfd takes to start. The numbers are known here already,
 * so the programs are opened as ones that need none, and become what they are when they are loaded.
 */

#include "daemon/capture/attach-points.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/base/text.h"

#define TRACEPOINT "tp_btf/"
#define ITERATOR "iter/"

/* What stands there has this name among the kernel's types: the kernel's TRACE_EVENT and
 * DEFINE_BPF_ITER_FUNC. False: the program is of another kind. */
static bool point_of(const struct bpf_program *program, struct kernel_type *ret_type)
{
	const char *section = bpf_program__section_name(program);
	bool is_tracepoint = text_starts_with(section, TRACEPOINT);

	if (!is_tracepoint && !text_starts_with(section, ITERATOR))
		return false;
	*ret_type = (struct kernel_type){
		.kind = is_tracepoint ? BTF_KIND_TYPEDEF : BTF_KIND_FUNC,
	};
	snprintf(ret_type->name, sizeof(ret_type->name), "%s%s",
		is_tracepoint ? "btf_trace_" : "bpf_iter_", strchr(section, '/') + 1);
	return true;
}

/* Called by libbpf for each program that it loads. */
static int prepare(struct bpf_program *program, struct bpf_prog_load_opts *options, long cookie)
{
	const struct attach_points *points = (const struct attach_points *)cookie;
	struct kernel_type type;

	if (!point_of(program, &type))
		return -EINVAL;
	for (size_t i = 0; i < points->n; i++)
		if (!strcmp(points->types[i].name, type.name))
			options->attach_btf_id = points->types[i].id;
	return options->attach_btf_id ? bpf_program__set_type(program, BPF_PROG_TYPE_TRACING)
				      : -ESRCH;
}

static int handle(struct attach_points *points, const char *section, enum bpf_attach_type type)
{
	struct libbpf_prog_handler_opts options;
	int r;

	memset(&options, 0, sizeof(options));
	options.sz = sizeof(options);
	options.cookie = (long)points;
	options.prog_prepare_load_fn = prepare;
	r = libbpf_register_prog_handler(section, BPF_PROG_TYPE_RAW_TRACEPOINT, type, &options);
	return r < 0 ? r : r + 1;
}

int attach_points_init(struct attach_points *points)
{
	int r = handle(points, TRACEPOINT, BPF_TRACE_RAW_TP);

	if (r < 0)
		return r;
	points->tracepoint_handler = r;
	r = handle(points, ITERATOR, BPF_TRACE_ITER);
	if (r < 0)
		return r;
	points->iterator_handler = r;
	return 0;
}

void attach_points_done(struct attach_points *points)
{
	if (points->tracepoint_handler)
		libbpf_unregister_prog_handler(points->tracepoint_handler - 1);
	if (points->iterator_handler)
		libbpf_unregister_prog_handler(points->iterator_handler - 1);
}

int attach_points_find(struct attach_points *points, const struct bpf_object *object)
{
	struct kernel_type type;
	struct bpf_program *program;

	bpf_object__for_each_program(program, object)
	{
		if (!point_of(program, &type))
			continue;
		if (points->n == ARRAY_SIZE(points->types))
			return -E2BIG;
		points->types[points->n++] = type;
	}
	return 0;
}

int attach_points_attach(struct bpf_object_skeleton *skeleton)
{
	for (int i = 0; i < skeleton->prog_cnt; i++) {
		const struct bpf_prog_skeleton *item = &skeleton->progs[i];

		if (!text_starts_with(bpf_program__section_name(*item->prog), TRACEPOINT))
			continue;
		*item->link = bpf_program__attach_trace(*item->prog);
		if (!*item->link)
			return -errno;
	}
	return 0;
}
