/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Hand-written code whose call frame information leaves out, or cannot say, what its instructions do.
 * It is told by its bytes, and by nothing less than all that the rule hangs on.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Are these n bytes, which no FDE covers, those from clone's system call to where the child's own code
 * begins? glibc ends the FDE there since parent and child would need different rules
 * (sysdeps/unix/sysv/linux/x86_64/clone.S, clone3.S).
 */
bool known_code_is_clone(const uint8_t *code, size_t n);

/* Does a function that begins so take its stack from rbx? glibc's __start_context
 * (sysdeps/unix/sysv/linux/x86_64/__start_context.S), to which a context's first function returns. */
bool known_code_is_context(const uint8_t *code, size_t n);
