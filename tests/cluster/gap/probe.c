/* Measures for how long a new pod is open: from its first instruction it connects, again and again, to an address that
 * a policy forbids, and accepts on a port that nobody may reach. A pod of one static program, so that nothing runs before.
 *
 *   probe watch ADDRESS PORT SECONDS   what a new pod runs; prints one line of JSON at its end
 *   probe sweep PREFIX PORT SECONDS    connects to PREFIX2 .. PREFIX120, again and again, from outside
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static int begin(const char *address, int port) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    int s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (s >= 0 && inet_pton(AF_INET, address, &to.sin_addr) == 1) connect(s, (struct sockaddr *)&to, sizeof to);
    return s;
}

static int is_connected(int s, int milliseconds) {
    struct pollfd p = {.fd = s, .events = POLLOUT};
    int error = 0;
    socklen_t size = sizeof error;
    return poll(&p, 1, milliseconds) == 1 && getsockopt(s, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

static int watch(const char *address, int port, double limit) {
    double start = now(), last_out = -1, last_in = -1;
    long tries = 0, out = 0, in = 0;
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), yes = 1, s;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (struct sockaddr *)&any, sizeof any) || listen(listener, 128)) return 1;
    while (now() - start < limit) {
        s = begin(address, port);
        tries++;
        if (is_connected(s, 20)) out++, last_out = now() - start;
        close(s);
        while ((s = accept(listener, NULL, NULL)) >= 0) in++, last_in = now() - start, close(s);
        usleep(500);
    }
    printf("{\"tries\": %ld, \"out\": %ld, \"last_out_ms\": %.1f, \"in\": %ld, \"last_in_ms\": %.1f}\n", tries, out, last_out, in, last_in);
    return 0;
}

static int sweep(const char *prefix, int port, double limit) {
    double start = now();
    int sockets[121];
    char address[32];
    while (now() - start < limit) {
        for (int i = 2; i <= 120; i++) {
            snprintf(address, sizeof address, "%s%d", prefix, i);
            sockets[i] = begin(address, port);
        }
        usleep(2000);
        for (int i = 2; i <= 120; i++) close(sockets[i]);
    }
    return 0;
}

int main(int count, char **words) {
    if (count != 5) return 2;
    double limit = atof(words[4]) * 1e3;
    if (!strcmp(words[1], "watch")) return watch(words[2], atoi(words[3]), limit);
    if (!strcmp(words[1], "sweep")) return sweep(words[2], atoi(words[3]), limit);
    return 2;
}
