/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Pure rules: who asks, about whom -> allowed, or the rule that forbids it. Nothing in here reads
 * anything; the facts are gathered by server/peer (caller), target/credentials (process at the
 * start) and the samples themselves (process at each sample).
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct access_caller {
	uid_t uid;
	gid_t gid;
	pid_t pid;
	bool is_admin; /* root of the host with CAP_PERFMON in its bounding set, or in admin-group */
};

/* What is known of a process, at one moment. */
struct access_process {
	uid_t uid, euid, suid;
	gid_t gid, egid, sgid;
	uint64_t cap_permitted;
	bool is_dumpable;
	bool is_initial_userns; /* the initial user namespace, or one with an identity uid map */
	bool is_kernel_thread;
};

enum access_rule {
	ACCESS_ALLOWED,
	ACCESS_OTHER_USER, /* one of its six ids is not the caller's */
	ACCESS_NOT_DUMPABLE,
	ACCESS_HAS_CAPABILITIES, /* more capable than the caller */
	ACCESS_USER_NAMESPACE,
	ACCESS_KERNEL_THREAD,
	ACCESS_OVERFLOW_UID,
	ACCESS_OTHER_OWNER, /* a recording or profile of somebody else's */
};

enum access_rule access_check_process(
	const struct access_caller *caller, const struct access_process *process);

/* May the caller read what owner_uid recorded? */
enum access_rule access_check_owner(const struct access_caller *caller, uid_t owner_uid);

/*
 * The uid that may see, besides admins, what is kept of this process: its own, if that user may see
 * it now, and if the uid will be nobody else's later (ids of dynamic users and of containers are
 * given again). Else 0: nobody.
 */
uid_t access_visible_to(const struct access_process *process);

/* Kernel frames: admins, or everybody where kernel.perf_event_paranoid <= 1. */
bool access_sees_kernel(const struct access_caller *caller, int perf_event_paranoid);

/* A sentence that names the rule and the mend, for people. */
const char *access_rule_sentence(enum access_rule rule);
