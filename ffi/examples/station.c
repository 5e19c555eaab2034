/* A station inside a program: plays a folder, or a playlist, for so many seconds.

       cc station.c $(pkg-config --cflags --libs longwave) -o station
       ./station ~/Music 60

   LISTEN=127.0.0.1:8001 lets it listen somewhere else than on port 8000. */

#include <longwave.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void check(lw_status status, const char *doing)
{
    if (status < 0) {
        fprintf(stderr, "%s: %s\n", doing, lw_last_error());
        exit(1);
    }
}

/* Called on the hook thread whenever something happens. */
static void on_track(lw_pipeline pipeline, const char *event, void *user)
{
    char *title;
    (void)event;
    (void)user;
    if (lw_pipeline_current_title(pipeline, &title) == LW_OK) {
        printf("now: %s\n", title);
        fflush(stdout);
        lw_free(title);
    }
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: %s MUSIC SECONDS\n", argv[0]);
        return 2;
    }
    const char *listen = getenv("LISTEN");
    char declaration[512];
    snprintf(declaration, sizeof declaration,
             "[server]\n"
             "listen = '%s'\n"
             "[[pipeline]]\n"
             "name = 'main'\n"
             "loop = true\n"
             "crossfade = '1s'\n"
             "[[pipeline.output]]\n"
             "format = 'mp3'\n"
             "mount = '/radio.mp3'\n"
             "name = 'Radio C'\n",
             listen ? listen : "127.0.0.1:8000");

    lw_station station;
    lw_pipeline pipeline;
    lw_server server;
    uint64_t hook;
    uint16_t port;
    check(lw_station_open(declaration, &station), "declaring the station");
    check(lw_station_pipeline(station, "main", &pipeline), "finding the pipeline");
    check(lw_station_server(station, &server), "finding the server");
    check(lw_pipeline_add_hook(pipeline, "track-change", on_track, NULL, &hook), "adding a hook");
    check(lw_station_start(station), "starting the station");
    check(lw_pipeline_play_path(pipeline, argv[1], "{\"loop\": true, \"now\": true}"), "playing");
    check(lw_server_port(server, &port), "asking for the port");
    printf("on air  http://127.0.0.1:%u/radio.mp3\n", port);
    fflush(stdout);

    sleep((unsigned)atoi(argv[2]));

    check(lw_station_stop(station, NULL), "stopping");
    check(lw_station_close(station), "closing");
    lw_pipeline_close(pipeline);
    lw_server_close(server);
    return 0;
}
