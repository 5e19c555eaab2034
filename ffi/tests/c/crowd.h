/* What crowd.py's program needs: ten threads, the handles that they share, and a watch over calls that never
 * return. The program defines `enum kind` before it includes this. */

#define _GNU_SOURCE
#include "common.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#define THREADS 10
/* How many handles of a kind are shared at a time, at most. */
#define PLACES 6
#define MOST_CALLS 300

struct thread {
    uint64_t random;
    /* Where results go: one for each parameter. */
    uint64_t outs[8];
    /* The last number of an entry, a voice and a hook that it was given. */
    uint64_t id, voice, hook;
    float pcm[2048];
    /* What it calls now. */
    _Atomic(const char *) in;
    /* For each of CALLS: how often it was made, and how often it did something. */
    uint64_t made[MOST_CALLS], done[MOST_CALLS];
};

struct call {
    lw_status (*make)(struct thread *self);
    const char *name;
    int weight;
};

extern const struct call CALLS[];
extern const size_t CALL_COUNT;

static _Atomic uint64_t handles[KINDS][PLACES];
static struct thread threads[THREADS];
static atomic_int is_over;
static atomic_ulong heard;
/* Aligned for anything. */
static const uint64_t zeros[512];

static uint64_t draw(struct thread *self, uint64_t below)
{
    self->random ^= self->random << 13;
    self->random ^= self->random >> 7;
    self->random ^= self->random << 17;
    return self->random % below;
}

static uint64_t a_handle(struct thread *self, enum kind kind)
{
    /* Only one encoder gives packets at a time, and about one source is decided. */
    int is_one = kind == KIND_lw_packets || kind == KIND_lw_source_request;
    uint64_t place = is_one ? 0 : draw(self, PLACES);
    return draw(self, 200) == 0 ? draw(self, 3) : atomic_load(&handles[kind][place]);
}

/* A number like this one, perhaps of another thread's. */
static uint64_t near(struct thread *self, uint64_t number)
{
    return number + 1 - draw(self, 3);
}

static uint64_t a_server(struct thread *self)
{
    uint64_t server = a_handle(self, KIND_lw_server);
    return server ? server : 1;
}

static void drop_text(struct thread *self, lw_status status, int place)
{
    if (status == LW_OK) {
        lw_free((char *)self->outs[place]);
    }
}

/* Puts a new handle where all threads find it, and closes the one that was there. */
static void share(struct thread *self, lw_status status, enum kind kind, int place,
                  lw_status (*close)(uint64_t))
{
    if (status == LW_OK) {
        close(atomic_exchange(&handles[kind][draw(self, PLACES)], self->outs[place]));
    }
}

static void shut(struct thread *self, lw_status status, int place)
{
    if (status == LW_OK) {
        int descriptor;
        memcpy(&descriptor, &self->outs[place], sizeof descriptor);
        CHECK(close(descriptor) == 0);
    }
}

/* Somebody asks a server for something, and leaves at some time. */
static lw_status ask_server(struct thread *self)
{
    static _Atomic int clients[64];
    static const char *const requests[] = {
        "GET /asked HTTP/1.0\r\n\r\n",
        "GET /a.mp3 HTTP/1.0\r\n\r\n",
        "GET /live HTTP",
        ANNA,
    };
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    uint16_t port;
    lw_status status = lw_server_port(a_handle(self, KIND_lw_server), &port);
    if (status == LW_OK) {
        int client = socket(AF_INET, SOCK_STREAM, 0);
        CHECK(client >= 0);
        address.sin_port = htons(port);
        /* The server may have ended meanwhile. */
        if (connect(client, (struct sockaddr *)&address, sizeof address) == 0) {
            const char *request = requests[draw(self, 4)];
            (void)!send(client, request, strlen(request), MSG_NOSIGNAL);
        }
        int before = atomic_exchange(&clients[draw(self, 64)], client);
        if (before != 0) {
            close(before);
        }
    }
    return status;
}

