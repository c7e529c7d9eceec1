// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * perfctl doctor --pid: what would name the code of one process, and what would name more of it. The
 * daemon says what there is, as it found it for a recording; what could be installed or set is this
 * side's knowledge, which needs no rights.
 */

#include "cli/doctor-process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/debian-package.h"
#include "cli/message.h"
#include "proto/base/cleanup.h"
#include "proto/base/text.h"
#include "proto/base/utf8.h"

static const struct runtime {
	const char *prefix; /* of a module's base name */
	bool needs_code; /* what it runs is seen only as code that it makes */
	const char *mend, *mend_told;
} runtimes[] = {
	{"libjvm.so", true,
		"jcmd PID Compiler.perfmap, during the recording; for whole stacks start java with "
		"-XX:+PreserveFramePointer",
		"for whole stacks start java with -XX:+PreserveFramePointer"},
	{"libnode.so", true, "start node with --perf-basic-prof --interpreted-frames-native-stack",
		NULL},
	{"node", true, "start node with --perf-basic-prof --interpreted-frames-native-stack", NULL},
	{"libluajit", true, "build LuaJIT with -DLUAJIT_USE_PERFTOOLS", NULL},
	{"luajit", true, "build LuaJIT with -DLUAJIT_USE_PERFTOOLS", NULL},
	{"libcoreclr.so", true, "start it with DOTNET_PerfMapEnabled=1", NULL},
};

static const char python_old[] =
	"its Python functions cannot be told before Python 3.12, which has "
	"python3 -X perf";
static const char python_new[] = "for its Python functions start it with python3 -X perf";

/* "python3.11" and "libpython3.12.so.1.0" */
static const char *python_runtime(const char *module, bool is_told)
{
	const char *version = strstr(module, "python3.");
	int minor;

	if (!version || (version != module && strncmp(module, "lib", 3) != 0) ||
		sscanf(version, "python3.%d", &minor) != 1)
		return NULL;
	if (minor < 12)
		return python_old;
	return is_told ? NULL : python_new;
}

const char *doctor_runtime(const char *module, bool has_code, bool is_told)
{
	for (size_t i = 0; i < ARRAY_SIZE(runtimes); i++)
		if (text_starts_with(module, runtimes[i].prefix) && has_code)
			return is_told ? runtimes[i].mend_told : runtimes[i].mend;
	return python_runtime(module, is_told);
}

static bool has(json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

static const char *text_of(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* The package whose debug symbols would help. */
static void object_mend(struct doctor_line *line, const char *path, bool is_host)
{
	char package[128], debug[160];

	if (is_host && debian_package_find(DEBIAN_INFO, path, package, sizeof(package))) {
		debian_debug_package(package, debug, sizeof(debug));
		snprintf(line->mend, sizeof(line->mend), "install %s%s", debug,
			text_ends_with(debug, "-dbgsym") ? " (from Debian's debug archive)" : "");
	} else {
		snprintf(line->mend, sizeof(line->mend),
			"build it with -g, or keep its symbols: %s",
			is_host ? "no package has it" : "it has files of its own");
	}
}

/* The daemon's words for why it knows nothing of a file. */
static const struct reason {
	const char *why, *found, *mend;
} reasons[] = {
	{"file-in-user-space",
		"it lies in a file system of user space (FUSE), whose server could hold perfd up",
		"copy it to a disk of this host, and start it from there"},
	{"file-gone", "the file is gone", "start the process anew"},
	{"file-not-permitted", "perfd may not open it", NULL},
	{"file-too-slow", "to open it took too long", "copy it to a disk of this host"},
	{"file-irregular", "it is no regular file", NULL},
	{"file-too-large", "the file is too large", "strip its debug information into a file"},
	{"bad-elf", "it makes no sense as an ELF file", "install or build it anew"},
	{"worker-failed", "the process that reads it failed by it", "install or build it anew"},
	{"gave-up", "it could not be read in time", "ask again when this host is less busy"},
};

static void reason_line(const char *why, struct doctor_line *line)
{
	struct doctor_finding *finding = &line->finding;

	finding->state = DOCTOR_NOTE;
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
		if (strcmp(reasons[i].why, why) != 0)
			continue;
		snprintf(finding->found, sizeof(finding->found), "nothing: %s", reasons[i].found);
		snprintf(line->mend, sizeof(line->mend), "%s",
			reasons[i].mend ? reasons[i].mend : "");
		return;
	}
	snprintf(finding->found, sizeof(finding->found), "nothing: %s", why);
}

static void dwz_line(struct doctor_line *line)
{
	struct doctor_finding *finding = &line->finding;

	finding->state = DOCTOR_NOTE;
	snprintf(finding->found, sizeof(finding->found),
		"functions, lines, inlined calls without names: the dwz file that their names "
		"are in is missing");
	snprintf(line->mend, sizeof(line->mend),
		"install all of its package's debug symbols: that file belongs below "
		"/usr/lib/debug/.dwz");
}

static void object_line(json_t *object, bool is_host, struct doctor_line *line)
{
	const char *path = text_of(object, "path"), *why = text_of(object, "why");
	struct doctor_finding *finding = &line->finding;
	const char *functions = has(object, "symtab") ? "functions"
		: has(object, "dynsym")               ? "exported functions alone"
						      : "no names";
	bool is_deleted = text_ends_with(path, " (deleted)");

	snprintf(line->what, sizeof(line->what), "%s", path);
	if (*why) {
		reason_line(why, line);
		return;
	}
	if (has(object, "dwarf"))
		functions = "functions, inlined calls, lines";
	finding->state = has(object, "dwarf") || has(object, "symtab") ? DOCTOR_OK : DOCTOR_NOTE;
	snprintf(finding->found, sizeof(finding->found), "%s%s; %s", functions,
		has(object, "debugFile") ? " (from a debug file)" : "",
		has(object, "unwindTable") ? "unwind table" : "needs frame pointers");
	if (!has(object, "dwarf") && !is_deleted)
		object_mend(line, path, is_host);
	if (has(object, "dwzFileMissing"))
		dwz_line(line);
	if (has(object, "unwindTable"))
		return;
	/* Names are no use where stacks end. */
	finding->state = DOCTOR_NOTE;
	snprintf(line->mend, sizeof(line->mend), "%s",
		"build it with -fasynchronous-unwind-tables, or with -fno-omit-frame-pointer");
}

/* The daemon's words for why no map of the code counts, and the mend. */
static const struct reason map_reasons[] = {
	{"no-jit-map", "it tells of none of it", NULL},
	{"jit-map-foreign", "its map in /tmp is another user's", "remove that file"},
	{"jit-map-irregular", "its map in /tmp is a link, or no file", "remove that"},
	{"jit-map-too-large", "its map in /tmp is too large", "start it anew"},
	{"jit-map-unreadable", "its map in /tmp cannot be opened", NULL},
	{"jit-map-bad", "its map in /tmp makes no sense", "start it anew"},
	{"not-in-jit-map", "its map in /tmp has not got it", NULL},
};

/* "no names: why (the daemon's word)" */
static void map_reason(const char *why, struct doctor_line *line)
{
	const struct reason *reason = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(map_reasons); i++)
		if (!strcmp(map_reasons[i].why, why))
			reason = &map_reasons[i];
	snprintf(line->finding.found, sizeof(line->finding.found), "no names: %s%s%s%s",
		reason ? reason->found : why, reason ? " (" : "", reason ? why : "",
		reason ? ")" : "");
	if (reason && reason->mend)
		snprintf(line->mend, sizeof(line->mend), "%s", reason->mend);
}

