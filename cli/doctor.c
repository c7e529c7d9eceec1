// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One function per property of the host that recording depends on: it looks, and says what it found
 * and what mends it. None changes anything, and none needs a right: what cannot be seen without one
 * is said to be unknown.
 */

#include "cli/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <pwd.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cli/private-daemon.h"
#include "proto/base/cleanup.h"
#include "proto/base/kernel.h"
#include "proto/base/text.h"

#define DEBUG_DIRECTORY "/usr/lib/debug"
#define WORKER_USER "perfd"

static void set(struct doctor_finding *finding, enum doctor_state state, const char *found,
	const char *mend)
{
	finding->state = state;
	finding->mend = mend;
	snprintf(finding->found, sizeof(finding->found), "%s", found);
}

static void examine_kernel(struct doctor_finding *finding)
{
	struct utsname name;

	if (uname(&name) < 0) {
		set(finding, DOCTOR_UNKNOWN, "uname failed", NULL);
		return;
	}
	if (strcmp(name.machine, KERNEL_MACHINE) != 0)
		set(finding, DOCTOR_BAD, name.machine, "record on a host that is " KERNEL_MACHINE);
	else if (kernel_is_at_least(name.release, KERNEL_FLOOR_MAJOR, KERNEL_FLOOR_MINOR))
		set(finding, DOCTOR_OK, name.release, NULL);
	else
		set(finding, DOCTOR_BAD, name.release, "boot Linux 6.1 or later");
}

static void examine_btf(struct doctor_finding *finding)
{
	if (access("/sys/kernel/btf/vmlinux", R_OK) == 0)
		set(finding, DOCTOR_OK, "/sys/kernel/btf/vmlinux", NULL);
	else
		set(finding, DOCTOR_BAD, "no /sys/kernel/btf/vmlinux",
			"boot a kernel that was built with CONFIG_DEBUG_INFO_BTF");
}

/* The first number of a file in /proc/sys. 0, or a negative errno. */
static int read_setting(const char *path, int *ret_value)
{
	CLEANUP(freep) char *text = NULL;
	size_t size;
	int r;

	r = text_read_file(AT_FDCWD, path, 64, &text, &size);
	if (r < 0)
		return r;
	return sscanf(text, "%d", ret_value) == 1 ? 0 : -EINVAL;
}

static void examine_rights(struct doctor_finding *finding)
{
	char missing[64], found[128];

	private_daemon_missing(missing, sizeof(missing));
	if (!missing[0]) {
		set(finding, DOCTOR_OK, "this user may sample without the service", NULL);
	} else if (geteuid() == 0) {
		/* Most likely a container's root. */
		snprintf(found, sizeof(found), "root, but without %s", missing);
		set(finding, DOCTOR_NOTE, found,
			"give these to the container, or record from the host: perfctl record "
			"--container");
	} else {
		set(finding, DOCTOR_NOTE, "this user may sample only through the service",
			"start perfd.service, or run perfctl as root");
	}
}

/* The kernel keeps from BPF what it reads for unwinding where it is locked down that far
 * (kernel_lockdown(7): confidentiality). */
static void examine_lockdown(struct doctor_finding *finding)
{
	CLEANUP(freep) char *text = NULL;
	size_t size;
	int r = text_read_file(AT_FDCWD, "/sys/kernel/security/lockdown", 256, &text, &size);

	if (r == -EACCES)
		set(finding, DOCTOR_UNKNOWN, "securityfs is closed to this user", NULL);
	else if (r < 0)
		set(finding, DOCTOR_OK, "none", NULL);
	else if (strstr(text, "[confidentiality]"))
		set(finding, DOCTOR_BAD, "confidentiality: BPF may not read memory",
			"boot with lockdown=integrity, or without lockdown=");
	else
		set(finding, DOCTOR_OK, strstr(text, "[integrity]") ? "integrity" : "none", NULL);
}

static bool is_refused(long result)
{
	return result < 0 && (errno == EPERM || errno == ENOSYS);
}

/*
 * Which of the two system calls that a profiler is made of are filtered away, as in most containers?
 * Each is made so that the kernel itself refuses it for another reason.
 */
static void filtered_calls(char *text, size_t size)
{
	CLEANUP(freep) char *status = NULL;
	size_t n;

	text[0] = '\0';
	if (text_read_file(AT_FDCWD, "/proc/self/status", 1 << 16, &status, &n) < 0 ||
		!strstr(status, "\nSeccomp:\t2"))
		return;
	if (is_refused(syscall(SYS_bpf, -1, NULL, 0)))
		snprintf(text, size, "bpf");
	if (is_refused(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0)))
		snprintf(text, size, "%sperf_event_open", text[0] ? "bpf and " : "");
}

