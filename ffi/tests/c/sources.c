/* The host decides who may go live, hears of it, and gives orders. For AddressSanitizer. */

#include "common.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

static lw_station station;
static lw_pipeline pipeline;
static lw_server server;
static uint16_t port;

static char *json;

/* Whether the JSON that a call has given has this in it. */
static int has(lw_status status, const char *part)
{
    CHECK(status == LW_OK);
    int found = strstr(json, part) != NULL;
    lw_free(json);
    return found;
}

#define SOURCES_HAVE(part) has(lw_station_sources(station, &json), part)
#define LIVE_HAS(part) has(lw_pipeline_live_inputs(pipeline, &json), part)
#define FORCED_IS(part) has(lw_pipeline_forced_air(pipeline, &json), part)

/* Some MP3: a quarter of a second of a tone. */
static uint8_t tone_mp3[20000];
static size_t tone_bytes;

static void encode_tone(void)
{
    static float pcm[2 * 11025];
    lw_encoder encoder;
    const uint8_t *bytes;
    size_t count;
    for (int i = 0; i < 11025; i++) {
        pcm[2 * i] = pcm[2 * i + 1] = (float)(0.3 * sin(i * 6.283185307179586 * 880 / 44100));
    }
    OK(lw_encoder_open("format = 'mp3'\nbitrate = 128", 44100, 2, &encoder));
    for (int i = 0; i < 4; i++) {
        OK(lw_encoder_encode(encoder, pcm, 11025, &bytes, &count));
        CHECK(tone_bytes + count <= sizeof tone_mp3);
        memcpy(tone_mp3 + tone_bytes, bytes, count);
        tone_bytes += count;
    }
    OK(lw_encoder_close(encoder));
    CHECK(tone_bytes > 12000);
}

/* A DJ who sends a tone, at about the rate at which it sounds, until it is over. */
static atomic_int is_over;

static void *sends(void *socket)
{
    int source = *(int *)socket;
    /* A second of it is sent at once, and as much every second. */
    while (!atomic_load(&is_over) && send(source, tone_mp3, tone_bytes, MSG_NOSIGNAL) > 0) {
        for (int tenth = 0; tenth < 10 && !atomic_load(&is_over); tenth++) {
            usleep(97000);
        }
    }
    close(source);
    return NULL;
}

/* What hooks and the log have heard. */
static atomic_int began, ended, announced, announced_off, logged;

static void on_event(lw_pipeline on, const char *event, void *count)
{
    (void)on;
    CHECK(*event == '{');
    atomic_fetch_add((atomic_int *)count, 1);
}

static void on_line(int32_t level, const char *target, const char *message, void *user)
{
    (void)target, (void)user;
    if (level == 1 && strstr(message, "no more schedules")) {
        atomic_store(&logged, 1);
    }
    CHECK(!strstr(message, "right"));
}

static atomic_int asked, mask_was_right;

static void on_source(lw_station of, lw_source_request request, const char *description, void *user)
{
    CHECK(of == station && user == &asked);
    atomic_fetch_add(&asked, 1);
    sigset_t mask;
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    atomic_store(&mask_was_right, sigismember(&mask, SIGUSR1) == 0);
    CHECK(strstr(description, "\"path\":\"/dj\"") && strstr(description, "\"address\":\"127.0.0.1\""));
    CHECK(strstr(description, "\"content_type\":\"audio/mpeg\""));
    if (strstr(description, "\"user\":\"anna\",\"password\":\"right\"")) {
        CHECK(lw_source_request_admit(request, "") == LW_INVALID);
        OK(lw_source_request_admit(request, "Änna"));
    } else if (strstr(description, "\"user\":\"crash\"")) {
        OK(lw_source_request_admit(request, "nobody"));
        OK(lw_source_request_fail(request, "no more schedules"));
    } else if (strstr(description, "\"user\":\"anna\"")) {
        OK(lw_source_request_refuse(request, "another password, Änna"));
    }
}

static const char *answer_to(const char *login)
{
    return answered(ask(port, login));
}

