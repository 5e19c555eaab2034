/* A hundred stations, one after the other, with all that one can have. Built with AddressSanitizer: no byte is left. */

#include "common.h"

#include <poll.h>

static void on_event(lw_pipeline pipeline, const char *event, void *user)
{
    int *calls = user;
    CHECK(strstr(event, "\"kind\":"));
    char *json = NULL;
    lw_status status = lw_pipeline_current_track(pipeline, &json);
    CHECK(status == LW_OK || status == LW_NONE);
    lw_free(json);
    ++*calls;
}

static void on_log(int32_t level, const char *target, const char *message, void *user)
{
    int *lines = user;
    CHECK(level >= 1 && level <= 5 && *target && *message);
    ++*lines;
}

static void feed(lw_server server)
{
    static const int16_t silence[2304];
    lw_encoder encoder;
    OK(lw_encoder_open("format = 'mp3'\nbitrate = 32", 22050, 1, &encoder));
    OK(lw_server_add_mount(server, "{\"mount\": \"/live.mp3\", \"content_type\": \"audio/mpeg\", \"bitrate\": 32}"));
    OK(lw_server_update_metadata(server, "/live.mp3", "Live", NULL));
    size_t written = 0;
    for (int i = 0; i < 11; i++) {
        const uint8_t *bytes;
        size_t count, taken;
        if (i < 10) {
            OK(lw_encoder_encode_s16(encoder, silence, 2304, &bytes, &count));
        } else {
            OK(lw_encoder_flush(encoder, &bytes, &count));
        }
        OK(lw_server_write_audio(server, "/live.mp3", bytes, count, &taken));
        written += taken;
    }
    CHECK(written > 0);
    OK(lw_encoder_close(encoder));
}

/* Reads events, woken by the descriptor, until one is of this kind. */
static void await(lw_pipeline pipeline, const char *kind)
{
    struct pollfd events = { .events = POLLIN };
    OK(lw_pipeline_event_fd(pipeline, &events.fd));
    for (;;) {
        char *event;
        CHECK(poll(&events, 1, 10000) == 1);
        OK(lw_pipeline_next_event(pipeline, 0, &event));
        int found = strstr(event, kind) != NULL;
        lw_free(event);
        if (found) {
            return;
        }
    }
}

/* Writes a constant into a pipe, and waits until a tap has it. */
static void pipe_and_tap(lw_pipeline pipeline, lw_tap *tap)
{
    int fd;
    uint64_t voice, position, lost;
    size_t frames;
    float pcm[2 * 512] = { 0 }, loudest = 0;
    int16_t samples[2 * 4410];

    OK(lw_pipeline_tap(pipeline, tap));
    OK(lw_pipeline_play_pipe(pipeline, "s16le", 1, 0, &fd, &voice));
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        samples[i] = 16384;
    }
    CHECK(write(fd, samples, sizeof samples) == sizeof samples);
    close(fd);
    OK(lw_tap_fd(*tap, &fd));
    while (loudest < 0.4) {
        struct pollfd waiting = { .fd = fd, .events = POLLIN };
        CHECK(poll(&waiting, 1, 10000) == 1);
        OK(lw_tap_read(*tap, pcm, 512, 0, &frames, &position));
        for (size_t i = 0; i < 2 * frames; i++) {
            loudest = pcm[i] > loudest ? pcm[i] : loudest;
        }
    }
    OK(lw_tap_lost(*tap, &lost));
    CHECK(lost == 0);
}

static void cycle(const char *a, const char *b)
{
    lw_station station;
    lw_pipeline pipeline;
    lw_server server;
    lw_input input;
    lw_tap tap;
    uint64_t hook, entry, voice;
    uint16_t port;
    int calls = 0;
    size_t taken;
    char *text;

    OK(lw_station_open(STATION, &station));
    OK(lw_station_pipeline(station, NULL, &pipeline));
    OK(lw_station_server(station, &server));
    OK(lw_pipeline_add_hook(pipeline, NULL, on_event, &calls, &hook));
    OK(lw_station_start(station));
    OK(lw_server_port(server, &port));
    OK(lw_pipeline_queue_file(pipeline, a, "A", 0, &entry));
    OK(lw_pipeline_queue_file(pipeline, b, NULL, 0, NULL));
    await(pipeline, "track-change");
    OK(lw_pipeline_play_voice(pipeline, b, 0.5, 0, &voice));
    OK(lw_pipeline_ramp_volume(pipeline, voice, 1, 20, "smooth", 0));
    OK(lw_pipeline_play_input(pipeline, 1, 0, &input, NULL));
    float pcm[441] = { 0 };
    OK(lw_input_push(input, pcm, 441, &taken));
    OK(lw_input_push_within(input, pcm, 441, -1, &taken));
    CHECK(taken == 441);
    pipe_and_tap(pipeline, &tap);
    await(pipeline, "ramp-done");
    int player = listen_to(port, "/a.mp3");
    feed(server);
    OK(lw_pipeline_snapshot(pipeline, &text));
    OK(lw_pipeline_restore(pipeline, text));
    lw_free(text);
    OK(lw_server_mounts(server, &text));
    CHECK(strstr(text, "/live.mp3") && strstr(text, "/a.mp3"));
    lw_free(text);
    OK(lw_pipeline_remove_hook(pipeline, hook));
    CHECK(calls > 1);
    OK(lw_station_stop(station, &text));
    CHECK(strcmp(text, "[]") == 0);
    lw_free(text);
    CHECK(lw_pipeline_skip(pipeline) == LW_STOPPED);
    close(player);
    while (lw_tap_read(tap, pcm, 220, 1000, &taken, NULL) == LW_OK) {
    }
    CHECK(lw_tap_read(tap, pcm, 220, 1000, &taken, NULL) == LW_STOPPED);
    OK(lw_tap_close(tap));
    OK(lw_input_close(input));
    OK(lw_station_close(station));
    OK(lw_pipeline_close(pipeline));
    OK(lw_server_close(server));
}

int main(int argc, char **argv)
{
    CHECK(argc == 3);
    char a[500], b[500];
    snprintf(a, sizeof a, "%s/a.wav", argv[1]);
    snprintf(b, sizeof b, "%s/b.wav", argv[1]);
    tone(a, 440, 2);
    tone(b, 660, 2);
    int cycles = atoi(argv[2]), lines = 0;
    OK(lw_log_to(on_log, &lines, "info"));
    for (int i = 0; i < cycles; i++) {
        cycle(a, b);
    }
    OK(lw_log_to(NULL, NULL, NULL));
    CHECK(lines > cycles);
    printf("%d stations came and went, with %d log lines\n", cycles, lines);
    return 0;
}
