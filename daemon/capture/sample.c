/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The kernel's numbers for the end of a walk become words. */

#include "daemon/capture/sample.h"

const struct sample_stop *sample_stop_find(unsigned stop)
{
	static const struct sample_stop stops[] = {
#define STOP(name, word, class, sentence) [ABI_STOP_##name] = {word, SAMPLE_STOP_##class, sentence},
#include "bpf/stop-reason.def"
#undef STOP
	};
	static const struct sample_stop unknown = {
		"unknown", SAMPLE_STOP_TRUNCATED, "a reason that this version does not know"};

	return stop < ABI_STOP_COUNT ? &stops[stop] : &unknown;
}
