/* A station in a program with an event loop of its own: no function of it is ever called on another thread. What
   happens at the station, and what is typed, comes by one poll().

       cc event_loop.c $(pkg-config --cflags --libs longwave) -o event_loop
       ./event_loop ~/Music

   Type "skip", "title SOMETHING", or the path of a file to queue it; an end of file ends it. */

#include <longwave.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void check(lw_status status, const char *doing)
{
    if (status < 0) {
        fprintf(stderr, "%s: %s\n", doing, lw_last_error());
        exit(1);
    }
}

static void tell_events(lw_pipeline pipeline)
{
    char *event;
    while (lw_pipeline_next_event(pipeline, 0, &event) == LW_OK) {
        puts(event);
        lw_free(event);
    }
    fflush(stdout);
}

static void obey(lw_pipeline pipeline, char *line)
{
    lw_status status;
    line[strcspn(line, "\n")] = 0;
    if (strcmp(line, "skip") == 0) {
        status = lw_pipeline_skip(pipeline);
    } else if (strncmp(line, "title ", 6) == 0) {
        status = lw_pipeline_update_metadata(pipeline, line + 6, NULL, NULL, 0);
    } else {
        status = lw_pipeline_queue_file(pipeline, line, NULL, 0, NULL);
    }
    if (status < 0) {
        printf("no: %s\n", lw_last_error());
    }
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: %s MUSIC\n", argv[0]);
        return 2;
    }
    const char *address = getenv("LISTEN");
    char listen[200];
    snprintf(listen, sizeof listen, "listen = '%s'", address ? address : "127.0.0.1:8000");

    lw_server server;
    lw_pipeline pipeline;
    uint16_t port;
    check(lw_server_open(listen, &server), "declaring the server");
    check(lw_server_start(server), "starting the server");
    check(lw_pipeline_open("{\"name\": \"loop\", \"output\": [{\"format\": \"aac\", \"mount\": \"/radio.aac\"}]}", server, &pipeline),
          "declaring the pipeline");
    check(lw_pipeline_start(pipeline), "starting the pipeline");
    check(lw_pipeline_play_path(pipeline, argv[1], "{\"loop\": true}"), "playing");
    check(lw_server_port(server, &port), "asking for the port");
    printf("on air  http://127.0.0.1:%u/radio.aac\n", port);
    fflush(stdout);

    struct pollfd waiting[] = { { .fd = STDIN_FILENO, .events = POLLIN }, { .events = POLLIN } };
    check(lw_pipeline_event_fd(pipeline, &waiting[1].fd), "asking for the descriptor");
    char line[1000];
    for (;;) {
        poll(waiting, 2, -1);
        if (waiting[1].revents) {
            tell_events(pipeline);
        }
        if (waiting[0].revents) {
            if (!fgets(line, sizeof line, stdin)) {
                break;
            }
            obey(pipeline, line);
        }
    }
    check(lw_pipeline_stop(pipeline, NULL), "stopping");
    tell_events(pipeline);
    lw_pipeline_close(pipeline);
    lw_server_close(server);
    return 0;
}
