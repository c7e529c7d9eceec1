/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* How a helper process gives up its privileges. Each gives 0 or a negative errno. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>

/* Sanitizers need more address space and more system calls than a sandbox has. */
#if defined(__SANITIZE_ADDRESS__)
#define CONFINE_IS_SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CONFINE_IS_SANITIZED true
#endif
#endif
#ifndef CONFINE_IS_SANITIZED
#define CONFINE_IS_SANITIZED false
#endif

/* Whom a helper of root's becomes: `perfd` if there is one, else `nobody`. From /etc/passwd itself: a
 * name service would load code and talk to others. */
void confine_find_user(uid_t *ret_uid, gid_t *ret_gid);

int confine_drop_bounding_set(void);
/* Root becomes that user; anybody else stays who they are. */
int confine_drop_user(void);
int confine_drop_capabilities(void);
/* Lowers both limits, never above what there is. */
int confine_set_limit(int resource, rlim_t value);
/* All but one, and the standard three, which go to /dev/null; a sanitizer's last words go to standard
 * error, so that may stay. */
int confine_close_descriptors(int keep_fd, bool keeps_errors);
/* No new privileges, no ptrace by equals, death by parent (which a change of user has cleared). */
int confine_tie_to_parent(void);

struct confine_step {
	const char *name; /* for a person: "change the user" */
	int (*run)(void);
};

/* In turn, up to the first that fails: its negative errno, and its name in *ret_step; else 0. */
int confine_run(const struct confine_step *steps, size_t n, const char **ret_step);
