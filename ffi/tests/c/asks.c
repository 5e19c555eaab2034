/* The host is asked what is next, and asks for listeners and events; settings change while everything runs.
 * For AddressSanitizer. */

#include "common.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>

static lw_station station;
static lw_pipeline pipeline;
static lw_server server;
static uint16_t port;

/* Whether the JSON that a call gives has this in it. */
static int has(char *json, const char *part)
{
    int found = strstr(json, part) != NULL;
    if (!found) {
        fprintf(stderr, "no %s in %s\n", part, json);
    }
    lw_free(json);
    return found;
}

#define HAS(call, part) \
    do { \
        char *json; \
        OK(call); \
        CHECK(has(json, part)); \
    } while (0)

/* What is next. */
struct asked {
    const char *file;
    int calls, mask_was_right;
};

static void on_next(lw_pipeline asking, void *user)
{
    struct asked *asked = user;
    sigset_t mask;
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    asked->mask_was_right = sigismember(&mask, SIGUSR1) == 1 && sigismember(&mask, SIGUSR2) == 0;
    if (asked->file) {
        OK(lw_pipeline_queue_file(asking, asked->file, "Asked", 0, NULL));
    }
    __atomic_add_fetch(&asked->calls, 1, __ATOMIC_SEQ_CST);
}

static int calls_of(struct asked *asked)
{
    return __atomic_load_n(&asked->calls, __ATOMIC_SEQ_CST);
}

/* It takes its own place, and gives it up. */
static void on_next_once(lw_pipeline asking, void *user)
{
    OK(lw_pipeline_on_next_track(asking, NULL, NULL, 0));
    on_next(asking, user);
}

static void *sets_function(void *asked)
{
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR1);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    OK(lw_pipeline_on_next_track(pipeline, on_next, asked, 20000));
    return NULL;
}

static void next_tracks(const char *a, const char *b)
{
    struct asked first = { a, 0, 0 };
    pthread_t thread;
    /* Before the start, by a thread with a mask of its own. */
    CHECK(pthread_create(&thread, NULL, sets_function, &first) == 0 && pthread_join(thread, NULL) == 0);
    OK(lw_station_start(station));
    OK(lw_server_port(server, &port));
    char *title;
    UNTIL(lw_pipeline_current_title(pipeline, &title) == LW_OK);
    CHECK(has(title, "Asked"));
    UNTIL(calls_of(&first) == 2 && first.mask_was_right);

    /* Another takes its place, also while nobody waits; what the first has is free. */
    struct asked *second = calloc(1, sizeof *second);
    second->file = b;
    OK(lw_pipeline_on_next_track(pipeline, on_next, second, 0));
    OK(lw_pipeline_clear_queue(pipeline));
    OK(lw_pipeline_skip(pipeline));
    UNTIL(calls_of(second) > 0);
    OK(lw_pipeline_on_next_track(pipeline, on_next_once, second, 0));
    int calls = calls_of(second);
    OK(lw_pipeline_clear_queue(pipeline));
    OK(lw_pipeline_skip(pipeline));
    UNTIL(calls_of(second) > calls);
    free(second);
    OK(lw_pipeline_clear_queue(pipeline));
    OK(lw_pipeline_skip(pipeline));
    CHECK(first.calls == 2);
}

/* Listeners, one of whom is sent away; and the events that tell of it. */
static void listeners(void)
{
    int fd;
    uint64_t id;
    char *json, *event;
    OK(lw_server_event_fd(server, &fd));
    int player = listen_to(port, "/a.mp3");
    UNTIL((lw_server_listeners(server, "/a.mp3", &json) == LW_OK) &&
          (strstr(json, "\"id\":") || (lw_free(json), 0)));
    CHECK(sscanf(strstr(json, "\"id\":"), "\"id\":%lu", &id) == 1);
    CHECK(strstr(json, "\"mount\":\"/a.mp3\"") && strstr(json, "\"address\":"));
    lw_free(json);
    CHECK(lw_server_listeners(server, "/typo", &json) == LW_NOT_FOUND);
    CHECK(lw_server_kick(server, id + 1000) == LW_NOT_FOUND);
    /* It counts after a second, and is told of then. */
    UNTIL(lw_server_listener_count(server, NULL, &id) == LW_OK && id == 1);
    int joined = 0;
    while (!joined) {
        struct pollfd waits = { .fd = fd, .events = POLLIN };
        CHECK(poll(&waits, 1, 20000) == 1);
        while (lw_server_next_event(server, 0, &event) == LW_OK) {
            joined |= strstr(event, "\"kind\":\"listener-joined\"") && strstr(event, "\"pipeline\":\"main\"");
            lw_free(event);
        }
    }
    HAS(lw_server_listeners(server, NULL, &json), "\"agent\":");
    OK(lw_server_listeners(server, NULL, &json));
    CHECK(sscanf(strstr(json, "\"id\":"), "\"id\":%lu", &id) == 1);
    lw_free(json);
    OK(lw_server_kick(server, id));
    int left = 0;
    while (!left) {
        OK(lw_server_next_event(server, 20000, &event));
        left = strstr(event, "\"kind\":\"listener-left\"") && strstr(event, "\"reason\":\"kicked\"");
        lw_free(event);
    }
    char bytes[4096];
    while (read(player, bytes, sizeof bytes) > 0) {
    }
    close(player);
    CHECK(lw_server_kick(server, id) == LW_NOT_FOUND);
}