static void is_refused(void)
{
    const char *answer = answer_to(SOURCE_OF("YW5uYTp3cm9uZw=="));
    CHECK(strstr(answer, " 403 ") && strstr(answer, "another password, Änna"));
    answer = answer_to(SOURCE_OF("Y3Jhc2g6eA=="));
    CHECK(strstr(answer, " 403 ") && strstr(answer, "own code has failed") && !strstr(answer, "schedules"));
    UNTIL(atomic_load(&logged));
    /* It has said nothing. */
    CHECK(strstr(answer_to(SOURCE_OF("Ym9iOng=")), " 403 "));
    CHECK(strstr(answer_to("SOURCE /dj HTTP/1.0\r\nContent-Type: audio/mpeg\r\n\r\n"), " 401 "));
    CHECK(atomic_load(&asked) == 3 && atomic_load(&mask_was_right));
    for (int refused = 0; refused < 3;) {
        OK(lw_server_next_event(server, 20000, &json));
        refused += strstr(json, "\"source-refused\"") && strstr(json, "\"path\":\"/dj\"");
        lw_free(json);
    }
    UNTIL(SOURCES_HAVE("[]") && LIVE_HAS("\"absent\""));
}

static void go_live(pthread_t *dj, int *source)
{
    char head[13] = { 0 };
    *source = ask(port, ANNA);
    CHECK(read(*source, head, 12) == 12 && strstr(head, " 200"));
    atomic_store(&is_over, 0);
    CHECK(pthread_create(dj, NULL, sends, source) == 0);
}

static void orders(void)
{
    UNTIL(FORCED_IS("null"));
    OK(lw_pipeline_mute_live(pipeline, "/dj"));
    UNTIL(LIVE_HAS("\"muted\":true") && lw_pipeline_live(pipeline, &json) == LW_NONE);
    OK(lw_pipeline_unmute_live(pipeline, "/dj"));
    UNTIL(LIVE_HAS("\"on-air\""));
    OK(lw_pipeline_force_programme(pipeline));
    UNTIL(LIVE_HAS("\"waiting\"") && FORCED_IS("\"programme\""));
    OK(lw_pipeline_force_live(pipeline, "/dj"));
    UNTIL(LIVE_HAS("\"forced\":true") && LIVE_HAS("\"on-air\"") && FORCED_IS("\"/dj\""));
    OK(lw_pipeline_release_live(pipeline));
    UNTIL(FORCED_IS("null"));
    CHECK(lw_pipeline_force_live(pipeline, "/typo") == LW_NOT_FOUND);
    CHECK(strstr(lw_last_error(), "/dj"));
}

static void announcements(const char *file)
{
    uint64_t first, second;
    OK(lw_pipeline_announce(pipeline, file, &first));
    OK(lw_pipeline_announce(pipeline, file, &second));
    UNTIL(atomic_load(&announced) == 1);
    UNTIL(has(lw_pipeline_announcements(pipeline, &json), "\"sounding\":true"));
    OK(lw_pipeline_stop_announcement(pipeline, second));
    UNTIL(lw_pipeline_stop_announcement(pipeline, second) == LW_NOT_FOUND);
    OK(lw_pipeline_stop_announcements(pipeline));
    UNTIL(has(lw_pipeline_announcements(pipeline, &json), "[]"));
    UNTIL(atomic_load(&announced_off) == 2);
    CHECK(lw_pipeline_announce(pipeline, "/nowhere.wav", &first) == LW_FILE);
}

