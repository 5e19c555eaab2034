/* What a call saves of its caller's thread, and restores: the floating-point environment and errno.
   In C, for only C's headers know how large it is and what the default is. */

#include <errno.h>
#include <fenv.h>
#include <stddef.h>

struct environment {
    fenv_t floating;
    int number;
};

/* As large as `Environment` in src/entry.rs. */
_Static_assert(sizeof(struct environment) <= 64, "there is room for it");
_Static_assert(_Alignof(struct environment) <= 8, "and it is aligned");

/* From here on nothing traps, and numbers are rounded to the nearest. */
__attribute__((visibility("hidden"))) void longwave_enter(struct environment *callers)
{
    callers->number = errno;
    fegetenv(&callers->floating);
    fesetenv(FE_DFL_ENV);
}

__attribute__((visibility("hidden"))) void longwave_leave(const struct environment *callers)
{
    fesetenv(&callers->floating);
    errno = callers->number;
}
