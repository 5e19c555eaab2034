/* A disk that is sick: the calls of a program on paths below a folder are slow, hang, or fail.
 *
 * To be preloaded (LD_PRELOAD). SICK_DISK is the folder. SICK_CONTROL is a file: while it exists, it says what is
 * wrong, such as "hang", "slow 200" (milliseconds), "fail 5" (errno), or "hang read" for one call alone. What hangs
 * goes on when the file is gone. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* Waits as long as the disk is sick. The errno of a call that is to fail, else 0. */
static int sick(const char *path, const char *call)
{
    const char *disk = getenv("SICK_DISK"), *control = getenv("SICK_CONTROL");
    if (!disk || !control || strncmp(path, disk, strlen(disk)) != 0)
        return 0;
    for (;;) {
        char text[64] = "", how[16] = "", which[16] = "";
        int number = 0, fd = syscall(SYS_openat, AT_FDCWD, control, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            return 0;
        syscall(SYS_read, fd, text, sizeof text - 1);
        syscall(SYS_close, fd);
        if (sscanf(text, "%15s %d %15s", how, &number, which) < 2)
            sscanf(text, "%15s %15s", how, which);
        if (which[0] && strcmp(which, call) != 0)
            return 0;
        if (strcmp(how, "fail") == 0)
            return number;
        if (strcmp(how, "slow") == 0) {
            usleep(number * 1000);
            return 0;
        }
        if (strcmp(how, "hang") != 0)
            return 0;
        usleep(20000);
    }
}

static int sick_fd(int fd, const char *call)
{
    char link[64], path[PATH_MAX + 1];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, path, PATH_MAX);
    if (length < 0)
        return 0;
    path[length] = 0;
    return sick(path, call);
}

static int sick_at(int fd, const char *path, const char *call)
{
    if (!path || !path[0])
        return sick_fd(fd, call);
    return path[0] != '/' && fd != AT_FDCWD ? sick_fd(fd, call) : sick(path, call);
}

#define FAIL_IF_SICK(problem, result) do { int e = (problem); if (e) { errno = e; return result; } } while (0)

#define OPENS(name)                                                       \
    int name(const char *path, int flags, ...)                            \
    {                                                                     \
        va_list rest;                                                     \
        va_start(rest, flags);                                            \
        int mode = va_arg(rest, int);                                     \
        va_end(rest);                                                     \
        FAIL_IF_SICK(sick(path, "open"), -1);                             \
        return REAL(name)(path, flags, mode);                             \
    }
OPENS(open)
OPENS(open64)

#define OPENS_AT(name)                                                    \
    int name(int fd, const char *path, int flags, ...)                    \
    {                                                                     \
        va_list rest;                                                     \
        va_start(rest, flags);                                            \
        int mode = va_arg(rest, int);                                     \
        va_end(rest);                                                     \
        FAIL_IF_SICK(sick_at(fd, path, "open"), -1);                      \
        return REAL(name)(fd, path, flags, mode);                         \
    }
OPENS_AT(openat)
OPENS_AT(openat64)

int statx(int fd, const char *restrict path, int flags, unsigned mask, struct statx *restrict about)
{
    FAIL_IF_SICK(sick_at(fd, path, "stat"), -1);
    return REAL(statx)(fd, path, flags, mask, about);
}

ssize_t read(int fd, void *bytes, size_t count)
{
    FAIL_IF_SICK(sick_fd(fd, "read"), -1);
    return REAL(read)(fd, bytes, count);
}

ssize_t write(int fd, const void *bytes, size_t count)
{
    FAIL_IF_SICK(sick_fd(fd, "write"), -1);
    return REAL(write)(fd, bytes, count);
}

#define WRITES_AT(name, offset_type)                                      \
    ssize_t name(int fd, const void *bytes, size_t count, offset_type at) \
    {                                                                     \
        FAIL_IF_SICK(sick_fd(fd, "write"), -1);                           \
        return REAL(name)(fd, bytes, count, at);                          \
    }
WRITES_AT(pwrite, off_t)
WRITES_AT(pwrite64, off64_t)

int fsync(int fd)
{
    FAIL_IF_SICK(sick_fd(fd, "fsync"), -1);
    return REAL(fsync)(fd);
}

int fdatasync(int fd)
{
    FAIL_IF_SICK(sick_fd(fd, "fsync"), -1);
    return REAL(fdatasync)(fd);
}

int rename(const char *from, const char *to)
{
    FAIL_IF_SICK(sick(from, "rename"), -1);
    return REAL(rename)(from, to);
}

int unlink(const char *path)
{
    FAIL_IF_SICK(sick(path, "unlink"), -1);
    return REAL(unlink)(path);
}

int mkdir(const char *path, mode_t mode)
{
    FAIL_IF_SICK(sick(path, "mkdir"), -1);
    return REAL(mkdir)(path, mode);
}

DIR *opendir(const char *path)
{
    FAIL_IF_SICK(sick(path, "list"), NULL);
    return REAL(opendir)(path);
}

char *realpath(const char *restrict path, char *restrict resolved)
{
    FAIL_IF_SICK(sick(path, "stat"), NULL);
    return REAL(realpath)(path, resolved);
}
