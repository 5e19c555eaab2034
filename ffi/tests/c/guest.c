/* A good guest: floating-point traps, errno, signals, descriptors, fork and the rest of the process are as they were. */

#define _GNU_SOURCE
#include "common.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fenv.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

static lw_pipeline pipeline;
static lw_server server;

/* The mask of blocked signals of each thread but the one with this name (and the first), one call each. */
static int threads_that_block_less(const char *but, int *seen)
{
    int less = 0;
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *task;
    *seen = 0;
    while ((task = readdir(tasks))) {
        char file[300], line[200], name[50] = "";
        unsigned long long blocked = 0;
        if (task->d_name[0] == '.' || atoi(task->d_name) == getpid()) {
            continue;
        }
        snprintf(file, sizeof file, "/proc/self/task/%s/status", task->d_name);
        FILE *status = fopen(file, "r");
        while (status && fgets(line, sizeof line, status)) {
            sscanf(line, "Name: %49s", name);
            sscanf(line, "SigBlk: %llx", &blocked);
        }
        if (!status || !*name) {
            continue; /* it has just ended */
        }
        fclose(status);
        ++*seen;
        /* SIGKILL and SIGSTOP cannot be blocked, and the C library keeps two signals for itself. */
        unsigned long long all = 0x7fffffff & ~(1ull << (SIGKILL - 1)) & ~(1ull << (SIGSTOP - 1));
        if ((blocked & all) != all && strcmp(name, but) != 0) {
            fprintf(stderr, "%s blocks only %llx\n", name, blocked);
            less++;
        }
    }
    closedir(tasks);
    return less;
}

/* Made before traps are set: this program's own arithmetic is not exact. */
static float pcm[2 * 4608];

static void some_calls(const char *music)
{
    static const int16_t integers[2 * 4608];
    const uint8_t *bytes;
    size_t count, taken;
    char *text;
    const char *formats[] = { "format = 'mp3'", "format = 'aac'" };
    for (int i = 0; i < 2; i++) {
        lw_encoder encoder;
        OK(lw_encoder_open(formats[i], 44100, 2, &encoder));
        for (int n = 0; n < 20; n++) {
            OK(lw_encoder_encode(encoder, pcm, 4608, &bytes, &count));
            OK(lw_encoder_encode_s16(encoder, integers, 4608, &bytes, &count));
        }
        OK(lw_server_write_audio(server, "/live", bytes, count, &taken));
        OK(lw_encoder_flush(encoder, &bytes, &count));
        OK(lw_encoder_close(encoder));
    }
    OK(lw_read_metadata(music, &text));
    lw_free(text);
    OK(lw_pipeline_levels(pipeline, &text));
    lw_free(text);
    OK(lw_pipeline_fill(pipeline, &text));
    CHECK(strstr(text, "\"max_voices\":64") != NULL);
    lw_free(text);
    CHECK(lw_read_metadata("/nowhere", &text) == LW_FILE);
    CHECK(lw_pipeline_set_volume(pipeline, 99, 0.5) == LW_NOT_FOUND);
    CHECK(lw_server_start(0) == LW_BAD_HANDLE);
}

static void floating_point(const char *music)
{
    const int modes[] = { FE_TONEAREST, FE_UPWARD, FE_TOWARDZERO };
    for (int i = 0; i < 3; i++) {
        feclearexcept(FE_ALL_EXCEPT);
        fesetround(modes[i]);
        feenableexcept(FE_ALL_EXCEPT);
        errno = 77;
        some_calls(music);
        CHECK(errno == 77);
        CHECK(fegetexcept() == FE_ALL_EXCEPT && fegetround() == modes[i]);
        fedisableexcept(FE_ALL_EXCEPT);
        CHECK(fetestexcept(FE_ALL_EXCEPT) == 0);
    }
    fesetround(FE_TONEAREST);
}

static volatile int hook_calls;
static volatile int mask_was_right;

static void on_track(lw_pipeline p, const char *event, void *user)
{
    (void)p, (void)event, (void)user;
    sigset_t mask;
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    mask_was_right = sigismember(&mask, SIGUSR1) == 1 && sigismember(&mask, SIGUSR2) == 0;
    /* What a runtime does to its thread is undone behind it. */
    feenableexcept(FE_DIVBYZERO | FE_INVALID | FE_OVERFLOW);
    hook_calls++;
}

/* The first hook is added by a thread with a mask of its own. */
static void *adds_hook(void *nothing)
{
    uint64_t hook;
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR1);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    OK(lw_pipeline_add_hook(pipeline, "track-change", on_track, NULL, &hook));
    return nothing;
}

static void signals(const char *a, const char *b)
{
    pthread_t thread;
    int seen;
    /* A thread that has just been started may not have blocked them yet. */
    UNTIL(threads_that_block_less("", &seen) == 0 && seen >= 5);
    pthread_create(&thread, NULL, adds_hook, NULL);
    pthread_join(thread, NULL);
    for (int i = 1; i <= 3; i++) {
        OK(lw_pipeline_play_file(pipeline, i % 2 ? a : b, NULL, NULL));
        UNTIL(hook_calls == i);
        CHECK(mask_was_right);
    }
    UNTIL(threads_that_block_less("hooks", &seen) == 0);
}