static void examine_seccomp(struct doctor_finding *finding)
{
	char calls[64], found[128];

	filtered_calls(calls, sizeof(calls));
	if (!calls[0]) {
		set(finding, DOCTOR_OK, "nothing that sampling needs is filtered away", NULL);
	} else if (!private_daemon_is_possible()) {
		set(finding, DOCTOR_UNKNOWN, "filtered, or not for this user", NULL);
	} else {
		snprintf(found, sizeof(found), "a seccomp filter forbids %s", calls);
		set(finding, DOCTOR_NOTE, found,
			"let the container's filter allow bpf and perf_event_open, or record from "
			"the host: perfctl record --container");
	}
}

bool doctor_may_sample(void)
{
	char calls[64];

	filtered_calls(calls, sizeof(calls));
	return private_daemon_is_possible() && !calls[0];
}

static void examine_paranoid(struct doctor_finding *finding)
{
	char found[64];
	int value;

	if (read_setting("/proc/sys/kernel/perf_event_paranoid", &value) < 0) {
		set(finding, DOCTOR_BAD, "the kernel has no perf events",
			"boot a kernel that was built with CONFIG_PERF_EVENTS");
		return;
	}
	snprintf(found, sizeof(found), "perf_event_paranoid is %d", value);
	if (value <= 1)
		set(finding, DOCTOR_OK, found, NULL);
	else
		set(finding, DOCTOR_NOTE, found,
			"kernel functions are shown to admins only; for everybody: "
			"sysctl kernel.perf_event_paranoid=1");
}

static void examine_tracepoints(struct doctor_finding *finding)
{
	static const char *const paths[] = {
		"/sys/kernel/tracing/events/sched/sched_switch/id",
		"/sys/kernel/debug/tracing/events/sched/sched_switch/id",
	};

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		if (access(paths[i], F_OK) == 0) {
			set(finding, DOCTOR_OK, "sched_switch and its like are there", NULL);
			return;
		}
	}
	if (access("/sys/kernel/tracing", X_OK) < 0 && errno == EACCES)
		set(finding, DOCTOR_UNKNOWN, "tracefs is closed to this user", NULL);
	else
		set(finding, DOCTOR_NOTE, "tracefs shows no tracepoints",
			"mount -t tracefs tracefs /sys/kernel/tracing");
}

static void examine_cycles(struct doctor_finding *finding)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_HARDWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_HW_CPU_CYCLES,
		.disabled = 1,
		.exclude_kernel = 1,
		.exclude_hv = 1,
	};
	CLEANUP(closep)
	int fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd >= 0)
		set(finding, DOCTOR_OK, "the processor's cycles can be counted", NULL);
	else if (errno == EACCES || errno == EPERM)
		set(finding, DOCTOR_UNKNOWN, "perf events are closed to this user", NULL);
	else
		set(finding, DOCTOR_NOTE, "no counter of cycles (a virtual machine?)",
			"nothing to do: 'cpu' means cpu-clock here, which samples time");
}

static bool directory_has_entries(const char *path)
{
	DIR *directory = opendir(path);
	struct dirent *entry;
	bool has = false;

	if (!directory)
		return false;
	while (!has && (entry = readdir(directory)))
		has = entry->d_name[0] != '.';
	closedir(directory);
	return has;
}

static void examine_debug(struct doctor_finding *finding)
{
	if (directory_has_entries(DEBUG_DIRECTORY "/.build-id") ||
		directory_has_entries(DEBUG_DIRECTORY))
		set(finding, DOCTOR_OK, DEBUG_DIRECTORY, NULL);
	else
		set(finding, DOCTOR_NOTE, DEBUG_DIRECTORY " is empty",
			"stripped programs show exported names only; install their debug symbols");
}

static void examine_worker(struct doctor_finding *finding)
{
	if (getpwnam(WORKER_USER))
		set(finding, DOCTOR_OK, "user '" WORKER_USER "'", NULL);
	else if (getpwnam("nobody"))
		set(finding, DOCTOR_NOTE, "no user '" WORKER_USER "'; workers run as 'nobody'",
			"systemd-sysusers, or: useradd --system " WORKER_USER);
	else
		set(finding, DOCTOR_BAD, "no user '" WORKER_USER "' and no 'nobody'",
			"systemd-sysusers, or: useradd --system " WORKER_USER);
}

const struct doctor_check doctor_checks[] = {
	{"kernel", "Kernel", examine_kernel},
	{"btf", "Kernel types (BTF)", examine_btf},
	{"lockdown", "Lockdown", examine_lockdown},
	{"rights", "Right to sample", examine_rights},
	{"seccomp", "System calls", examine_seccomp},
	{"paranoid", "Kernel functions", examine_paranoid},
	{"tracepoints", "Tracepoints", examine_tracepoints},
	{"cycles", "Cycle counter", examine_cycles},
	{"debug", "Debug symbols", examine_debug},
	{"worker", "Worker's user", examine_worker},
};

const size_t doctor_n_checks = ARRAY_SIZE(doctor_checks);