/* Anna is on the air, is ordered about, and leaves. */
static void is_live(const char *file)
{
    pthread_t dj;
    int source;
    go_live(&dj, &source);
    UNTIL(atomic_load(&began) == 1);
    OK(lw_pipeline_live(pipeline, &json));
    CHECK(strstr(json, "\"path\":\"/dj\"") && strstr(json, "\"user\":\"Änna\""));
    lw_free(json);
    CHECK(SOURCES_HAVE("\"user\":\"Änna\"") && SOURCES_HAVE("\"name\":\"MP3\""));
    OK(lw_station_update_source_metadata(station, "/dj", "Ein Lied – 歌", NULL));
    UNTIL(LIVE_HAS("Ein Lied – 歌"));
    CHECK(lw_station_update_source_metadata(station, "/typo", "x", NULL) == LW_NOT_FOUND);
    orders();
    announcements(file);
    CHECK(atomic_load(&ended) == 0);
    atomic_store(&is_over, 1);
    pthread_join(dj, NULL);
    UNTIL(atomic_load(&ended) == 1);
}

/* The host brings a source itself. */
static void is_brought(void)
{
    lw_source brought, other;
    size_t taken, sum = 0;
    int before = atomic_load(&began), over = atomic_load(&ended);
    CHECK(lw_pipeline_go_live(pipeline, "/typo", NULL, &brought) == LW_NOT_FOUND);
    CHECK(lw_pipeline_go_live(pipeline, "/dj", "{\"usr\": \"bob\"}", &brought) == LW_INVALID);
    OK(lw_pipeline_go_live(pipeline, "/dj", "{\"user\": \"Bób\", \"name\": \"Bob's hour\"}", &brought));
    CHECK(lw_pipeline_go_live(pipeline, "/dj", NULL, &other) == LW_EXISTS);
    OK(lw_source_set_title(brought, "Ein Lied – 歌"));
    /* As much as there is room for, cut anywhere, until it is heard. */
    for (size_t i = 0; atomic_load(&began) == before; i += taken, sum += taken) {
        size_t at = i % tone_bytes, left = tone_bytes - at;
        OK(lw_source_write(brought, tone_mp3 + at, left < 1700 ? left : 1700, &taken));
        usleep(90000);
    }
    CHECK(sum > 0);
    OK(lw_source_state(brought, &json));
    CHECK(strstr(json, "\"user\":\"Bób\"") && strstr(json, "\"name\":\"MP3\""));
    lw_free(json);
    UNTIL(LIVE_HAS("Ein Lied – 歌"));
    OK(lw_source_close(brought));
    UNTIL(atomic_load(&ended) == over + 1);
    CHECK(lw_source_write(brought, tone_mp3, 1, &taken) == LW_BAD_HANDLE);

    /* One that is removed says so. */
    OK(lw_pipeline_go_live(pipeline, "/dj", NULL, &brought));
    uint64_t id;
    OK(lw_source_state(brought, &json));
    CHECK(sscanf(strstr(json, "\"id\":"), "\"id\":%lu", &id) == 1);
    lw_free(json);
    OK(lw_station_kick_source(station, id));
    CHECK(lw_source_write(brought, tone_mp3, 1, &taken) == LW_STOPPED && strstr(lw_last_error(), "kicked"));
    OK(lw_source_close(brought));
    OK(lw_source_close(brought));
}

/* She comes again, and is sent away. */
static void is_kicked(void)
{
    pthread_t dj;
    int source;
    uint64_t id = 0;
    go_live(&dj, &source);
    UNTIL(atomic_load(&began) == 2);
    OK(lw_station_sources(station, &json));
    CHECK(sscanf(strstr(json, "\"id\":"), "\"id\":%lu", &id) == 1);
    lw_free(json);
    OK(lw_station_kick_source(station, id));
    UNTIL(atomic_load(&ended) == 2 && SOURCES_HAVE("[]"));
    CHECK(lw_station_kick_source(station, id) == LW_NOT_FOUND);
    atomic_store(&is_over, 1);
    pthread_join(dj, NULL);
}

/* A function that runs is waited for, and not called again. */
static atomic_int is_in, may_go;

static void waits(lw_station of, lw_source_request request, const char *description, void *user)
{
    (void)of, (void)description;
    atomic_store(&is_in, 1);
    UNTIL(atomic_load(&may_go));
    usleep(50000);
    OK(lw_source_request_refuse(request, "no"));
    atomic_store((atomic_int *)user, 1);
}