static lw_status kick_somebody(struct thread *self)
{
    char *listeners;
    lw_server server = a_handle(self, KIND_lw_server);
    lw_status status = lw_server_listeners(server, NULL, &listeners);
    if (status == LW_OK) {
        const char *id = strstr(listeners, "\"id\":");
        status = lw_server_kick(server, id ? strtoull(id + 5, NULL, 10) : draw(self, 40));
        lw_free(listeners);
    }
    return status;
}

static lw_status kick_source(struct thread *self)
{
    char *sources;
    lw_station station = a_handle(self, KIND_lw_station);
    lw_status status = lw_station_sources(station, &sources);
    if (status == LW_OK) {
        const char *id = strstr(sources, "\"id\":");
        status = lw_station_kick_source(station, id ? strtoull(id + 5, NULL, 10) : draw(self, 40));
        lw_free(sources);
    }
    return status;
}

static lw_status restore_snapshot(struct thread *self)
{
    char *snapshot;
    lw_status status = lw_pipeline_snapshot(a_handle(self, KIND_lw_pipeline), &snapshot);
    if (status == LW_OK) {
        status = lw_pipeline_restore(a_handle(self, KIND_lw_pipeline), snapshot);
        lw_free(snapshot);
    }
    return status;
}

/* Now and then it closes its own pipeline. */
static void on_lw_hook(lw_pipeline pipeline, const char *event, void *user)
{
    (void)user;
    CHECK(*event == '{');
    char *json;
    if (lw_pipeline_current_track(pipeline, &json) == LW_OK) {
        lw_free(json);
    }
    if (atomic_fetch_add(&heard, 1) % 100 == 99) {
        lw_pipeline_close(pipeline);
    }
}

static void on_lw_log(int32_t level, const char *target, const char *message, void *user)
{
    (void)user;
    CHECK(level >= 1 && level <= 5 && *target && *message);
}

static void on_lw_next_track(lw_pipeline pipeline, void *user)
{
    (void)user;
    lw_pipeline_queue_file(pipeline, "crowd.wav", NULL, 0, NULL);
}

static void *on_lw_encoder_opens(uint32_t sample_rate, uint32_t channels, lw_packets packets, void *user)
{
    (void)sample_rate, (void)channels, (void)user;
    lw_packets_delay(packets, 0);
    return malloc(1);
}

static void on_lw_encoder_encodes(void *state, const float *pcm, size_t frames, lw_packets packets)
{
    (void)pcm;
    CHECK(state);
    lw_packets_add(packets, (const uint8_t *)"packet", 6, (uint32_t)frames);
    /* The crowd uses them until this returns, and a little longer. */
    atomic_store(&handles[KIND_lw_packets][0], packets);
    usleep(20000);
}

static void on_lw_encoder_flushes(void *state, lw_packets packets)
{
    (void)packets;
    CHECK(state);
}

static void on_lw_encoder_closes(void *state)
{
    free(state);
}

static void on_lw_admit_source(lw_station station, lw_source_request request, const char *description,
                               void *user)
{
    (void)user;
    CHECK(*description == '{');
    char *json;
    if (lw_station_sources(station, &json) == LW_OK) {
        lw_free(json);
    }
    lw_source_request_admit(request, "anna");
    /* The crowd answers it, too, until this returns, and a little longer. */
    atomic_store(&handles[KIND_lw_source_request][0], request);
    usleep(20000);
}

static void *run(void *argument)
{
    struct thread *self = argument;
    uint64_t weights = 0;
    for (size_t i = 0; i < CALL_COUNT; i++) {
        weights += (uint64_t)CALLS[i].weight;
    }
    while (!atomic_load(&is_over)) {
        size_t i = 0;
        for (int left = (int)draw(self, weights); left >= CALLS[i].weight; i++) {
            left -= CALLS[i].weight;
        }
        atomic_store(&self->in, CALLS[i].name);
        lw_status status = CALLS[i].make(self);
        atomic_store(&self->in, NULL);
        int is_known = status != LW_PANIC && status >= LW_NO_ANSWER && status <= LW_NONE;
        if (!is_known || (status < 0 && !*lw_last_error())) {
            fprintf(stderr, "%s gave %d (%s)\n", CALLS[i].name, status, lw_last_error());
            exit(1);
        }
        self->made[i]++;
        self->done[i] += status >= 0;
    }
    return NULL;
}

