/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Stacks that somebody has prepared: the main thread never returns from where it spins, so that all
 * that lies above it may be anything.
 *
 *   frame-loop   code without a table, whose frame pointer points to itself
 *   signal-loop  a signal frame whose interrupted frame is the signal frame itself
 *   top          a stack that ends where the address space does
 *   wrap         a stack pointer at the last address of all
 *   scribble     another thread writes over the stack
 *   remap        another thread takes the stack's pages away and puts them back
 *
 * usage: hostile MODE
 */

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define PAGE 4096ul
#define STACK_BYTES (16 * PAGE)
#define USER_SPACE_END 0x7ffffffff000ul

/* Spins on the stack and the frame pointer that it is given. */
void spin_on(uint64_t stack, uint64_t frame);
__asm__("	.globl spin_on\n"
	"spin_on:\n"
	"	.cfi_startproc\n"
	"	mov %rdi,%rsp\n"
	"	mov %rsi,%rbp\n"
	"1:	pause\n"
	"	jmp 1b\n"
	"	.cfi_endproc\n");

/* What a handler returns to, as libc has it; its rule is the kernel's signal frame. */
void restorer(void);
__asm__("	.globl restorer\n"
	"	.cfi_startproc\n"
	"	.cfi_signal_frame\n"
	"	.cfi_escape 0x0f,4,0x77,0xa0,1,0x06\n" /* CFA: *(rsp + 160) */
	"	.cfi_escape 0x10,6,3,0x77,0xf8,0\n" /* rbp: rsp + 120 */
	"	.cfi_escape 0x10,16,3,0x77,0xa8,1\n" /* return address: rsp + 168 */
	"	nop\n"
	"restorer:\n"
	"	mov $15,%rax\n"
	"	syscall\n"
	"	.cfi_endproc\n");

static uint64_t *stack_map(uint64_t address, size_t size)
{
	void *memory = mmap((void *)address, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | (address ? MAP_FIXED_NOREPLACE : 0), -1, 0);

	if (memory == MAP_FAILED)
		exit(1);
	return memory;
}

static void frame_loop(void)
{
	static const uint8_t spin[] = {0xf3, 0x90, 0xeb, 0xfc}; /* pause; jmp back */
	uint64_t *stack = stack_map(0, PAGE), *frame = stack + 100;
	uint8_t *code = mmap(
		NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (code == MAP_FAILED)
		exit(1);
	memcpy(code, spin, sizeof(spin));
	frame[0] = (uint64_t)frame;
	frame[1] = (uint64_t)code + 2;
	__asm__ volatile("mov %0,%%rsp\n mov %1,%%rbp\n jmp *%2"
			 :
			 : "r"(stack + 50), "r"(frame), "r"(code)
			 : "memory");
}

static void signal_loop(void)
{
	uint64_t *stack = stack_map(0, PAGE);
	uint64_t *registers = stack + 1 + 40 / 8; /* seen from behind the return address */

	stack[0] = (uint64_t)restorer;
	registers[15] = (uint64_t)(stack + 1); /* rsp */
	registers[16] = (uint64_t)restorer; /* rip */
	spin_on((uint64_t)stack, 0);
}

static void top(void)
{
	uint64_t *stack = stack_map(USER_SPACE_END - PAGE, PAGE);

	stack[PAGE / 8 - 2] = (uint64_t)spin_on + 1;
	stack[PAGE / 8 - 1] = (uint64_t)spin_on + 1;
	spin_on((uint64_t)&stack[PAGE / 8 - 2], 0);
}

/* What looks like a stack, here and there: addresses of code and of itself, and anything. */
static void scribble(uint64_t *stack, unsigned *seed)
{
	for (size_t i = 61; i < STACK_BYTES / 8; i++) {
		unsigned what = (unsigned)rand_r(seed);

		if (what % 3 == 0)
			stack[i] = (uint64_t)spin_on + what % 16;
		else if (what % 3 == 1)
			stack[i] = (uint64_t)(stack + what % (STACK_BYTES / 8));
		else
			stack[i] = (uint64_t)what << 32 | what;
	}
}

static void *on_scribble(void *stack)
{
	unsigned seed = 1;

	for (;;)
		scribble(stack, &seed);
	return NULL;
}

static void *on_remap(void *stack)
{
	unsigned seed = 1;

	for (;;) {
		char *page = (char *)stack + (1 + (unsigned)rand_r(&seed) % 8) * PAGE;

		munmap(page, 7 * PAGE);
		if (mmap(page, 7 * PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
			exit(1);
		scribble(stack, &seed);
		mprotect(page, PAGE, PROT_NONE);
		mprotect(page, PAGE, PROT_READ | PROT_WRITE);
	}
	return NULL;
}

static void with_thread(void *(*function)(void *stack))
{
	uint64_t *stack = stack_map(0, STACK_BYTES);
	pthread_t thread;
	unsigned seed = 2;

	scribble(stack, &seed);
	stack[60] = (uint64_t)spin_on + 1;
	if (pthread_create(&thread, NULL, function, stack) != 0)
		exit(1);
	spin_on((uint64_t)&stack[60], (uint64_t)&stack[100]);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";

	if (!strcmp(mode, "frame-loop"))
		frame_loop();
	else if (!strcmp(mode, "signal-loop"))
		signal_loop();
	else if (!strcmp(mode, "top"))
		top();
	else if (!strcmp(mode, "wrap"))
		spin_on(UINT64_MAX - 7, UINT64_MAX - 7);
	else if (!strcmp(mode, "scribble"))
		with_thread(on_scribble);
	else if (!strcmp(mode, "remap"))
		with_thread(on_remap);
	return 2;
}
