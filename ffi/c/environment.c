/* What a call saves of its caller's thread, and restores: the floating-point environment and errno.
   In C, for only C's headers know how large it is and what the default is. */

#include <errno.h>
#include <fenv.h>

#define HIDDEN __attribute__((visibility("hidden")))

#if defined(__x86_64__) && defined(__GNUC__)

/* What <fenv.h> does, without the instructions that save and load all of the x87: they take ten times as long as
   everything else in a call. */

struct environment {
    unsigned sse;
    unsigned short control, status;
    int number;
};

/* Everything masked, rounded to the nearest; on the x87, in extended precision. */
enum { SSE_DEFAULT = 0x1f80, X87_DEFAULT = 0x037f, X87_FLAGS = 0x3f };

static unsigned short x87_status(void)
{
    unsigned short status;
    __asm__ volatile("fnstsw %0" : "=a"(status));
    return status;
}

HIDDEN void longwave_enter(struct environment *callers)
{
    const unsigned short control = X87_DEFAULT;
    callers->number = errno;
    callers->sse = __builtin_ia32_stmxcsr();
    __asm__ volatile("fnstcw %0" : "=m"(callers->control));
    callers->status = x87_status();
    __builtin_ia32_ldmxcsr(SSE_DEFAULT);
    __asm__ volatile("fldcw %0" : : "m"(control));
}

HIDDEN void longwave_leave(const struct environment *callers)
{
    if ((x87_status() ^ callers->status) & X87_FLAGS) {
        /* An exception that is flagged would trap when it is unmasked: all flags are to be as they were. */
        fenv_t now;
        __asm__ volatile("fnstenv %0" : "=m"(now));
        now.__status_word = callers->status;
        now.__control_word = callers->control;
        __asm__ volatile("fldenv %0" : : "m"(now));
    } else {
        __asm__ volatile("fldcw %0" : : "m"(callers->control));
    }
    __builtin_ia32_ldmxcsr(callers->sse);
    errno = callers->number;
}

#else

struct environment {
    fenv_t floating;
    int number;
};

HIDDEN void longwave_enter(struct environment *callers)
{
    callers->number = errno;
    fegetenv(&callers->floating);
    fesetenv(FE_DFL_ENV);
}

HIDDEN void longwave_leave(const struct environment *callers)
{
    fesetenv(&callers->floating);
    errno = callers->number;
}

#endif

/* As large as `Environment` in src/entry.rs. */
_Static_assert(sizeof(struct environment) <= 64, "there is room for it");
_Static_assert(_Alignof(struct environment) <= 8, "and it is aligned");