static unsigned seconds;
static uint64_t seed;

/* A station with a library, which writes down what it plays and takes requests. */
static const char *const LIBRARY_STATION =
    "[server]\n"
    "listen = '127.0.0.1:0'\n"
    "history_file = 'crowd.history'\n"
    "[library]\n"
    "folders = '.'\n"
    "database = 'crowd.db'\n"
    "analyse = false\n"
    "[[pipeline]]\n"
    "sample_rate = 22050\n"
    "channels = 1\n"
    "playlist = 'crowd.wav'\n"
    "[pipeline.requests]\n"
    "per_address = 1000\n"
    "per_hour = 1000\n"
    "per_track = '0s'\n"
    "[[pipeline.output]]\n"
    "format = 'mp3'\n"
    "mount = '/a.mp3'\n"
    "bitrate = 32\n";

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(name, "w");
    CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

/* crowd FOLDER SECONDS [SEED] */
static void begin(int argc, char **argv)
{
    CHECK(argc >= 3 && CALL_COUNT <= MOST_CALLS);
    CHECK(chdir(argv[1]) == 0);
    seconds = (unsigned)atoi(argv[2]);
    seed = argc > 3 ? strtoull(argv[3], NULL, 10) : (uint64_t)time(NULL);
    fprintf(stderr, "seed %llu\n", (unsigned long long)seed);
    tone("crowd.wav", 440, 1);
    write_file("crowd.toml", STATION);
    write_file("library.toml", LIBRARY_STATION);
}

static void crowd(void)
{
    pthread_t ids[THREADS];
    for (int i = 0; i < THREADS; i++) {
        threads[i].random = (seed + 1) * 0x9e3779b97f4a7c15 + (uint64_t)i * 0xbf58476d1ce4e5b9 + 1;
        CHECK(pthread_create(&ids[i], NULL, run, &threads[i]) == 0);
    }
    sleep(seconds);
    atomic_store(&is_over, 1);
    /* A stop may take five seconds, and thirty of them may wait for each other. */
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 200;
    for (int i = 0; i < THREADS; i++) {
        if (pthread_timedjoin_np(ids[i], NULL, &until) != 0) {
            for (int other = 0; other < THREADS; other++) {
                const char *call = atomic_load(&threads[other].in);
                fprintf(stderr, "thread %d: %s\n", other, call ? call : "between calls");
            }
            abort();
        }
    }
}

static void close_all(enum kind kind, lw_status (*close)(uint64_t))
{
    for (int place = 0; place < PLACES; place++) {
        close(handles[kind][place]);
    }
}

/* The status of the program: a minute is enough for each function to do something. */
static int report(void)
{
    OK(lw_log_to(NULL, NULL, NULL));
    uint64_t all_made = 0, all_done = 0;
    size_t idle = 0;
    for (size_t i = 0; i < CALL_COUNT; i++) {
        uint64_t made = 0, done = 0;
        for (int thread = 0; thread < THREADS; thread++) {
            made += threads[thread].made[i];
            done += threads[thread].done[i];
        }
        all_made += made;
        all_done += done;
        if (done == 0) {
            idle++;
            fprintf(stderr, "%s never did anything (%llu calls)\n", CALLS[i].name, (unsigned long long)made);
        }
    }
    CHECK(all_done > all_made / 20 && all_made > 1000);
    printf("%d threads made %llu calls of %zu functions, %llu of which did something\n", THREADS,
           (unsigned long long)all_made, CALL_COUNT, (unsigned long long)all_done);
    return seconds >= 60 && idle > 0;
}