/* What changes while listeners stay. */
static void settings(void)
{
    char *json;
    OK(lw_server_add_mount(server, "mount = '/live'\ncontent_type = 'audio/mpeg'\nname = 'One'"));
    OK(lw_server_update_mount(server, "mount = '/live'\ncontent_type = 'audio/mpeg'\nname = 'Two'"));
    HAS(lw_server_mount_info(server, "/live", &json), "\"name\":\"Two\"");
    CHECK(lw_server_update_mount(server, "mount = '/live'\ncontent_type = 'audio/aac'") == LW_SETTING);
    CHECK(lw_server_update_mount(server, "mount = '/a.mp3'\ncontent_type = 'audio/mpeg'") == LW_NOT_FOUND);

    OK(lw_pipeline_update_output(pipeline, "format = 'mp3'\nbitrate = 64\nmount = '/a.mp3'\nname = 'Other'"));
    HAS(lw_server_mount_info(server, "/a.mp3", &json), "\"bitrate\":64");
    CHECK(lw_pipeline_update_output(pipeline, "format = 'aac'\nmount = '/a.mp3'") == LW_SETTING);

    OK(lw_pipeline_set_fades(pipeline, 1000, -1, 0));
    CHECK(lw_pipeline_set_fades(pipeline, 301000, -1, -1) == LW_SETTING);
    uint64_t id;
    OK(lw_pipeline_queue_file(pipeline, "/nowhere.mp3", "Later", 0, &id));
    HAS(lw_pipeline_entry(pipeline, id, &json), "\"title\":\"Later\"");
    OK(lw_pipeline_remove(pipeline, id));
    CHECK(lw_pipeline_entry(pipeline, id, &json) == LW_NOT_FOUND);

    OK(lw_server_reconfigure(server, "listen = '127.0.0.1:0'\nmax_listeners = 1"));
    int first = listen_to(port, "/a.mp3");
    int second = ask(port, "GET /a.mp3 HTTP/1.0\r\n\r\n");
    CHECK(strstr(answered(second), " 503 "));
    close(first);
    CHECK(lw_server_reconfigure(server, "max_listeners = 'x'") == LW_SETTING);
    HAS(lw_server_health(server, &json), "\"ok\":true");

    OK(lw_server_expect(server, "/soon"));
    OK(lw_server_expect_no_more(server, "/soon"));
    CHECK(strstr(answered(ask(port, "GET /soon HTTP/1.0\r\n\r\n")), " 404 "));
}

static void titles(const char *a)
{
    char *title, *format;
    CHECK(lw_pipeline_title_format(pipeline, &format) == LW_NONE);
    OK(lw_pipeline_set_title_format(pipeline, "Radio X: {title}"));
    CHECK(lw_pipeline_set_title_format(pipeline, "{tittle}") == LW_SETTING);
    HAS(lw_pipeline_title_format(pipeline, &json), "Radio X: {title}");
    OK(lw_pipeline_play_file(pipeline, a, NULL, NULL));
    for (int is_there = 0; !is_there; usleep(10000)) {
        if (lw_pipeline_current_title(pipeline, &title) == LW_OK) {
            is_there = strcmp(title, "Radio X: a") == 0;
            lw_free(title);
        }
    }
    OK(lw_pipeline_set_title_format(pipeline, NULL));
    CHECK(lw_pipeline_title_format(pipeline, &format) == LW_NONE);
}

/* All of the HTTP API, without a socket. */
static void asks_the_api(const char *folder)
{
    lw_station own;
    char text[1000], *json;
    uint32_t http_status = 0;
    snprintf(text, sizeof text, "[server]\nmedia_roots = '%s'%s", folder, strstr(STATION, "\nlisten"));
    OK(lw_station_open(text, &own));
    CHECK(lw_station_ask(own, "GET", "/health", NULL, &http_status, &json) == LW_STOPPED);
    OK(lw_station_start(own));
    OK(lw_station_ask(own, "POST", "/api/v1/denied", "{\"address\": \"192.0.2.1\"}", &http_status, &json));
    CHECK(http_status == 201);
    lw_free(json);
    HAS(lw_station_ask(own, "GET", "/api/v1/denied", NULL, &http_status, &json), "192.0.2.1");
    HAS(lw_station_ask(own, "GET", "/api/v1/changes", NULL, &http_status, &json), "(application)");
    HAS(lw_station_ask(own, "POST", "/api/v1/denied", "{", &http_status, &json), "invalid-json");
    CHECK(http_status == 400);
    HAS(lw_station_ask(own, "GET", "/api/v1/events", NULL, &http_status, &json), "for HTTP alone");
    CHECK(http_status == 405);
    OK(lw_station_ask(own, "POST", "/api/v1/pipelines/main/skip", NULL, &http_status, &json));
    CHECK(http_status == 204 && strcmp(json, "") == 0);
    lw_free(json);
    CHECK(lw_station_ask(own, "GET", NULL, NULL, &http_status, &json) == LW_INVALID);
    CHECK(lw_station_ask(own, "GET", "/health", NULL, NULL, &json) == LW_INVALID);
    OK(lw_station_close(own));
}

