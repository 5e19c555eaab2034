/* What misuse.py's program needs: one of everything that lives, and one of everything that is closed. */

#include "common.h"

#include <semaphore.h>

/* One of each kind. */
struct all {
    lw_station station;
    lw_pipeline pipeline;
    lw_server server;
    lw_encoder encoder;
    lw_input input;
    lw_tap tap;
    lw_requests requests;
    lw_request request;
    lw_packets packets;
    lw_source_request source_request;
    lw_source source;
    /* The station of that. */
    lw_station asks;
};
static struct all live, closed;
#define live_lw_station live.station
#define live_lw_pipeline live.pipeline
#define live_lw_server live.server
#define live_lw_encoder live.encoder
#define live_lw_input live.input
#define live_lw_tap live.tap
#define live_lw_requests live.requests
#define live_lw_request live.request
#define live_lw_packets live.packets
#define live_lw_source_request live.source_request
#define live_lw_source live.source
#define closed_lw_station closed.station
#define closed_lw_pipeline closed.pipeline
#define closed_lw_server closed.server
#define closed_lw_encoder closed.encoder
#define closed_lw_input closed.input
#define closed_lw_tap closed.tap
#define closed_lw_requests closed.requests
#define closed_lw_request closed.request
#define closed_lw_packets closed.packets
#define closed_lw_source_request closed.source_request
#define closed_lw_source closed.source

static char music[500], long_text[100000], *snapshot;
/* Where results would go, and what is there as long as there is none. */
static uint64_t outs[8];
static const uint64_t UNTOUCHED = 0xa5a5a5a5a5a5a5a5;
/* Aligned for anything; one further on it is aligned for bytes only. */
static union {
    uint64_t alignment;
    char bytes[4096];
} space;
static char *const zeros = space.bytes;
static volatile double zero = 0;
static lw_status last;

static void on_lw_hook(lw_pipeline pipeline, const char *event, void *user)
{
    (void)pipeline, (void)event, (void)user;
}

static void on_lw_log(int32_t level, const char *target, const char *message, void *user)
{
    (void)level, (void)target, (void)message, (void)user;
}

static void on_lw_next_track(lw_pipeline pipeline, void *user)
{
    (void)pipeline, (void)user;
}

static void *on_lw_encoder_opens(uint32_t sample_rate, uint32_t channels, lw_packets packets, void *user)
{
    (void)sample_rate, (void)channels, (void)packets;
    return user;
}

/* Stays in its first call as long as the misuse goes on: its packets live. */
static sem_t go_on;

static void on_lw_encoder_encodes(void *state, const float *pcm, size_t frames, lw_packets packets)
{
    (void)pcm, (void)frames;
    lw_packets *lives = state;
    if (lives && !__atomic_load_n(lives, __ATOMIC_SEQ_CST)) {
        __atomic_store_n(lives, packets, __ATOMIC_SEQ_CST);
        while (sem_wait(&go_on) != 0) {
        }
    }
}

static void on_lw_encoder_flushes(void *state, lw_packets packets)
{
    (void)state, (void)packets;
}

static void on_lw_encoder_closes(void *state)
{
    (void)state;
}

/* Stays there as long as the misuse goes on: its request lives. */
static void on_lw_admit_source(lw_station station, lw_source_request request, const char *description,
                               void *user)
{
    (void)station, (void)description;
    if (user) {
        __atomic_store_n((lw_source_request *)user, request, __ATOMIC_SEQ_CST);
        while (sem_wait(&go_on) != 0) {
        }
    }
}

/* A station of its own asks: the calls for the other one would wait for the answer. */
static void open_asking(struct all *all)
{
    lw_server server;
    uint16_t port;
    OK(lw_station_open(STATION, &all->asks));
    OK(lw_station_admit_sources(all->asks, on_lw_admit_source, &all->source_request));
    OK(lw_station_start(all->asks));
    OK(lw_station_server(all->asks, &server));
    OK(lw_server_port(server, &port));
    OK(lw_server_close(server));
    close(ask(port, ANNA));
    UNTIL(__atomic_load_n(&all->source_request, __ATOMIC_SEQ_CST));
}