static void runtime_lines(json_t *reply, struct doctor_line *lines, size_t *n)
{
	bool has_code = has(reply, "code"), is_told = has(reply, "codeTold");
	struct doctor_line *line = &lines[(*n)++];
	json_t *object;
	size_t i;

	snprintf(line->what, sizeof(line->what), "code made at run time");
	line->finding.state = has_code && !is_told ? DOCTOR_NOTE : DOCTOR_OK;
	snprintf(line->finding.found, sizeof(line->finding.found), "%s",
		has_code ? "its maker tells of it" : "none");
	if (has_code && !is_told)
		map_reason(text_of(reply, "why"), line);
	json_array_foreach(json_object_get(reply, "objects"), i, object)
	{
		const char *mend = doctor_runtime(
			text_base_name(text_of(object, "path")), has_code, is_told);

		if (!mend || line->mend[0])
			continue;
		line->finding.state = DOCTOR_NOTE;
		snprintf(line->mend, sizeof(line->mend), "%s", mend);
		return;
	}
}

struct doctor_line *doctor_process_lines(json_t *reply, bool is_host, size_t *ret_n)
{
	json_t *objects = json_object_get(reply, "objects"), *object;
	struct doctor_line *lines = calloc(json_array_size(objects) + 1, sizeof(*lines));
	size_t i, n = 0;

	*ret_n = 0;
	if (!lines)
		return NULL;
	json_array_foreach(objects, i, object) object_line(object, is_host, &lines[n++]);
	runtime_lines(reply, lines, &n);
	for (i = 0; i < n; i++) {
		utf8_sanitize(lines[i].what, strlen(lines[i].what));
		utf8_sanitize(lines[i].finding.found, strlen(lines[i].finding.found));
		if (lines[i].mend[0])
			lines[i].finding.mend = lines[i].mend;
	}
	*ret_n = n;
	return lines;
}

int doctor_process_ask(const struct connection_options *options, uint32_t pid, json_t **ret_reply)
{
	CLEANUP(connection_done) struct connection connection = {0};
	struct client_error error = {0};
	int r = connection_open(&connection, options);

	if (r != 0)
		return r;
	r = client_call_one(connection.client, "org.perfctl.profiler.Examine",
		json_pack("{s:i}", "pid", (int)pid), ret_reply, &error);
	if (r == 0)
		return 0;
	if (text_starts_with(error.text, "pid "))
		message_error("cannot examine %s", error.text);
	else
		message_error("cannot examine pid %u: %s", pid, error.text);
	return error.exit_code ? (int)error.exit_code : 1;
}
