/* The frames are those between API server and node agent, which passes them on: a byte for the stream, four for the
 * length, the bytes. Streams: 0 input, 1 output, 2 complaints, 3 result, 4 size of the terminal, 255 end of a stream. An
 * input frame, also an empty one, says that the connection is one that types. */
#define _GNU_SOURCE
#include "attach.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { CLIENTS = 16, QUEUE_LIMIT = 256 * 1024, STALL_SECONDS = 10 };

struct client {
    int fd; /* 0: none */
    int is_reading, has_input;
    unsigned char head[5];
    size_t head_used;
    unsigned char kind;
    uint32_t left;
    char text[64];
    size_t text_used;
    char *queue;
    size_t queued, capacity;
    time_t moved_at;
};

static struct client clients[CLIENTS];
static int listener = -1, input = -1, terminal, input_once, input_ends;
static char pending[64 * 1024];
static size_t pending_used, pending_done;

static time_t seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

int listen_in(const char *directory, const char *name) {
    int folder = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address;
    memset(&address, 0, sizeof address);
    address.sun_family = AF_UNIX;
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", folder, name);
    unlink(address.sun_path);
    mode_t before = umask(0177);
    if (fd >= 0 && (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, CLIENTS) != 0)) {
        close(fd);
        fd = -1;
    }
    umask(before);
    close(folder);
    return fd;
}

void attach_open(const char *directory, int container_input, int is_terminal, int once) {
    input = container_input;
    terminal = is_terminal;
    input_once = once;
    if (input >= 0) fcntl(input, F_SETFL, fcntl(input, F_GETFL) | O_NONBLOCK);
    listener = listen_in(directory, "attach");
    if (listener >= 0) fcntl(listener, F_SETFL, fcntl(listener, F_GETFL) | O_NONBLOCK);
}

static void close_input(void) {
    if (input >= 0) close(input);
    input = -1;
    pending_used = pending_done = 0;
}

static void flush_input(void) {
    while (input >= 0 && pending_done < pending_used) {
        ssize_t size = write(input, pending + pending_done, pending_used - pending_done);
        if (size > 0) pending_done += (size_t)size;
        else if (errno == EAGAIN) return;
        else if (errno != EINTR) close_input(); /* nobody reads any more */
    }
    pending_used = pending_done = 0;
    if (input_ends) close_input();
}

/* Who typed does so no longer. A terminal stays: there the end is a character. */
static void end_typing(struct client *client) {
    if (!client->has_input) return;
    client->has_input = 0;
    if (!input_once || terminal) return;
    input_ends = 1;
    flush_input();
}

static void drop(struct client *client) {
    end_typing(client);
    close(client->fd);
    free(client->queue);
    memset(client, 0, sizeof *client);
}

