/* HTTP paths that the host answers. For AddressSanitizer. */

#include "common.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>

static lw_server server;
static uint16_t port;

/* Everything of a request can be read, and it is answered once. */
static void read_and_answered(lw_requests requests)
{
    lw_request request;
    char *text;
    const uint8_t *body;
    size_t count;
    int client = ask(port, "POST /shop/a%2Fb?x=%26+1 HTTP/1.1\r\nHost: me\r\nX-Own: yes\r\n"
                           "Content-Length: 4\r\nConnection: close\r\n\r\nbody");
    OK(lw_requests_next(requests, 20000, &request));
    OK(lw_request_info(request, &text));
    CHECK(strstr(text, "\"method\":\"POST\"") && strstr(text, "\"path\":\"/shop/a%2Fb\""));
    CHECK(strstr(text, "\"segments\":[\"shop\",\"a/b\"]") && strstr(text, "\"base_url\":\"http://me\""));
    lw_free(text);
    OK(lw_request_parameter(request, "x", &text));
    CHECK(strcmp(text, "& 1") == 0);
    lw_free(text);
    CHECK(lw_request_parameter(request, "y", &text) == LW_NONE);
    OK(lw_request_header(request, "x-own", &text));
    CHECK(strcmp(text, "yes") == 0);
    lw_free(text);
    OK(lw_request_body(request, &body, &count));
    CHECK(count == 4 && memcmp(body, "body", 4) == 0);

    const char *wrong[] = { "{\"Content-Length\": \"3\"}", "{\"a b\": \"\"}", "{\"\": \"\"}", "[]" };
    for (int i = 0; i < 4; i++) {
        CHECK(lw_request_answer(request, 200, wrong[i], NULL, 0) == LW_INVALID);
    }
    CHECK(lw_request_answer(request, 199, NULL, NULL, 0) == LW_INVALID);
    const char *headers = "{\"content-type\": \"text/html\", \"X-More\": \"1\"}";
    OK(lw_request_answer(request, 201, headers, (const uint8_t *)"<p>", 3));
    CHECK(lw_request_answer(request, 200, NULL, NULL, 0) == LW_BAD_HANDLE);
    OK(lw_request_close(request));
    const char *answer = answered(client);
    CHECK(strstr(answer, "HTTP/1.1 201 Created\r\n") && strstr(answer, "X-More: 1\r\n"));
    CHECK(strstr(answer, "Content-Type: text/html\r\n") && strstr(answer, "\r\n\r\n<p>"));
}

static void not_answered(lw_requests requests)
{
    lw_request request;
    int client = ask(port, "GET /hello HTTP/1.0\r\n\r\n");
    OK(lw_requests_next(requests, 20000, &request));
    OK(lw_request_close(request));
    CHECK(strstr(answered(client), " 500 "));
}

/* A thread that waits for a request, until there will be none. */
struct waiter {
    pthread_t thread;
    lw_requests requests;
    atomic_int id;
};

static void *waits(void *argument)
{
    struct waiter *waiter = argument;
    lw_request request;
    atomic_store(&waiter->id, (int)syscall(SYS_gettid));
    CHECK(lw_requests_next(waiter->requests, -1, &request) == LW_STOPPED);
    return NULL;
}

/* Whether a thread of this process sleeps. */
static int sleeps(int id)
{
    char path[60], state = 0;
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", id);
    FILE *stat = fopen(path, "r");
    CHECK(stat && fscanf(stat, "%*d (%*[^)]) %c", &state) == 1);
    fclose(stat);
    return state == 'S';
}

/* Starts a thread, and returns when it waits. */
static void wait_aside(struct waiter *waiter, lw_requests requests)
{
    waiter->requests = requests;
    atomic_init(&waiter->id, 0);
    CHECK(pthread_create(&waiter->thread, NULL, waits, waiter) == 0);
    UNTIL(atomic_load(&waiter->id) && sleeps(waiter->id));
}

/* All threads that wait return when the requests are closed. */
static void closed_meanwhile(lw_requests requests)
{
    struct waiter waiters[3];
    for (int i = 0; i < 3; i++) {
        wait_aside(&waiters[i], requests);
    }
    OK(lw_requests_close(requests));
    for (int i = 0; i < 3; i++) {
        pthread_join(waiters[i].thread, NULL);
    }
    CHECK(strstr(answered(ask(port, "GET /hello HTTP/1.0\r\n\r\n")), " 404 "));
}

/* And so they do when the server stops. */
static void stopped_meanwhile(void)
{
    lw_requests requests;
    struct waiter waiter;
    OK(lw_server_take_requests(server, "[\"/hello\"]", 8, &requests));
    wait_aside(&waiter, requests);
    OK(lw_server_stop(server, NULL));
    pthread_join(waiter.thread, NULL);
    OK(lw_requests_close(requests));
}

int main(void)
{
    lw_requests requests;
    lw_request request;
    OK(lw_server_open("listen = '127.0.0.1:0'", &server));
    OK(lw_server_start(server));
    OK(lw_server_port(server, &port));
    CHECK(lw_server_take_requests(server, "[\"hello\"]", 8, &requests) == LW_INVALID);
    OK(lw_server_take_requests(server, "[\"/hello\", \"/shop/\"]", 8, &requests));
    CHECK(lw_requests_next(requests, 0, &request) == LW_NONE);

    read_and_answered(requests);
    not_answered(requests);
    closed_meanwhile(requests);
    stopped_meanwhile();
    OK(lw_server_close(server));
    puts("requests are read and answered, and every wait for one ends");
    return 0;
}
