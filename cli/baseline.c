// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The profile is encoded anew rather than copied, so that a baseline is a native file whatever it was
 * saved from. The text is made from the profile alone: saved again, it is the same bytes.
 */

#include "cli/baseline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/message.h"
#include "cli/output.h"
#include "cli/report/report.h"
#include "proto/base/buffer.h"
#include "proto/base/cleanup.h"
#include "proto/profile/pprof.h"

#define NAME_BYTES_MAX 100

const char *baseline_directory(const char *directory)
{
	const char *named = getenv("PERFCTL_BASELINES");

	if (directory)
		return directory;
	return named && *named ? named : BASELINE_DIRECTORY;
}

bool baseline_name_is_valid(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._-";
	size_t n = strlen(name);

	if (n && n <= NAME_BYTES_MAX && strspn(name, letters) == n && *name != '.' && *name != '-')
		return true;
	message_error(
		"'%s' is no name of a baseline; give letters and digits, as release-1.2", name);
	return false;
}

char *baseline_path(const char *directory, const char *name, const char *suffix)
{
	char *path;

	return asprintf(&path, "%s/%s%s", baseline_directory(directory), name, suffix) < 0 ? NULL
											   : path;
}

/* The directory with those above it, as `mkdir -p`. */
static int directories_make(const char *path)
{
	CLEANUP(freep) char *copy = strdup(path);

	if (!copy)
		return -ENOMEM;
	for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(copy, 0777) < 0 && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return mkdir(copy, 0777) < 0 && errno != EEXIST ? -errno : 0;
}

static int write_both(const char *directory, const char *name, const struct profile *profile)
{
	CLEANUP(freep) char *native = baseline_path(directory, name, ".pb.gz");
	CLEANUP(freep) char *words = baseline_path(directory, name, ".md");
	CLEANUP(buffer_done) struct buffer bytes = {0}, text = {0};
	struct report report = {.kind = REPORT_BASELINE, .profile = profile};
	int r = native && words ? pprof_encode(profile, &bytes) : -ENOMEM;

	report.source = native;
	if (r == 0)
		r = report_append_markdown(&report, &text, NULL);
	if (r < 0) {
		message_error("cannot save baseline '%s': %s", name, strerror(-r));
		return -1;
	}
	if (output_write_file(native, bytes.data, bytes.size) < 0 ||
		output_write_file(words, text.data, text.size) < 0)
		return -1;
	return 0;
}

int baseline_save(const char *directory, const char *name, const struct profile *profile)
{
	int r = directories_make(baseline_directory(directory));

	if (r < 0) {
		message_error("cannot make the directory '%s': %s", baseline_directory(directory),
			strerror(-r));
		return -1;
	}
	return write_both(directory, name, profile);
}
