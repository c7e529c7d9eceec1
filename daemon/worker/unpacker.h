/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A large section that is unpacked while what is there of it already is being read. */

#include "daemon/worker/inflate.h"

/*
 * Makes the thread that unpacks, once. To be called before the sandbox forbids it; without it everything
 * is unpacked by who asks. 0 or a negative errno.
 */
int unpacker_start(void);

struct unpacking;

/* Begins; the packed bytes must stay until the end. 0 or -ENOMEM. */
int unpacking_new(const struct inflate_source *source, struct unpacking **ret_unpacking);
struct unpacking *unpacking_free(struct unpacking *unpacking);

/* All of the section, to be read as far as was waited for. */
struct elf_bytes unpacking_bytes(const struct unpacking *unpacking);
/* Until all before `end` is unpacked. What turns out to be damaged stays zeros. */
void unpacking_wait(struct unpacking *unpacking, uint64_t end);
bool unpacking_is_over(struct unpacking *unpacking);
