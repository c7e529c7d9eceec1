/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The order is GDB's (manual, "Debugging Information in Separate Files"): by build-id below each
 * directory, then by the name in .gnu_debuglink below each directory, in the object's own
 * subdirectory, then in .debug beside the object and beside it. The directories are looked through
 * twice, as the host has them and as the target has them. Last comes what was fetched from elsewhere.
 * Candidates are numbered through, skipping what an object does not have; one whose path is too long
 * has an empty path.
 */

#include "daemon/symbolize/debug-files.h"

#include <stdio.h>
#include <string.h>

#include "daemon/fetch/messages.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"

static size_t count(const char *const *directories)
{
	size_t n = 0;

	while (directories[n])
		n++;
	return n;
}

static void set_path(struct debug_candidate *candidate, const char *a, const char *b, const char *c)
{
	int n = snprintf(candidate->path, sizeof(candidate->path), "%s%s%s", a, b, c);

	if (n < 0 || (size_t)n >= sizeof(candidate->path))
		candidate->path[0] = '\0';
}

/* "/.build-id/ab/cdef….debug", or false without a build-id. */
static bool build_id_path(const uint8_t *id, size_t size, char *path, size_t path_size)
{
	char hex[2 * WORKER_BUILD_ID_MAX + 1];

	if (size < 2)
		return false;
	text_format_hex(id, size, hex);
	snprintf(path, path_size, "/.build-id/%.2s/%s.debug", hex, hex + 2);
	return true;
}

/* Directory i of 2n: the host's, then those of the same names in the target's root. */
static const char *directory_of(
	const char *const *directories, size_t n, size_t i, struct debug_candidate *candidate)
{
	if (i >= n) {
		candidate->how = OPENER_IN_ROOT;
		candidate->is_the_targets = true;
	}
	return directories[i % n];
}

static int fetched(const uint8_t *id, size_t id_size, const struct debug_places *places, size_t i,
	struct debug_candidate *ret_candidate)
{
	char hex[2 * WORKER_BUILD_ID_MAX + 1];

	if (i || !places->fetched || id_size < 2)
		return DEBUG_FILES_END;
	*ret_candidate = (struct debug_candidate){.how = OPENER_HOST_PATH};
	text_format_hex(id, id_size, hex);
	if (snprintf(ret_candidate->path, sizeof(ret_candidate->path), FETCH_PATH_FORMAT,
		    places->fetched, hex) >= (int)sizeof(ret_candidate->path))
		ret_candidate->path[0] = '\0';
	return 0;
}

int debug_files_candidate(const struct worker_probe *probe, const char *path,
	const struct debug_places *places, size_t i, struct debug_candidate *ret_candidate)
{
	const char *const *directories = places->directories;
	size_t n = count(directories), n_linked = 2 * n + 2;
	const char *slash = strrchr(path, '/');
	char tail[2 * WORKER_BUILD_ID_MAX + 32], directory[DEBUG_FILE_PATH_MAX], name[300];

	*ret_candidate = (struct debug_candidate){
		.how = OPENER_HOST_PATH, .needs_crc = !probe->build_id_size};
	if (build_id_path(probe->build_id, probe->build_id_size, tail, sizeof(tail))) {
		if (i < 2 * n) {
			set_path(ret_candidate, directory_of(directories, n, i, ret_candidate),
				tail, "");
			return 0;
		}
		i -= 2 * n;
	}
	if (!probe->debug_link[0] || path[0] != '/' || (size_t)(slash - path) >= sizeof(directory))
		n_linked = 0;
	if (i >= n_linked)
		return fetched(
			probe->build_id, probe->build_id_size, places, i - n_linked, ret_candidate);
	snprintf(directory, sizeof(directory), "%.*s", (int)(slash - path), path);
	snprintf(name, sizeof(name), "/%s", probe->debug_link);
	if (i < 2 * n) {
		set_path(ret_candidate, directory_of(directories, n, i, ret_candidate), directory,
			name);
		return 0;
	}
	ret_candidate->how = OPENER_IN_ROOT;
	ret_candidate->is_the_targets = true;
	set_path(ret_candidate, directory, i > 2 * n ? "" : "/.debug", name);
	return 0;
}

int debug_files_alternate(const struct worker_probe *probe, const struct debug_places *places,
	size_t i, struct debug_candidate *ret_candidate)
{
	static const char *const below[] = {"/.dwz/", "/.dwz/x86_64-linux-gnu/"};
	const char *const *directories = places->directories;
	size_t n = count(directories),
	       n_named = probe->alternate[0] ? 2 * n * ARRAY_SIZE(below) : 0;
	char tail[2 * WORKER_BUILD_ID_MAX + 32];

	*ret_candidate = (struct debug_candidate){.how = OPENER_HOST_PATH};
	if (!build_id_path(probe->alternate_id, probe->alternate_id_size, tail, sizeof(tail)))
		return DEBUG_FILES_END;
	if (i < 2 * n) {
		set_path(ret_candidate, directory_of(directories, n, i, ret_candidate), tail, "");
		return 0;
	}
	i -= 2 * n;
	if (i >= n_named)
		return fetched(probe->alternate_id, probe->alternate_id_size, places, i - n_named,
			ret_candidate);
	set_path(ret_candidate, directory_of(directories, n, i / ARRAY_SIZE(below), ret_candidate),
		below[i % ARRAY_SIZE(below)], probe->alternate);
	return 0;
}

int debug_files_package(const char *path, size_t i, struct debug_candidate *ret_candidate)
{
	if (i || path[0] != '/')
		return DEBUG_FILES_END;
	*ret_candidate = (struct debug_candidate){.how = OPENER_IN_ROOT, .is_the_targets = true};
	set_path(ret_candidate, path, ".dwp", "");
	return 0;
}

static bool is_equal(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size)
{
	return a_size && a_size == b_size && !memcmp(a, b, a_size);
}

bool debug_files_match(const struct worker_probe *object, const struct worker_probe *found)
{
	if (!(found->kinds & (WORKER_HAS_SYMTAB | WORKER_HAS_DWARF)))
		return false;
	if (object->build_id_size)
		return is_equal(object->build_id, object->build_id_size, found->build_id,
			found->build_id_size);
	return object->debug_link[0] && found->crc == object->debug_link_crc;
}

bool debug_files_match_alternate(const struct worker_probe *file, const struct worker_probe *found)
{
	return is_equal(
		file->alternate_id, file->alternate_id_size, found->build_id, found->build_id_size);
}
