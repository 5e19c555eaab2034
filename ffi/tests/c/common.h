/* What the tests in C and in C++ have in common: checks that say where they failed, tones to play, a station
 * to try. */

#ifndef COMMON_H
#define COMMON_H

#include <longwave.h>

#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHECK(what) \
    do { \
        if (!(what)) { \
            fprintf(stderr, "%s:%d: not so: %s (last error: %s)\n", __FILE__, __LINE__, #what, \
                    lw_last_error()); \
            exit(1); \
        } \
    } while (0)

#define OK(call) CHECK((call) == LW_OK)

/* Waits until something is so, or fails saying that it never was. */
#define UNTIL(what) \
    do { \
        for (int tries = 0; !(what); tries++) { \
            CHECK(tries < 3000); \
            usleep(10000); \
        } \
    } while (0)

/* A tone of so many seconds, 22,050 Hz, mono, as a WAV file. */
static inline void tone(const char *file, double hz, int seconds)
{
    uint32_t rate = 22050, count = rate * (uint32_t)seconds, bytes = count * 2;
    unsigned char head[45] = "RIFF....WAVEfmt \20\0\0\0\1\0\1\0........\2\0\20\0data....";
    uint32_t fields[] = { 36 + bytes, rate, rate * 2, bytes };
    int places[] = { 4, 24, 28, 40 };
    for (int i = 0; i < 4; i++) {
        memcpy(head + places[i], &fields[i], 4);
    }
    FILE *out = fopen(file, "wb");
    CHECK(out && fwrite(head, sizeof head - 1, 1, out) == 1);
    for (uint32_t i = 0; i < count; i++) {
        int16_t sample = (int16_t)(8000 * sin(hz * 6.283185307179586 * i / rate));
        CHECK(fwrite(&sample, 2, 1, out) == 1);
    }
    CHECK(fclose(out) == 0);
}

static const char *const STATION =
    "[server]\n"
    "listen = '127.0.0.1:0'\n"
    "[[pipeline]]\n"
    "sample_rate = 22050\n"
    "channels = 1\n"
    "[[pipeline.live]]\n"
    "path = '/dj'\n"
    "buffer = '300ms'\n"
    "fade_in = '100ms'\n"
    "fade_out = '100ms'\n"
    "grace = '0s'\n"
    "[[pipeline.output]]\n"
    "format = 'mp3'\n"
    "mount = '/a.mp3'\n"
    "bitrate = 32\n";

/* A source that logs in as anna, with a password that is right. */
#define SOURCE_OF(login) \
    "SOURCE /dj HTTP/1.0\r\nAuthorization: Basic " login "\r\nContent-Type: audio/mpeg\r\n\r\n"
#define ANNA SOURCE_OF("YW5uYTpyaWdodA==")

/* A connection that has sent a request. */
static inline int ask(uint16_t port, const char *request)
{
    struct sockaddr_in address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(client >= 0 && connect(client, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(write(client, request, strlen(request)) == (ssize_t)strlen(request));
    return client;
}

/* The answer to a request, up to the end of the connection. It is valid until the next call. */
static inline char *answered(int client)
{
    static char answer[5000];
    size_t length = 0;
    for (ssize_t got; (got = read(client, answer + length, sizeof answer - 1 - length)) > 0;) {
        length += (size_t)got;
    }
    answer[length] = 0;
    close(client);
    return answer;
}

/* A connection that has asked for a mount and got the first bytes of it. */
static inline int listen_to(uint16_t port, const char *mount)
{
    char request[200], answer[2000];
    snprintf(request, sizeof request, "GET %s HTTP/1.0\r\n\r\n", mount);
    int player = ask(port, request);
    ssize_t got = read(player, answer, sizeof answer);
    CHECK(got > 12 && memcmp(answer + 9, "200", 3) == 0);
    return player;
}

#endif
