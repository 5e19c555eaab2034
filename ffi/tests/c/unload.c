/* A host that loads the library, runs a station, and unloads it, again and again: nothing is left of it. */

#define _GNU_SOURCE
#include "common.h"

#include <dirent.h>
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>

static int entries(const char *folder)
{
    int count = 0;
    DIR *open = opendir(folder);
    while (readdir(open)) {
        count++;
    }
    closedir(open);
    return count;
}

/* Waits until the process has so many threads. The kernel lists one that was joined for a moment longer. */
static void until_threads(int expected)
{
    for (int tries = 0; entries("/proc/self/task") != expected; tries++) {
        if (tries == 3000) {
            fprintf(stderr, "%d threads, not %d\n", entries("/proc/self/task") - 2, expected - 2);
            exit(1);
        }
        usleep(10000);
    }
}

static int is_mapped(void)
{
    char line[1000];
    int found = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof line, maps)) {
        found |= strstr(line, "liblongwave") != NULL;
    }
    fclose(maps);
    return found;
}

/* By the names that it is asked for. */
#define SYMBOL(name) __typeof__(&name) name##_ = (__typeof__(&name))dlsym(library, #name); CHECK_(name##_)
#define CHECK_(what) \
    do { \
        if (!(what)) { \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #what); \
            exit(1); \
        } \
    } while (0)

static void *library;
static pthread_barrier_t called, unloaded;

/* A thread of the host that has used the library and lives on after it is gone. */
static void *survivor(void *given)
{
    lw_pipeline pipeline = *(lw_pipeline *)given;
    SYMBOL(lw_pipeline_health);
    SYMBOL(lw_free);
    SYMBOL(lw_server_open);
    SYMBOL(lw_server_start);
    SYMBOL(lw_server_close);
    char *text;
    lw_server server;
    CHECK_(lw_pipeline_health_(pipeline, &text) == LW_OK);
    lw_free_(text);
    CHECK_(lw_server_open_("listen = '127.0.0.1:0'", &server) == LW_OK);
    CHECK_(lw_server_start_(server) == LW_OK);
    CHECK_(lw_server_close_(server) == LW_OK);
    pthread_barrier_wait(&called);
    pthread_barrier_wait(&unloaded);
    return NULL; /* and here whatever it has registered would be called */
}

static void on_track(lw_pipeline pipeline, const char *event, void *user)
{
    (void)pipeline, (void)event;
    *(volatile int *)user = 1;
}

static void on_log(int32_t level, const char *target, const char *message, void *user)
{
    (void)level, (void)target, (void)message, (void)user;
}

static void round_trip(const char *path, const char *music)
{
    library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    SYMBOL(lw_station_open);
    SYMBOL(lw_station_pipeline);
    SYMBOL(lw_station_start);
    SYMBOL(lw_station_close);
    SYMBOL(lw_pipeline_add_hook);
    SYMBOL(lw_pipeline_play_path);
    SYMBOL(lw_pipeline_close);
    SYMBOL(lw_log_to);
    lw_station station;
    lw_pipeline pipeline;
    uint64_t hook;
    volatile int heard = 0;
    CHECK_(lw_log_to_(on_log, NULL, "debug") == LW_OK);
    CHECK_(lw_station_open_(STATION, &station) == LW_OK);
    CHECK_(lw_station_pipeline_(station, NULL, &pipeline) == LW_OK);
    CHECK_(lw_pipeline_add_hook_(pipeline, "track-change", on_track, (void *)&heard, &hook) == LW_OK);
    CHECK_(lw_station_start_(station) == LW_OK);
    CHECK_(lw_pipeline_play_path_(pipeline, music, NULL) == LW_OK);
    for (int tries = 0; !heard; tries++) {
        CHECK_(tries < 3000);
        usleep(10000);
    }
    pthread_t thread;
    pthread_create(&thread, NULL, survivor, &pipeline);
    pthread_barrier_wait(&called);
    CHECK_(lw_station_close_(station) == LW_OK);
    CHECK_(lw_pipeline_close_(pipeline) == LW_OK);
    CHECK_(lw_log_to_(NULL, NULL, NULL) == LW_OK);
    CHECK_(dlclose(library) == 0);
    CHECK_(!is_mapped());
    pthread_barrier_wait(&unloaded);
    pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
    CHECK_(argc == 4);
    pthread_barrier_init(&called, NULL, 2);
    pthread_barrier_init(&unloaded, NULL, 2);
    int rounds = atoi(argv[3]);
    int threads = entries("/proc/self/task");
    round_trip(argv[1], argv[2]);
    until_threads(threads);
    int descriptors = entries("/proc/self/fd");
    size_t memory = mallinfo2().uordblks;
    for (int i = 1; i < rounds; i++) {
        round_trip(argv[1], argv[2]);
        until_threads(threads);
        CHECK_(entries("/proc/self/fd") == descriptors);
    }
    /* More than the keys that a process can have. */
    pthread_key_t key;
    for (int i = 0; i < 1000; i++) {
        CHECK_(pthread_key_create(&key, NULL) == 0 && pthread_key_delete(key) == 0);
    }
    long more = ((long)mallinfo2().uordblks - (long)memory) / (rounds > 1 ? rounds - 1 : 1);
    printf("loaded and unloaded %d times: no mapping, thread or descriptor is left; %ld bytes of heap each time\n", rounds, more);
    /* What codecs have computed once: tables, registries. */
    CHECK_(more < 32768);
    return 0;
}
