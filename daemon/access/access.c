/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Who may see what, without looking anything up. For those who are no admins the rules mirror what
 * the kernel asks in perf_event_open(2) (ptrace access by real credentials), and are stricter in
 * one point: a process with any permitted capability is refused, since "no more capable than the
 * caller" could be true when asked and false after the next exec.
 *
 * Every rule must hold; the order only decides which one is named.
 */

#include "daemon/access/access.h"

/* What ids become that have no mapping: two different foreign users look alike with it, so it
 * proves nothing (/proc/sys/kernel/overflowuid, as everybody leaves it). */
#define OVERFLOW_ID 65534

static bool has_equal_ids(const struct access_caller *caller, const struct access_process *process)
{
	return process->uid == caller->uid && process->euid == caller->uid &&
		process->suid == caller->uid && process->gid == caller->gid &&
		process->egid == caller->gid && process->sgid == caller->gid;
}

enum access_rule access_check_process(
	const struct access_caller *caller, const struct access_process *process)
{
	if (caller->is_admin)
		return ACCESS_ALLOWED;
	if (caller->uid == OVERFLOW_ID || caller->uid == (uid_t)-1)
		return ACCESS_OVERFLOW_UID;
	if (process->is_kernel_thread)
		return ACCESS_KERNEL_THREAD;
	if (!has_equal_ids(caller, process))
		return ACCESS_OTHER_USER;
	if (!process->is_initial_userns)
		return ACCESS_USER_NAMESPACE;
	if (process->cap_permitted)
		return ACCESS_HAS_CAPABILITIES;
	if (!process->is_dumpable)
		return ACCESS_NOT_DUMPABLE;
	return ACCESS_ALLOWED;
}

enum access_rule access_check_owner(const struct access_caller *caller, uid_t owner_uid)
{
	if (caller->is_admin)
		return ACCESS_ALLOWED;
	if (caller->uid == OVERFLOW_ID || caller->uid == (uid_t)-1)
		return ACCESS_OVERFLOW_UID;
	return caller->uid == owner_uid ? ACCESS_ALLOWED : ACCESS_OTHER_OWNER;
}

/* Dynamic users of systemd (man 5 systemd.exec) have 61184 to 65519; containers and subordinate ids
 * of user namespaces begin at 100000 (man 5 login.defs, SUB_UID_MIN). */
static bool is_lasting(uid_t uid)
{
	return uid < 61184 || (uid > OVERFLOW_ID + 1 && uid < 100000);
}

uid_t access_visible_to(const struct access_process *process)
{
	struct access_caller itself = {.uid = process->uid, .gid = process->gid};

	if (!is_lasting(process->uid) || access_check_process(&itself, process) != ACCESS_ALLOWED)
		return 0;
	return process->uid;
}

bool access_sees_kernel(const struct access_caller *caller, int perf_event_paranoid)
{
	return caller->is_admin || perf_event_paranoid <= 1;
}

const char *access_rule_sentence(enum access_rule rule)
{
	switch (rule) {
	case ACCESS_ALLOWED:
		return "it is allowed";
	case ACCESS_OTHER_USER:
		return "it belongs to another user or group, or could change to one; run as that "
		       "user, or join group 'perfd-admin'";
	case ACCESS_NOT_DUMPABLE:
		return "it protects its memory from other processes (it is not dumpable: it changed "
		       "its user, or its program file is not readable); ask an admin of perfd";
	case ACCESS_HAS_CAPABILITIES:
		return "it holds capabilities that an ordinary user has not; ask an admin of perfd";
	case ACCESS_USER_NAMESPACE:
		return "it runs in another user namespace; ask an admin of perfd";
	case ACCESS_KERNEL_THREAD:
		return "it is a thread of the kernel; only an admin of perfd may record it";
	case ACCESS_OVERFLOW_UID:
		return "your user id has no meaning on this host (it is the overflow id); run as a "
		       "real user";
	case ACCESS_OTHER_OWNER:
		return "it was recorded by another user";
	}
	return "it is not allowed";
}
