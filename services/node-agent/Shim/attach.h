/* Connections of those who look at a container, or type into it, while it runs. */
#ifndef MARTLET_SHIM_ATTACH_H
#define MARTLET_SHIM_ATTACH_H

#include <poll.h>
#include <stddef.h>

enum { ATTACH_POLLS = 18 };

/* Listens on the socket "attach" in `directory`. `input` is where the container reads (-1: nowhere), a terminal or a
 * pipe; the input of a pipe ends with the first connection that typed when `once` is set. */
void attach_open(const char *directory, int input, int is_terminal, int once);

/* Fills in what to wait for; returns how many. */
int attach_prepare(struct pollfd *polled);

/* Does what can be done now. */
void attach_serve(const struct pollfd *polled, int count);

/* Passes on what the container wrote: 1 is its output, 2 its complaints. */
void attach_write(int stream, const char *bytes, size_t size);

/* True while somebody has not read what there is; the container is not read from meanwhile. */
int attach_is_behind(void);

/* The container has ended: tells everybody, and leaves. */
void attach_finish(void);

/* Makes a listening unix socket, through the directory's descriptor because a path may be longer than an address. */
int listen_in(const char *directory, const char *name);

#endif
