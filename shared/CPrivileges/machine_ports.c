#define _GNU_SOURCE
#include "include/rootless.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* What is asked for, and the answer, which repeats it and says how it went (0 or an error number). */
struct question {
    uint32_t address;
    uint16_t port;
    uint16_t is_udp;
};
struct answer {
    struct question question;
    int32_t error;
};

static int open_port(const struct question *question) {
    int fd = socket(AF_INET, (question->is_udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -errno;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(question->port), .sin_addr.s_addr = htonl(question->address)};
    int yes = 1;
    /* Else a port could not be opened again while old connections of it linger. For UDP it would mean sharing. */
    if ((question->is_udp || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0)
        && bind(fd, (struct sockaddr *)&address, sizeof address) == 0
        && (question->is_udp || listen(fd, 256) == 0))
        return fd;
    int error = errno;
    close(fd);
    return -error;
}

static int reply(int channel, const struct question *question, int fd) {
    struct answer answer = {*question, fd < 0 ? -fd : 0};
    struct iovec part = {&answer, sizeof answer};
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    memset(&control, 0, sizeof control);
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd >= 0) {
        control.header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
        message.msg_control = &control;
        message.msg_controllen = sizeof control;
    }
    ssize_t size;
    do {
        size = sendmsg(channel, &message, MSG_NOSIGNAL);
    } while (size < 0 && errno == EINTR);
    return size < 0 ? -errno : 0;
}

/* Until nobody can ask any more. */
static _Noreturn void serve(int channel) {
    for (;;) {
        struct question question;
        ssize_t size = recv(channel, &question, sizeof question, 0);
        if (size < 0 && errno == EINTR) continue;
        if (size != sizeof question) _exit(0);
        int fd = open_port(&question);
        int result = reply(channel, &question, fd);
        if (fd >= 0) close(fd);
        if (result != 0) _exit(0);
    }
}

int rootless_begin_ports(int *channel) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return -errno;
    pid_t child = fork();
    if (child < 0) {
        int error = errno;
        close(ends[0]);
        close(ends[1]);
        return -error;
    }
    /* A child's child: nobody here waits for its end. */
    if (child == 0 && (child = fork()) != 0) _exit(child < 0 ? errno : 0);
    if (child == 0) {
        /* Signals of the terminal are for the platform; no file of it stays open here, nor its lock. */
        setsid();
        prctl(PR_SET_NAME, "martlet-ports", 0, 0, 0);
        int fd = dup2(ends[1], STDERR_FILENO + 1), nothing = open("/dev/null", O_RDWR);
        for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; stream++) dup2(nothing, stream);
        syscall(SYS_close_range, fd + 1, ~0U, 0);
        if (chdir("/") != 0) _exit(1);
        serve(fd);
    }
    close(ends[1]);
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        close(ends[0]);
        return WIFEXITED(status) ? -WEXITSTATUS(status) : -ECHILD;
    }
    *channel = ends[0];
    return 0;
}
