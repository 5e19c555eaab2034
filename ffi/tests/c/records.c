/* What is sent is recorded, as the keys `record*` of a declaration in JSON say, and the host hears of it.
 * For AddressSanitizer. */

#include "common.h"

#include <sys/stat.h>

static lw_station station;
static lw_pipeline pipeline;
static lw_server server;

/* Half a second of a tone in MP3, in whole packets. */
static uint8_t sound[20000];
static size_t sound_bytes;

static void encode_tone(void)
{
    static float pcm[2 * 22050];
    lw_encoder encoder;
    const uint8_t *bytes;
    size_t count;
    for (int i = 0; i < 22050; i++) {
        pcm[2 * i] = pcm[2 * i + 1] = (float)(0.3 * sin(i * 6.283185307179586 * 880 / 44100));
    }
    OK(lw_encoder_open("{\"format\": \"mp3\", \"bitrate\": 128}", 44100, 2, &encoder));
    OK(lw_encoder_encode(encoder, pcm, 22050, &bytes, &count));
    CHECK(count <= sizeof sound);
    memcpy(sound, bytes, count);
    sound_bytes = count;
    OK(lw_encoder_close(encoder));
    CHECK(sound_bytes > 5000);
}

/* The next event of this kind, about this path. To be freed. */
static char *event(const char *kind, const char *path)
{
    char *json, wanted[2][100];
    snprintf(wanted[0], sizeof wanted[0], "\"kind\":\"%s\"", kind);
    snprintf(wanted[1], sizeof wanted[1], "\"path\":\"%s\"", path);
    for (;;) {
        OK(lw_server_next_event(server, 20000, &json));
        if (strstr(json, wanted[0]) && strstr(json, wanted[1])) {
            return json;
        }
        lw_free(json);
    }
}

static void hears(const char *kind, const char *path, const char *part)
{
    char *json = event(kind, path);
    if (!strstr(json, part)) {
        fprintf(stderr, "no %s in %s\n", part, json);
    }
    CHECK(strstr(json, part));
    lw_free(json);
}

/* What a file has in it. Returns how much that is. */
static size_t contents(const char *file, uint8_t *bytes, size_t most)
{
    FILE *in = fopen(file, "rb");
    CHECK(in);
    size_t count = fread(bytes, 1, most, in);
    CHECK(fgetc(in) == EOF && fclose(in) == 0);
    return count;
}

static long size_of(const char *file)
{
    struct stat about;
    return stat(file, &about) == 0 ? (long)about.st_size : 0;
}

/* A source's recording has the bytes that it sent, and a reload moves the output's. */
static void is_recorded(const char *folder, const char *declaration)
{
    static uint8_t recorded[1 << 20];
    char file[1000], first[1000], moved[4000], *report;
    lw_source anna;
    size_t taken, sent = 0;
    snprintf(first, sizeof first, "%s/out-a-main.mp3", folder);
    UNTIL(size_of(first) > 1000);
    OK(lw_pipeline_go_live(pipeline, "/dj", "{\"user\": \"../\xc3\x84nna\"}", &anna));
    for (int n = 0; n < 6; n++) {
        for (size_t at = 0; at < sound_bytes; at += taken, sent += taken) {
            OK(lw_source_write(anna, sound + at, sound_bytes - at, &taken));
            usleep(taken ? 0 : 10000);
        }
    }
    hears("recording-began", "/dj", "\"lost\":0");
    OK(lw_source_close(anna));
    hears("recording-ended", "/dj", "\"bytes\":");
    /* No name leads out of the folder. */
    snprintf(file, sizeof file, "%s/shows/dj-\xc3\x84nna.mp3", folder);
    size_t count = contents(file, recorded, sizeof recorded);
    CHECK(count == sent);
    for (size_t at = 0; at < count; at += sound_bytes) {
        CHECK(memcmp(recorded + at, sound, sound_bytes) == 0);
    }

    /* The same declaration, but for the names of the files. */
    snprintf(moved, sizeof moved, "%s", declaration);
    memcpy(strstr(moved, "/out-"), "/new-", 5);
    OK(lw_station_reload(station, moved, &report));
    CHECK(strstr(report, "/a.mp3: record"));
    lw_free(report);
    hears("recording-ended", "/a.mp3", "out-a-main.mp3\"");
    hears("recording-began", "/a.mp3", "new-a-main.mp3\"");
    count = contents(first, recorded, sizeof recorded);
    CHECK(count > 1000 && recorded[0] == 0xff && recorded[1] >> 5 == 7);
}

int main(int count, char **words)
{
    char declaration[4000];
    CHECK(count == 2);
    encode_tone();
    const char *form =
        "{\"server\": {\"listen\": \"127.0.0.1:0\"}, "
        "\"pipeline\": [{\"sample_rate\": 22050, \"channels\": 1, "
        "\"live\": [{\"path\": \"/dj\", \"buffer\": \"300ms\", \"grace\": \"0s\", \"record_keep\": \"30d\","
        " \"record\": \"%s/shows/{mount}-{user}\", \"record_reserve\": \"1KiB\"}],"
        " \"output\": [{\"format\": \"mp3\", \"mount\": \"/a.mp3\", \"bitrate\": 32, \"record_every\": \"%s\","
        " \"record\": \"%s/out-{mount}-{user}\", \"record_reserve\": \"1KiB\"}]}]}";
    snprintf(declaration, sizeof declaration, form, words[1], "1s", words[1]);
    CHECK(lw_station_open(declaration, &station) == LW_SETTING && strstr(lw_last_error(), "record_every"));
    snprintf(declaration, sizeof declaration, form, words[1], "24h", words[1]);
    OK(lw_station_open(declaration, &station));
    OK(lw_station_start(station));
    OK(lw_station_server(station, &server));
    /* From here on, events wait to be read. */
    char *json = NULL;
    lw_server_next_event(server, 0, &json);
    lw_free(json);
    OK(lw_station_pipeline(station, "main", &pipeline));
    is_recorded(words[1], declaration);
    OK(lw_station_stop(station, NULL));
    hears("recording-ended", "/a.mp3", "new-a-main.mp3\"");
    OK(lw_pipeline_close(pipeline));
    OK(lw_server_close(server));
    OK(lw_station_close(station));
    puts("what is sent is recorded, as JSON says, and told");
    return 0;
}
