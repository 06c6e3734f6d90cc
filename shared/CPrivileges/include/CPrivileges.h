#ifndef MARTLET_CPRIVILEGES_H
#define MARTLET_CPRIVILEGES_H

#include "rootless.h"
#include <sys/types.h>

/* Kernel calls by which a program that was started as root gives up its powers. All return 0 (or a descriptor) on success
 * and -errno on failure. Most of them hold for the calling thread only: call them before there are others. */

/* Whether this process may make mount and network namespaces, tried in a child: 1 or 0. */
int privileges_may_isolate(void);

/* Gives this thread a view of the file system of its own: what it mounts is seen by nobody else. */
int privileges_own_mounts(void);

/* Opens a file or folder as a place only, not for reading; closed when the program executes another. */
int privileges_open_place(const char *path);

/* Lays an empty folder over `path`, which everyone may pass through and only root may write. */
int privileges_cover(const char *path);

/* Shows an opened place at `target`, with the mounts below it. */
int privileges_show(int place, const char *target, int is_read_only);

/* Becomes an ordinary user for good: one other group, no capabilities, none to be gained by executing anything, and not
 * to be looked into by other processes of the user. -EBUSY when there is a second thread, which would keep its powers. */
int privileges_drop(uid_t user, gid_t group, gid_t other_group);

#endif