static void open_all(struct all *all)
{
    open_asking(all);
    OK(lw_station_open(STATION, &all->station));
    OK(lw_station_start(all->station));
    OK(lw_station_pipeline(all->station, NULL, &all->pipeline));
    OK(lw_station_server(all->station, &all->server));
    OK(lw_server_add_mount(all->server, "mount = '/live'\ncontent_type = 'audio/x-own'"));
    OK(lw_encoder_open("format = 'mp3'", 44100, 2, &all->encoder));
    OK(lw_pipeline_play_input(all->pipeline, 1, 0, &all->input, NULL));
    OK(lw_pipeline_tap(all->pipeline, &all->tap));
    OK(lw_pipeline_go_live(all->pipeline, "/dj", NULL, &all->source));
    OK(lw_pipeline_add_own_output(all->pipeline, "mount = '/own'\ncontent_type = 'audio/x-own'",
                                  on_lw_encoder_opens, on_lw_encoder_encodes, on_lw_encoder_flushes,
                                  on_lw_encoder_closes, &all->packets));
    UNTIL(__atomic_load_n(&all->packets, __ATOMIC_SEQ_CST));
    uint16_t port;
    OK(lw_server_take_requests(all->server, "[\"/asked\"]", 8, &all->requests));
    OK(lw_server_port(all->server, &port));
    close(ask(port, "GET /asked HTTP/1.0\r\n\r\n"));
    OK(lw_requests_next(all->requests, 20000, &all->request));
}

static void close_all(struct all *all)
{
    sem_post(&go_on);
    sem_post(&go_on);
    OK(lw_station_admit_sources(all->asks, NULL, NULL));
    OK(lw_station_close(all->asks));
    OK(lw_station_close(all->station));
    OK(lw_pipeline_close(all->pipeline));
    OK(lw_server_close(all->server));
    OK(lw_encoder_close(all->encoder));
    OK(lw_input_close(all->input));
    OK(lw_source_close(all->source));
    OK(lw_tap_close(all->tap));
    OK(lw_requests_close(all->requests));
    OK(lw_request_close(all->request));
}

static void begin(int argc, char **argv)
{
    CHECK(argc == 2);
    snprintf(music, sizeof music, "%s/a.wav", argv[1]);
    tone(music, 440, 2);
    memset(long_text, 'x', sizeof long_text - 1);
    open_all(&closed);
    close_all(&closed);
    open_all(&live);
    OK(lw_pipeline_snapshot(live_lw_pipeline, &snapshot));
}

static void end(void)
{
    lw_free(snapshot);
    OK(lw_log_to(NULL, NULL, NULL));
    close_all(&live);
}

static void prepare(void)
{
    for (int i = 0; i < 8; i++) {
        outs[i] = UNTOUCHED;
    }
}

enum expected { ANY, REFUSED, OK, INVALID, BAD_HANDLE };

static void judge(enum expected expected, const char *call, lw_status status)
{
    const lw_status wanted[] = { 0, 0, LW_OK, LW_INVALID, LW_BAD_HANDLE };
    int right = status != LW_PANIC && status >= LW_NO_ANSWER && status <= LW_NONE;
    right &= expected == ANY || (expected == REFUSED ? status < 0 : status == wanted[expected]);
    for (int i = 0; i < 8 && status != LW_OK; i++) {
        right &= outs[i] == UNTOUCHED;
    }
    right &= status >= 0 || *lw_last_error();
    if (!right) {
        fprintf(stderr, "%s gave %d (%s)\n", call, status, lw_last_error());
        exit(1);
    }
    last = status;
}

/* What a call that was not so wrong after all has given. */
static void drop_text(int place)
{
    if (last == LW_OK && outs[place] != UNTOUCHED) {
        lw_free((char *)outs[place]);
    }
}
