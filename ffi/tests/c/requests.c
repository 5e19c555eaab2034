/* HTTP paths that the host answers. For AddressSanitizer. */

#include "common.h"

#include <pthread.h>

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

static void *waits(void *requests)
{
    lw_request request;
    CHECK(lw_requests_next(*(lw_requests *)requests, -1, &request) == LW_STOPPED);
    return NULL;
}

/* All threads that wait return when the requests are closed. */
static void closed_meanwhile(lw_requests requests)
{
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) {
        CHECK(pthread_create(&threads[i], NULL, waits, &requests) == 0);
    }
    usleep(50000);
    OK(lw_requests_close(requests));
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
    CHECK(strstr(answered(ask(port, "GET /hello HTTP/1.0\r\n\r\n")), " 404 "));
}

/* And so they do when the server stops. */
static void stopped_meanwhile(void)
{
    lw_requests requests;
    pthread_t thread;
    OK(lw_server_take_requests(server, "[\"/hello\"]", 8, &requests));
    CHECK(pthread_create(&thread, NULL, waits, &requests) == 0);
    usleep(50000);
    OK(lw_server_stop(server, NULL));
    pthread_join(thread, NULL);
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
