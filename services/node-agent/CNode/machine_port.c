#define _GNU_SOURCE
#include "include/CNode.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* As `rootless_begin_ports` says. */
struct question {
    uint32_t address;
    uint16_t port;
    uint16_t is_udp;
};
struct answer {
    struct question question;
    int32_t error;
};

static int receive(int channel, struct answer *answer, int *fd) {
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = {answer, sizeof *answer};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t size;
    *fd = -1;
    do {
        size = recvmsg(channel, &message, MSG_CMSG_CLOEXEC);
    } while (size < 0 && errno == EINTR);
    if (size < 0) return -errno;
    for (struct cmsghdr *item = CMSG_FIRSTHDR(&message); item; item = CMSG_NXTHDR(&message, item))
        if (item->cmsg_level == SOL_SOCKET && item->cmsg_type == SCM_RIGHTS) memcpy(fd, CMSG_DATA(item), sizeof *fd);
    return size == sizeof *answer ? 0 : -ECONNRESET;
}

int node_open_machine_port(int channel, uint32_t address, uint16_t port, int is_udp) {
    struct question question = {address, port, is_udp != 0};
    ssize_t sent;
    do {
        sent = send(channel, &question, sizeof question, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) return -errno;
    for (;;) {
        struct pollfd polled = {channel, POLLIN, 0};
        int count = poll(&polled, 1, 5000);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return count < 0 ? -errno : -ETIMEDOUT;
        struct answer answer;
        int fd, result = receive(channel, &answer, &fd);
        if (result == 0 && memcmp(&answer.question, &question, sizeof question) == 0) {
            if (answer.error != 0) return -answer.error;
            return fd >= 0 ? fd : -EBADF;
        }
        if (fd >= 0) close(fd);
        if (result != 0) return result;
        /* An answer to a program that was killed while it waited. */
    }
}