static void flush_client(struct client *client) {
    size_t done = 0;
    while (done < client->queued) {
        ssize_t size = send(client->fd, client->queue + done, client->queued - done, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (size > 0) {
            done += (size_t)size;
            client->moved_at = seconds();
        } else if (errno == EAGAIN) {
            break;
        } else if (errno != EINTR) {
            drop(client);
            return;
        }
    }
    memmove(client->queue, client->queue + done, client->queued - done);
    client->queued -= done;
    if (client->queued == 0 && client->capacity > 64 * 1024) {
        free(client->queue);
        client->queue = NULL;
        client->capacity = 0;
    }
}

static void queue_frame(struct client *client, unsigned char kind, const char *bytes, size_t size) {
    size_t wanted = client->queued + 5 + size;
    if (wanted > client->capacity) {
        char *larger = realloc(client->queue, wanted);
        if (!larger) {
            drop(client);
            return;
        }
        client->queue = larger;
        client->capacity = wanted;
    }
    unsigned char *at = (unsigned char *)client->queue + client->queued;
    at[0] = kind;
    for (int i = 0; i < 4; i++) at[1 + i] = (unsigned char)(size >> (24 - 8 * i));
    memcpy(at + 5, bytes, size);
    if (client->queued == 0) client->moved_at = seconds();
    client->queued = wanted;
    flush_client(client);
}

void attach_write(int stream, const char *bytes, size_t size) {
    for (int i = 0; i < CLIENTS; i++) {
        if (clients[i].fd > 0) queue_frame(&clients[i], (unsigned char)stream, bytes, size);
    }
}

int attach_is_behind(void) {
    for (int i = 0; i < CLIENTS; i++) {
        if (clients[i].fd <= 0 || clients[i].queued <= QUEUE_LIMIT) continue;
        if (seconds() - clients[i].moved_at > STALL_SECONDS) drop(&clients[i]);
        else return 1;
    }
    return 0;
}

static void resize(const char *text) {
    const char *width = strstr(text, "\"Width\":"), *height = strstr(text, "\"Height\":");
    if (!terminal || input < 0 || !width || !height) return;
    struct winsize size;
    memset(&size, 0, sizeof size);
    size.ws_col = (unsigned short)atoi(width + 8);
    size.ws_row = (unsigned short)atoi(height + 9);
    ioctl(input, TIOCSWINSZ, &size);
}

static void end_of_frame(struct client *client) {
    client->text[client->text_used] = 0;
    if (client->kind == 0) client->has_input = 1;
    if (client->kind == 4) resize(client->text);
    if (client->kind == 255 && client->text_used > 0 && client->text[0] == 0) end_typing(client);
    client->head_used = client->text_used = 0;
}

static void take_bytes(struct client *client, const char *bytes, size_t size) {
    while (size > 0) {
        if (client->head_used < 5) {
            client->head[client->head_used++] = (unsigned char)*bytes++;
            size--;
            if (client->head_used < 5) continue;
            client->kind = client->head[0];
            client->left = (uint32_t)client->head[1] << 24 | (uint32_t)client->head[2] << 16 |
                           (uint32_t)client->head[3] << 8 | client->head[4];
            if (client->left == 0) end_of_frame(client);
            continue;
        }
        size_t part = size < client->left ? size : client->left;
        if (client->kind == 0 && input >= 0 && !input_ends && pending_used + part <= sizeof pending) {
            memcpy(pending + pending_used, bytes, part);
            pending_used += part;
        } else if (client->kind != 0) {
            size_t room = sizeof client->text - 1 - client->text_used;
            size_t kept = part < room ? part : room;
            memcpy(client->text + client->text_used, bytes, kept);
            client->text_used += kept;
        }
        bytes += part;
        size -= part;
        client->left -= (uint32_t)part;
        if (client->left == 0) end_of_frame(client);
    }
}

static void accept_client(void) {
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    for (int i = 0; i < CLIENTS; i++) {
        if (clients[i].fd > 0) continue;
        clients[i].fd = fd;
        clients[i].is_reading = 1;
        return;
    }
    close(fd);
}

int attach_prepare(struct pollfd *polled) {
    int has_pending = pending_used > 0;
    polled[0] = (struct pollfd){listener, POLLIN, 0};
    polled[1] = (struct pollfd){has_pending ? input : -1, POLLOUT, 0};
    for (int i = 0; i < CLIENTS; i++) {
        /* Nobody is read from while the container has not taken what came before. */
        short events = (short)((clients[i].is_reading && !has_pending ? POLLIN : 0) | (clients[i].queued ? POLLOUT : 0));
        polled[2 + i] = (struct pollfd){clients[i].fd > 0 ? clients[i].fd : -1, events, 0};
    }
    return 2 + CLIENTS;
}

void attach_serve(const struct pollfd *polled, int count) {
    static char chunk[32 * 1024];
    if (count < 2 + CLIENTS) return;
    if (polled[1].revents) flush_input();
    for (int i = 0; i < CLIENTS; i++) {
        struct client *client = &clients[i];
        short ready = polled[2 + i].revents;
        if (client->fd <= 0 || polled[2 + i].fd != client->fd || !ready) continue;
        if (ready & POLLOUT) flush_client(client);
        if (client->fd > 0 && ready & POLLIN && pending_used == 0) {
            ssize_t size = recv(client->fd, chunk, sizeof chunk, MSG_DONTWAIT);
            if (size > 0) {
                take_bytes(client, chunk, (size_t)size);
                flush_input();
                continue;
            }
            if (size == 0) {
                client->is_reading = 0;
                end_typing(client);
            }
        }
        if (client->fd > 0 && ready & (POLLHUP | POLLERR) && !(ready & POLLIN)) drop(client);
    }
    if (polled[0].revents) accept_client();
}

void attach_finish(void) {
    static const char result[] = "{\"metadata\":{},\"status\":\"Success\"}";
    if (listener >= 0) close(listener);
    listener = -1;
    for (int i = 0; i < CLIENTS; i++) {
        if (clients[i].fd > 0) queue_frame(&clients[i], 3, result, sizeof result - 1);
    }
    time_t until = seconds() + 2;
    for (int open = 1; open && seconds() <= until;) {
        struct pollfd polled[CLIENTS];
        open = 0;
        for (int i = 0; i < CLIENTS; i++) {
            polled[i] = (struct pollfd){clients[i].fd > 0 && clients[i].queued ? clients[i].fd : -1, POLLOUT, 0};
            if (polled[i].fd > 0) open = 1;
        }
        if (!open || poll(polled, CLIENTS, 500) < 0) break;
        for (int i = 0; i < CLIENTS; i++) {
            if (polled[i].fd > 0 && polled[i].revents) flush_client(&clients[i]);
        }
    }
    for (int i = 0; i < CLIENTS; i++) {
        if (clients[i].fd > 0) drop(&clients[i]);
    }
    close_input();
}
