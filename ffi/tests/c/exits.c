/* A host that ends while everything goes on: from main, from other threads, from functions that the library
 * calls, by another program. It ends at once, with its own status, and says nothing. */

#define _GNU_SOURCE
#include "common.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/wait.h>

enum way {
    BY_MAIN,
    BY_A_THREAD,
    BY_A_HOOK,
    BY_A_LOG_LINE,
    BY_A_NEXT_TRACK,
    BY_AN_ENCODER,
    WITH_ALL_CLOSED_AT_EXIT,
    WITH_CALLS_AFTER_EXIT,
    BY_QUICK_EXIT,
    BY_ANOTHER_PROGRAM,
    WAYS,
};
static const char *const NAMES[] = {
    "main returns", "a thread exits", "a hook exits", "a log function exits", "a next-track function exits",
    "an encoder exits", "a function for the exit closes everything", "other threads call on while it exits",
    "quick_exit", "another program takes its place",
};
/* How long all goes on, in milliseconds. */
static const int TIMES[] = { 0, 5, 50, 300 };

static const char *music;
static lw_station station;
static lw_pipeline pipeline;
static lw_server server;
/* The way to end, once its time has come; -1 before, and after: only one thread may end the process. */
static int chosen = -1;

static void leave_by(enum way way)
{
    int expected = (int)way;
    if (__atomic_compare_exchange_n(&chosen, &expected, -1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
        exit(40 + (int)way);
    }
}

static void on_event(lw_pipeline of, const char *event, void *user)
{
    (void)of, (void)event, (void)user;
    leave_by(BY_A_HOOK);
}

static void on_log(int32_t level, const char *target, const char *message, void *user)
{
    (void)level, (void)target, (void)message, (void)user;
    leave_by(BY_A_LOG_LINE);
}

static void on_next_track(lw_pipeline of, void *user)
{
    (void)user;
    leave_by(BY_A_NEXT_TRACK);
    lw_pipeline_queue_file(of, music, NULL, 0, NULL);
}

static void *opens(uint32_t sample_rate, uint32_t channels, lw_packets packets, void *user)
{
    (void)sample_rate, (void)channels, (void)packets;
    return user;
}

static void encodes(void *state, const float *pcm, size_t frames, lw_packets packets)
{
    (void)state, (void)pcm;
    leave_by(BY_AN_ENCODER);
    lw_packets_add(packets, (const uint8_t *)"packet", 6, (uint32_t)frames);
}

static void flushes(void *state, lw_packets packets)
{
    (void)state, (void)packets;
}

static void closes(void *state)
{
    (void)state;
}

/* Threads that call all the time, also while the process ends. */
static void *calls(void *number)
{
    float pcm[441] = { 0 };
    lw_tap tap = 0;
    lw_pipeline_tap(pipeline, &tap);
    for (int i = 0;; i++) {
        char *text;
        size_t frames;
        if (lw_pipeline_health(pipeline, &text) == LW_OK) {
            lw_free(text);
        }
        if (i % 100 == 0) {
            lw_pipeline_skip(pipeline);
        }
        lw_tap_read(tap, pcm, 441, 1, &frames, NULL);
        lw_read_metadata("/nowhere", &text); /* an error, whose text is the thread's own */
        if (number && i > 5) {
            leave_by(BY_A_THREAD);
        }
    }
    return NULL;
}

static void close_everything(void)
{
    if (__atomic_load_n(&chosen, __ATOMIC_SEQ_CST) == WITH_ALL_CLOSED_AT_EXIT) {
        OK(lw_station_stop(station, NULL));
        OK(lw_station_close(station));
        OK(lw_pipeline_close(pipeline));
        OK(lw_server_close(server));
        OK(lw_log_to(NULL, NULL, NULL));
    } else if (__atomic_load_n(&chosen, __ATOMIC_SEQ_CST) == WITH_CALLS_AFTER_EXIT) {
        usleep(100000);
        lw_pipeline_skip(pipeline);
    }
}

/* What a child does: it never returns. */
static void live(enum way way, int time)
{
    uint16_t port;
    uint64_t hook;
    pthread_t thread;
    CHECK(atexit(close_everything) == 0);
    OK(lw_log_to(on_log, NULL, "debug"));
    OK(lw_station_open(STATION, &station));
    OK(lw_station_pipeline(station, NULL, &pipeline));
    OK(lw_station_server(station, &server));
    OK(lw_pipeline_add_hook(pipeline, NULL, on_event, NULL, &hook));
    OK(lw_pipeline_on_next_track(pipeline, on_next_track, NULL, 0));
    OK(lw_station_start(station));
    OK(lw_pipeline_add_own_output(pipeline, "mount = '/own'\ncontent_type = 'audio/x-own'", opens, encodes,
                                  flushes, closes, NULL));
    OK(lw_server_port(server, &port));
    listen_to(port, "/a.mp3");
    ask(port, "GET /own HTTP/1.0\r\n\r\n");
    for (intptr_t i = 0; i < 3; i++) {
        CHECK(pthread_create(&thread, NULL, calls, (void *)i) == 0);
    }
    usleep((useconds_t)time * 1000);
    __atomic_store_n(&chosen, (int)way, __ATOMIC_SEQ_CST);
    switch (way) {
    case BY_MAIN:
    case WITH_ALL_CLOSED_AT_EXIT:
    case WITH_CALLS_AFTER_EXIT:
        exit(40 + (int)way);
    case BY_QUICK_EXIT:
        quick_exit(40 + (int)way);
    case BY_ANOTHER_PROGRAM: {
        /* It gets none of the library's descriptors. */
        char status[10], seen[510];
        snprintf(status, sizeof status, "%d", 40 + (int)way);
        snprintf(seen, sizeof seen, "%s.fd", music);
        const char *script = "ls -l /proc/self/fd >$1; grep -E 'socket|anon|pipe' $1; exit $0";
        execlp("sh", "sh", "-c", script, status, seen, (char *)NULL);
        _exit(2);
    }
    default:
        for (;;) {
            pause();
        }
    }
}

/* Lives and ends in a child. 0 if that went as it should. */
static int lives_and_ends(enum way way, int time, const char *said)
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        int out = open(said, O_CREAT | O_TRUNC | O_RDWR, 0600);
        CHECK(dup2(open("/dev/null", O_RDONLY), 0) == 0 && dup2(out, 1) == 1 && dup2(out, 2) == 2);
        /* It inherits no pipe and no socket. If it hangs, it is ended. */
        CHECK(close_range(3, ~0u, 0) == 0);
        alarm(20);
        live(way, time);
    }
    int status;
    char words[2000];
    CHECK(waitpid(child, &status, 0) == child);
    FILE *file = fopen(said, "r");
    CHECK(file);
    size_t length = fread(words, 1, sizeof words, file);
    fclose(file);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 40 + (int)way && length == 0) {
        return 0;
    }
    fprintf(stderr, "%s after %d ms: wait status %x\n", NAMES[way], time, (unsigned)status);
    fwrite(words, 1, length, stderr);
    return 1;
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    char file[500], said[500];
    snprintf(file, sizeof file, "%s/exits.wav", argv[1]);
    snprintf(said, sizeof said, "%s/exits.said", argv[1]);
    tone(file, 440, 1);
    music = file;
    int ends = 0, failures = 0;
    for (int way = 0; way < WAYS; way++) {
        for (size_t i = 0; i < sizeof TIMES / sizeof *TIMES; i++) {
            failures += lives_and_ends((enum way)way, TIMES[i], said);
            ends++;
        }
    }
    printf("%d hosts ended in mid-flight, in %d ways\n", ends, WAYS);
    return failures > 0;
}
