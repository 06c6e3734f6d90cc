#ifndef MARTLET_ROOTLESS_H
#define MARTLET_ROOTLESS_H

#include <sys/types.h>

/* Kernel calls by which a program of an ordinary user becomes root of namespaces of its own. All return 0 (or a
 * descriptor) on success and -errno on failure. They hold for the calling thread only: call them before there are
 * others. */

/* A child that keeps new namespaces open. */
struct rootless_holder {
    pid_t process;
    int channel;
};

/* Starts a child in a new user namespace, which has no numbers yet: newuidmap and newgidmap give them to it. All processes in
 * it together can be three quarters of what the user may have. */
int rootless_begin(struct rootless_holder *holder);

/* Once it has its numbers: the child becomes root there and makes a network, with loopback alone. */
int rootless_finish(const struct rootless_holder *holder);

/* Ends the child. Its namespaces stay for as long as somebody has joined them. */
void rootless_end(const struct rootless_holder *holder);

/* Joins the user and the network namespace of a process, as root there. */
int rootless_join(pid_t process);

/* Makes the control group of this process the root of all that it, and what it starts, sees of them. */
int rootless_own_groups(void);

/* Sees of control groups what a process sees, whose namespaces were joined before. The group stays the same. */
int rootless_join_groups(pid_t process);

/* Gives this thread a view of the file system of its own, where root of a user namespace may work: its own /run, the control
 * groups (version 2) that it sees or none, and `resolver` as /etc/resolv.conf unless it is null. */
int rootless_own_mounts(const char *resolver, int has_groups);

/* Whether this user may make user namespaces, tried in a child: 0 or -errno. */
int rootless_is_permitted(void);

/* Starts a child that stays in the network where this process is now, and opens ports there for who moves to another, one
 * for each question at `channel`. It ends when nobody has the channel any more. A question is the address (0: all) as a
 * number of 32 bits, the port and whether it is of UDP, as two of 16, all in host byte order; the answer repeats them, with
 * an error number of 32 bits and, when that is 0, the socket. */
int rootless_begin_ports(int *channel);

/* The flag of posix_spawn by which a program gets a session of its own. */
extern const short rootless_own_session;

/* Opens the descriptor of a process, which can be read from once the process has ended. */
int rootless_open_process(pid_t process);

#endif