static void reloads(const char *folder)
{
    char text[1000], file[500], *json;
    HAS(lw_station_pipelines(station, &json), "[\"main\"]");
    CHECK(lw_station_reload(station, NULL, NULL) == LW_INVALID);
    CHECK(lw_station_reload(station, "[[pipeline]]\ncrossfaed = '3s'", NULL) == LW_SETTING);
    snprintf(text, sizeof text, "%s[[pipeline.output]]\nformat = 'mp3'\nmount = '/b.mp3'\n", STATION);
    HAS(lw_station_reload(station, text, &json), "/b.mp3: added");
    close(listen_to(port, "/b.mp3"));
    OK(lw_station_reload(station, STATION, NULL));
    OK(lw_station_reload(station, STATION, &json));
    CHECK(strcmp(json, "{\"changed\":[],\"restart\":[],\"failed\":[]}") == 0);
    lw_free(json);
    snprintf(text, sizeof text, "[server]\nlisten = '127.0.0.1:0'\nmedia_roots = '%s'\n%s", folder,
             strchr(STATION, '['));
    /* The server was declared twice here. */
    CHECK(lw_station_reload(station, text, NULL) == LW_SETTING);
    snprintf(text, sizeof text, "[server]\nmedia_roots = '%s'%s", folder, strstr(STATION, "\nlisten"));
    HAS(lw_station_reload(station, text, &json), "\"restart\":[\"server.media_roots\"]");

    /* It serves no API, with or without HTTP. */
    uint32_t http_status;
    CHECK(lw_station_ask(station, "GET", "/api/v1/mounts", NULL, &http_status, &json) == LW_INVALID);

    /* The same from a file. */
    lw_station read;
    snprintf(file, sizeof file, "%s/station.toml", folder);
    FILE *out = fopen(file, "w");
    CHECK(out && fputs(STATION, out) >= 0 && fclose(out) == 0);
    OK(lw_station_read(file, &read));
    CHECK(lw_station_reload(read, NULL, NULL) == LW_STOPPED);
    OK(lw_station_start(read));
    out = fopen(file, "a");
    CHECK(out && fputs("name = 'New'\n", out) >= 0 && fclose(out) == 0);
    HAS(lw_station_reload(read, NULL, &json), "/a.mp3: name");
    OK(lw_station_stop(read, NULL));
    CHECK(lw_station_reload(read, NULL, NULL) == LW_STOPPED);
    OK(lw_station_close(read));
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    char a[500], b[500], *json, *event;
    snprintf(a, sizeof a, "%s/a.wav", argv[1]);
    snprintf(b, sizeof b, "%s/b.wav", argv[1]);
    tone(a, 440, 60);
    tone(b, 660, 60);
    OK(lw_station_open(STATION, &station));
    OK(lw_station_pipeline(station, NULL, &pipeline));
    OK(lw_station_server(station, &server));
    CHECK(lw_server_next_event(server, 0, &event) == LW_STOPPED);
    CHECK(lw_server_listeners(server, NULL, &json) == LW_STOPPED);

    next_tracks(a, b);
    listeners();
    titles(a);
    reloads(argv[1]);
    asks_the_api(argv[1]);
    settings();

    OK(lw_station_stop(station, NULL));
    CHECK(lw_server_listeners(server, NULL, &json) == LW_STOPPED);
    CHECK(lw_server_kick(server, 1) == LW_STOPPED);
    CHECK(lw_server_reconfigure(server, "max_listeners = 1") == LW_STOPPED);
    CHECK(lw_pipeline_set_title_format(pipeline, NULL) == LW_STOPPED);
    int stopped = 0;
    lw_status status;
    while ((status = lw_server_next_event(server, 20000, &event)) == LW_OK) {
        stopped |= strstr(event, "\"kind\":\"pipeline-stop\"") != NULL;
        lw_free(event);
    }
    CHECK(status == LW_STOPPED && stopped);

    /* A pipeline that nobody said anything for cannot be asked later. */
    lw_station other;
    lw_pipeline late;
    OK(lw_station_open(STATION, &other));
    OK(lw_station_pipeline(other, NULL, &late));
    OK(lw_station_start(other));
    CHECK(lw_pipeline_on_next_track(late, on_next, NULL, 0) == LW_INVALID);
    OK(lw_pipeline_close(late));
    OK(lw_station_close(other));

    OK(lw_station_close(station));
    OK(lw_pipeline_close(pipeline));
    OK(lw_server_close(server));
    puts("next tracks, listeners, events, titles, reloads, settings: as asked");
    return 0;
}
