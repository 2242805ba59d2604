/* The first process of every pod: holds its namespaces, reaps orphans, sleeps until told to end. */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void quit(int signal) { (void)signal; _exit(0); }
static void reap(int signal) { (void)signal; while (waitpid(-1, NULL, WNOHANG) > 0); }

int main(void) {
    struct sigaction on_quit = {.sa_handler = quit}, on_child = {.sa_handler = reap, .sa_flags = SA_NOCLDSTOP};
    sigaction(SIGINT, &on_quit, 0);
    sigaction(SIGTERM, &on_quit, 0);
    sigaction(SIGCHLD, &on_child, 0);
    for (;;) pause();
}