static void *lets_go(void *unused)
{
    usleep(50000);
    atomic_store(&may_go, 1);
    return unused;
}

static void is_replaced(void)
{
    atomic_int has_ended = 0;
    pthread_t thread;
    OK(lw_station_admit_sources(station, waits, &has_ended));
    int source = ask(port, ANNA);
    UNTIL(atomic_load(&is_in));
    CHECK(pthread_create(&thread, NULL, lets_go, NULL) == 0);
    OK(lw_station_admit_sources(station, NULL, NULL));
    CHECK(atomic_load(&has_ended));
    CHECK(strstr(answered(source), " 403 "));
    pthread_join(thread, NULL);
    CHECK(strstr(answer_to(ANNA), " 403 "));
}

/* A function ends its station. */
static void ends(lw_station of, lw_source_request request, const char *description, void *user)
{
    (void)description;
    OK(lw_source_request_admit(request, "x"));
    OK(lw_station_stop(of, NULL));
    OK(lw_station_admit_sources(of, NULL, NULL));
    OK(lw_station_close(of));
    CHECK(lw_station_sources(of, &json) == LW_BAD_HANDLE);
    atomic_store((atomic_int *)user, 1);
}

static void find_port(lw_station of)
{
    OK(lw_server_close(server));
    OK(lw_station_server(of, &server));
    OK(lw_server_port(server, &port));
}

static void is_ended_by_it(void)
{
    atomic_int has_ended = 0;
    OK(lw_station_open(STATION, &station));
    OK(lw_station_admit_sources(station, ends, &has_ended));
    OK(lw_station_start(station));
    find_port(station);
    close(ask(port, ANNA));
    UNTIL(atomic_load(&has_ended));
}

/* Without users, and without a function before the start, nobody lets sources in. */
static void is_too_late(void)
{
    OK(lw_station_open(STATION, &station));
    CHECK(lw_station_sources(station, &json) == LW_STOPPED);
    OK(lw_station_start(station));
    CHECK(lw_station_admit_sources(station, on_source, &asked) == LW_INVALID);
    OK(lw_station_admit_sources(station, NULL, NULL));
    CHECK(SOURCES_HAVE("[]"));
    OK(lw_station_stop(station, NULL));
    CHECK(lw_station_sources(station, &json) == LW_STOPPED);
    OK(lw_station_close(station));
}

int main(int argc, char **argv)
{
    char file[500];
    uint64_t hook;
    CHECK(argc == 2);
    snprintf(file, sizeof file, "%s/sources.wav", argv[1]);
    tone(file, 440, 20);
    encode_tone();
    OK(lw_log_to(on_line, NULL, "debug"));
    OK(lw_station_open(STATION, &station));
    OK(lw_station_pipeline(station, NULL, &pipeline));
    OK(lw_station_admit_sources(station, on_source, &asked));
    OK(lw_pipeline_add_hook(pipeline, "live-began", on_event, &began, &hook));
    OK(lw_pipeline_add_hook(pipeline, "live-ended", on_event, &ended, &hook));
    OK(lw_pipeline_add_hook(pipeline, "announcement-began", on_event, &announced, &hook));
    OK(lw_pipeline_add_hook(pipeline, "announcement-ended", on_event, &announced_off, &hook));
    OK(lw_station_start(station));
    find_port(station);
    /* From here on, events wait to be read. */
    CHECK(lw_server_next_event(server, 0, &json) == LW_NONE);

    is_refused();
    is_live(file);
    is_kicked();
    is_brought();
    is_replaced();
    char *abandoned;
    OK(lw_station_stop(station, &abandoned));
    CHECK(strcmp(abandoned, "[]") == 0);
    lw_free(abandoned);
    OK(lw_pipeline_close(pipeline));
    OK(lw_station_close(station));
    is_ended_by_it();
    is_too_late();
    OK(lw_server_close(server));
    OK(lw_log_to(NULL, NULL, NULL));
    puts("the host decides who may go live, and hears who is");
    return 0;
}
