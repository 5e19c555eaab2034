/* A clock that the host steps, and an encoder of its own. For AddressSanitizer. */

#include "common.h"

#include <signal.h>

static lw_station station;
static lw_pipeline pipeline;
static uint16_t port;

/* An encoder that keeps what it gets, and fails when it is told to. */
struct kept {
    int opened, closed, flushed, fails, mask_was_right;
    uint64_t frames;
    float peak;
};

static int of(int *count)
{
    return __atomic_load_n(count, __ATOMIC_SEQ_CST);
}

static void *opens(uint32_t sample_rate, uint32_t channels, lw_packets packets, void *user)
{
    struct kept *kept = user;
    CHECK(sample_rate == 22050 && channels == 1);
    /* It may ask for the outputs, of which it is none yet. */
    char *mounts;
    OK(lw_pipeline_mounts(pipeline, &mounts));
    lw_free(mounts);
    if (of(&kept->fails) == 2) {
        OK(lw_packets_fail(packets, "it does not want to"));
        return NULL;
    }
    OK(lw_packets_header(packets, (const uint8_t *)"HEAD", 4));
    OK(lw_packets_delay(packets, 10));
    __atomic_add_fetch(&kept->opened, 1, __ATOMIC_SEQ_CST);
    /* A state of its own, which close frees. */
    struct kept **state = malloc(sizeof *state);
    *state = kept;
    return state;
}

static void encodes(void *state, const float *pcm, size_t frames, lw_packets packets)
{
    struct kept *kept = *(struct kept **)state;
    sigset_t mask;
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    kept->mask_was_right = sigismember(&mask, SIGUSR1) == 1 && sigismember(&mask, SIGUSR2) == 0;
    kept->frames += frames;
    for (size_t i = 0; i < frames; i++) {
        kept->peak = pcm[i] > kept->peak ? pcm[i] : kept->peak;
    }
    CHECK(lw_packets_add(packets, NULL, 0, 1) == LW_INVALID);
    OK(lw_packets_add(packets, (const uint8_t *)"packet", 6, (uint32_t)frames));
    if (of(&kept->fails) == 1) {
        __atomic_store_n(&kept->fails, 0, __ATOMIC_SEQ_CST);
        OK(lw_packets_fail(packets, "on purpose"));
    }
}

static void flushes(void *state, lw_packets packets)
{
    struct kept *kept = *(struct kept **)state;
    OK(lw_packets_add(packets, (const uint8_t *)"end", 3, 0));
    __atomic_add_fetch(&kept->flushed, 1, __ATOMIC_SEQ_CST);
}

static void closes(void *state)
{
    struct kept *kept = *(struct kept **)state;
    __atomic_add_fetch(&kept->closed, 1, __ATOMIC_SEQ_CST);
    free(state);
}

static lw_status add(struct kept *kept, const char *mount)
{
    char declaration[200];
    snprintf(declaration, sizeof declaration, "mount = '%s'\ncontent_type = 'audio/x-own'", mount);
    return lw_pipeline_add_own_output(pipeline, declaration, opens, encodes, flushes, closes, kept);
}

/* Whoever joins gets the header, then whole packets. */
static void listener(void)
{
    char bytes[4000] = "";
    size_t length = 0;
    int player = ask(port, "GET /own HTTP/1.0\r\n\r\n");
    while (!strstr(bytes, "\r\n\r\nHEADpacketpacket")) {
        ssize_t got = read(player, bytes + length, sizeof bytes - 1 - length);
        CHECK(got > 0);
        length += (size_t)got;
    }
    CHECK(strstr(bytes, " 200 ") && strstr(bytes, "Content-Type: audio/x-own\r\n"));
    close(player);
}

/* An hour is over at once, and is the same each time. */
static void clock_and_encoder(const char *music)
{
    struct kept *kept = calloc(1, sizeof *kept), refused = { .fails = 2 };
    uint64_t on_air;
    sigset_t mask, before;
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR1);
    pthread_sigmask(SIG_SETMASK, &mask, &before);
    OK(add(kept, "/own"));
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    CHECK(add(kept, "/own") == LW_EXISTS && kept->opened == 2 && kept->closed == 1);
    CHECK(add(&refused, "/refused") == LW_ENCODER && strstr(lw_last_error(), "it does not want to"));

    OK(lw_pipeline_time_on_air_ms(pipeline, &on_air));
    CHECK(on_air == 0);
    OK(lw_pipeline_queue_file(pipeline, music, NULL, 0, NULL));
    OK(lw_pipeline_step_clock(pipeline, 60 * 60 * 1000));
    OK(lw_pipeline_time_on_air_ms(pipeline, &on_air));
    CHECK(on_air >= 3600000 && on_air < 3601000);
    listener();

    /* What it failed for is closed, and another opened a second later. */
    __atomic_store_n(&kept->fails, 1, __ATOMIC_SEQ_CST);
    for (int i = 0; i < 3000 && of(&kept->opened) < 3; i++) {
        OK(lw_pipeline_step_clock(pipeline, 500));
        usleep(1000);
    }
    CHECK(of(&kept->opened) == 3 && of(&kept->closed) == 2);
    OK(lw_pipeline_remove_output(pipeline, "/own"));
    CHECK(kept->opened == kept->closed && kept->flushed == 1);
    CHECK(kept->mask_was_right && kept->peak > 0.2f && kept->frames >= 3600ull * 22050 - 22050);
    /* It is not used any more. */
    free(kept);
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    char music[500];
    lw_server server;
    snprintf(music, sizeof music, "%s/a.wav", argv[1]);
    tone(music, 440, 20);
    OK(lw_station_open(STATION, &station));
    OK(lw_station_pipeline(station, NULL, &pipeline));
    OK(lw_station_server(station, &server));
    CHECK(lw_pipeline_step_clock(pipeline, 1) == LW_INVALID);
    OK(lw_pipeline_use_stepped_clock(pipeline));
    OK(lw_pipeline_use_stepped_clock(pipeline));
    CHECK(lw_pipeline_step_clock(pipeline, 1) == LW_STOPPED);
    OK(lw_station_start(station));
    CHECK(lw_pipeline_use_stepped_clock(pipeline) == LW_INVALID);
    OK(lw_server_port(server, &port));

    clock_and_encoder(music);
    OK(lw_station_stop(station, NULL));
    CHECK(lw_pipeline_step_clock(pipeline, 1) == LW_STOPPED);
    CHECK(add(NULL, "/late") == LW_STOPPED);
    OK(lw_station_close(station));
    OK(lw_pipeline_close(pipeline));
    OK(lw_server_close(server));
    puts("a stepped clock, an own encoder: as they were made");
    return 0;
}
