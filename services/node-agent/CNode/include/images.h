/* What images need of the kernel. Calls return 0 or a descriptor, and -errno on failure. */
#ifndef MARTLET_IMAGES_H
#define MARTLET_IMAGES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Opens a path below a directory as a process would whose root it is: links and `..` do not lead out of it. */
int node_open_in_root(int root, const char *path, int flags);

/* Starts `program -dc` on a file; its output can be read from the descriptor, and `process` has to be waited for. */
int node_open_unpacked(const char *program, const char *file, pid_t *process);

/* Waits for a process; its exit code, or 128 and its signal. */
int node_wait_process(pid_t process);

/* Mounts an overlay; relative paths in the options begin at `directory`. */
int node_mount_overlay(const char *directory, const char *target, const char *options);

/* Sets an extended attribute of a file in an open directory; links are not followed. */
int node_set_attribute(int directory, const char *name, const char *key, const void *value, size_t size);

#endif
