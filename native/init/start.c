/* The entry point of the freestanding program. */
#include "run.h"

#if defined(__x86_64__)
__asm__(".globl _start\n"
	".type _start,@function\n"
	"_start:\n"
	"	xor %ebp, %ebp\n"
	"	mov %rsp, %rdi\n"
	"	and $-16, %rsp\n"
	"	call start_from\n"
	"	hlt\n");
#elif defined(__aarch64__)
__asm__(".globl _start\n"
	".type _start,%function\n"
	"_start:\n"
	"	mov x29, #0\n"
	"	mov x30, #0\n"
	"	mov x0, sp\n"
	"	bl start_from\n"
	"	brk #0\n");
#endif

__attribute__((noreturn, used)) void start_from(const long *stack);

/* What the kernel puts on the first stack: argc, argv, NULL, envp, NULL. */
void start_from(const long *stack)
{
	int argc = (int)stack[0];
	char *const *argv = (char *const *)(stack + 1);

	init_main(argc, argv, argv + argc + 1);
}
