// SPDX-License-Identifier: GPL-2.0-or-later
/* What a measurement was made on: what a reader must know to compare it with another. */

#include "cli/environment.h"

#include <fcntl.h>
#include <string.h>

#include "proto/base/cleanup.h"
#include "proto/base/text.h"

#define FILE_BYTES_MAX (1024 * 1024)

/* The first line of a file, up to its end or `n_words` words; NULL if there is none. */
static char *line_read(const char *path, unsigned n_words)
{
	CLEANUP(freep) char *text = NULL;
	size_t size, i;

	if (text_read_file(AT_FDCWD, path, FILE_BYTES_MAX, &text, &size) < 0)
		return NULL;
	for (i = 0; text[i] && text[i] != '\n'; i++)
		if (text[i] == ' ' && n_words && !--n_words)
			break;
	text[i] = '\0';
	return TAKE(text);
}

/* What stands behind "KEY\t: " in /proc/cpuinfo, of the first CPU. */
static char *cpuinfo_find(const char *cpuinfo, const char *key)
{
	const char *line = strstr(cpuinfo, key), *colon = line ? strstr(line, ": ") : NULL;

	return colon ? strndup(colon + 2, strcspn(colon + 2, "\n")) : NULL;
}

static int set(struct profile *profile, const char *text, uint32_t *id)
{
	return text ? profile_add_string(profile, text, id) : 0;
}

int environment_add(struct profile *profile)
{
	struct profile_conditions *conditions = &profile->conditions;
	CLEANUP(freep) char *cpuinfo = NULL;
	CLEANUP(freep) char *model = NULL, *flags = NULL;
	CLEANUP(freep)
	char *governor = line_read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", 0);
	CLEANUP(freep) char *load = line_read("/proc/loadavg", 3);
	CLEANUP(freep) char *vendor = line_read("/sys/class/dmi/id/sys_vendor", 0);
	size_t size;
	int r;

	if (text_read_file(AT_FDCWD, "/proc/cpuinfo", FILE_BYTES_MAX, &cpuinfo, &size) == 0) {
		model = cpuinfo_find(cpuinfo, "model name");
		flags = cpuinfo_find(cpuinfo, "flags");
	}
	r = set(profile, model, &conditions->cpu_model);
	if (r == 0)
		r = set(profile, governor, &conditions->governor);
	if (r == 0)
		r = set(profile, load, &conditions->load);
	/* A hypervisor says by this flag that it is one. */
	if (r == 0 && flags && strstr(flags, " hypervisor"))
		r = set(profile, vendor ? vendor : "virtual machine", &conditions->virtualization);
	else if (r == 0 && flags)
		r = set(profile, "none", &conditions->virtualization);
	return r;
}