/* Whether the host's thread may be stopped by a signal whenever the library allocates. A collector that stops
 * threads in this way would wait for ever if it had stopped one that holds the allocator's lock. */
static __thread int is_watched;
static int deaf_allocations;
extern void *__libc_malloc(size_t);

void *malloc(size_t size)
{
    sigset_t mask;
    if (is_watched && pthread_sigmask(SIG_BLOCK, NULL, &mask) == 0 && sigismember(&mask, SIGUSR2)) {
        deaf_allocations++;
    }
    return __libc_malloc(size);
}

static void can_be_stopped(void)
{
    lw_station station;
    is_watched = 1;
    OK(lw_station_open(STATION, &station));
    OK(lw_station_start(station));
    OK(lw_station_close(station));
    is_watched = 0;
    CHECK(deaf_allocations == 0);
}

/* With SIGPIPE at its default, listeners that go in the middle of everything kill nobody. */
static void sigpipe(uint16_t port)
{
    for (int i = 0; i < 50; i++) {
        int player = listen_to(port, "/a.mp3");
        struct linger reset = { .l_onoff = 1, .l_linger = 0 };
        setsockopt(player, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        close(player);
    }
    usleep(300000);
}

/* The host forks while everything runs; what its children do ends, and nothing here is different. Often: a lock
 * that a thread holds at a fork is held for a moment only. */
static void forks(lw_station station)
{
    for (int i = 0; i < 150; i++) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            alarm(20); /* instead of hanging */
            if (i % 3 == 0) {
                execlp("true", "true", (char *)NULL);
                _exit(2);
            }
            if (i % 3 == 1) {
                exit(lw_pipeline_skip(pipeline) == LW_BAD_HANDLE && lw_station_stop(station, NULL) == LW_BAD_HANDLE ? 0 : 3);
            }
            /* It may have a station of its own. */
            lw_station own;
            OK(lw_station_close(station));
            OK(lw_station_open(STATION, &own));
            OK(lw_station_start(own));
            CHECK(lw_station_stop(station, NULL) == LW_BAD_HANDLE);
            OK(lw_station_close(own));
            _exit(0);
        }
        int status;
        CHECK(waitpid(child, &status, 0) == child);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        OK(lw_pipeline_skip(pipeline));
    }
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    char a[500], b[500], here[500], there[500], said[500];
    snprintf(a, sizeof a, "%s/a.wav", argv[1]);
    snprintf(b, sizeof b, "%s/b.wav", argv[1]);
    snprintf(said, sizeof said, "%s/said", argv[1]);
    tone(a, 440, 30);
    tone(b, 660, 30);
    for (int i = 0; i < 2 * 4608; i++) {
        pcm[i] = (float)((i % 100) - 50) / 49.0f * (i % 7 ? 1.0f : 1e-30f);
    }
    setlocale(LC_ALL, "C.UTF-8");
    char *locale = strdup(setlocale(LC_ALL, NULL));
    CHECK(getcwd(here, sizeof here));
    struct sigaction before[32], after;
    signal(SIGPIPE, SIG_DFL);
    for (int signal = 1; signal < 32; signal++) {
        sigaction(signal, NULL, &before[signal]);
    }
    /* Whatever is printed goes to a file. */
    int error = dup(2), out = dup(1), file = open(said, O_CREAT | O_TRUNC | O_RDWR, 0600);
    dup2(file, 1);

    lw_station station;
    uint16_t port;
    OK(lw_station_open(STATION, &station));
    OK(lw_station_pipeline(station, NULL, &pipeline));
    OK(lw_station_server(station, &server));
    OK(lw_station_start(station));
    OK(lw_server_port(server, &port));
    OK(lw_server_add_mount(server, "mount = '/live'\ncontent_type = 'audio/x-own'"));
    OK(lw_pipeline_queue_file(pipeline, a, NULL, 0, NULL));

    floating_point(a);
    signals(a, b);
    can_be_stopped();
    sigpipe(port);
    forks(station);

    OK(lw_station_close(station));
    OK(lw_pipeline_close(pipeline));
    OK(lw_server_close(server));
    fflush(stdout);
    CHECK(lseek(file, 0, SEEK_END) == 0);
    dup2(out, 1);
    dup2(error, 2);
    CHECK(strcmp(locale, setlocale(LC_ALL, NULL)) == 0);
    CHECK(getcwd(there, sizeof there) && strcmp(here, there) == 0);
    for (int signal = 1; signal < 32; signal++) {
        sigaction(signal, NULL, &after);
        CHECK(after.sa_handler == before[signal].sa_handler && after.sa_flags == before[signal].sa_flags);
    }
    free(locale);
    printf("traps, errno, signals, SIGPIPE, fork, locale, directory, standard output: as they were\n");
    return 0;
}
