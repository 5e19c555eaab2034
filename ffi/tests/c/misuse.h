/* What misuse.py's program needs: one of everything that lives, and one of everything that is closed. */

#include "common.h"

static lw_station live_lw_station, closed_lw_station;
static lw_pipeline live_lw_pipeline, closed_lw_pipeline;
static lw_server live_lw_server, closed_lw_server;
static lw_encoder live_lw_encoder, closed_lw_encoder;
static lw_input live_lw_input, closed_lw_input;
static lw_tap live_lw_tap, closed_lw_tap;

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

static void open_all(lw_station *station, lw_pipeline *pipeline, lw_server *server, lw_encoder *encoder, lw_input *input,
                     lw_tap *tap)
{
    OK(lw_station_open(STATION, station));
    OK(lw_station_start(*station));
    OK(lw_station_pipeline(*station, NULL, pipeline));
    OK(lw_station_server(*station, server));
    OK(lw_server_add_mount(*server, "mount = '/live'\ncontent_type = 'audio/x-own'"));
    OK(lw_encoder_open("format = 'mp3'", 44100, 2, encoder));
    OK(lw_pipeline_play_input(*pipeline, 1, 0, input, NULL));
    OK(lw_pipeline_tap(*pipeline, tap));
}

static void close_all(lw_station station, lw_pipeline pipeline, lw_server server, lw_encoder encoder, lw_input input,
                      lw_tap tap)
{
    OK(lw_station_close(station));
    OK(lw_pipeline_close(pipeline));
    OK(lw_server_close(server));
    OK(lw_encoder_close(encoder));
    OK(lw_input_close(input));
    OK(lw_tap_close(tap));
}

static void begin(int argc, char **argv)
{
    CHECK(argc == 2);
    snprintf(music, sizeof music, "%s/a.wav", argv[1]);
    tone(music, 440, 2);
    memset(long_text, 'x', sizeof long_text - 1);
    open_all(&closed_lw_station, &closed_lw_pipeline, &closed_lw_server, &closed_lw_encoder, &closed_lw_input,
             &closed_lw_tap);
    close_all(closed_lw_station, closed_lw_pipeline, closed_lw_server, closed_lw_encoder, closed_lw_input, closed_lw_tap);
    open_all(&live_lw_station, &live_lw_pipeline, &live_lw_server, &live_lw_encoder, &live_lw_input, &live_lw_tap);
    OK(lw_pipeline_snapshot(live_lw_pipeline, &snapshot));
}

static void end(void)
{
    lw_free(snapshot);
    OK(lw_log_to(NULL, NULL, NULL));
    close_all(live_lw_station, live_lw_pipeline, live_lw_server, live_lw_encoder, live_lw_input, live_lw_tap);
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
