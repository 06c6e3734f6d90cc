#ifndef MARTLET_CNODE_H
#define MARTLET_CNODE_H

#include "images.h"
#include "projects.h"
#include <stdint.h>
#include <sys/types.h>

/* Kernel calls of the node agent that Swift cannot make: namespaces, mounts, inotify. All return 0 or a descriptor on
 * success and -errno on failure. */

/* Joins the mount namespace of another process (path of its /proc/PID/ns/mnt). The caller executes itself afterwards. */
int node_join_mount_namespace(const char *path);

/* Makes a mount namespace in which nothing propagates back to the host, with a cgroup tree that crun accepts and an
 * empty /run/netns. The caller executes itself afterwards. */
int node_new_mount_namespace(void);

/* Replaces the program by itself: same arguments, one environment variable more. */
int node_execute_again(char *const argv[], const char *name, const char *value);

/* Makes a network namespace, with the loopback device up, and keeps it by a bind mount on `path`. */
int node_create_network_namespace(const char *path);

/* Joins a network namespace to a bridge: a pair of devices, `device` outside and eth0 inside, with an address of its own
 * and all routes through the gateway. Frames do not go from port to port of the bridge when `isolated`; else they may
 * return where they came from. Addresses are in host byte order. */
int node_link_pod(const char *namespace, const char *device, const char *bridge, uint32_t address, uint32_t gateway,
                  int isolated);
int node_remove_link(const char *device);

/* Ends what the kernel remembers of UDP conversations with a Service's address (0: any) that a backend answered (0: any), so that the next
 * packet is sent to one that exists. Returns how many there were. Addresses and port are in host byte order. */
int node_forget_conversations(uint32_t service, uint16_t port, uint32_t backend);

/* Asks who is at the other end of `channel` to open a port of the machine, at one address (host byte order) or at all (0).
 * Returns the socket: one that listens, or one of UDP. Waits five seconds at most. One thread at a time. */
int node_open_machine_port(int channel, uint32_t address, uint16_t port, int is_udp);

int node_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data);
int node_unmount(const char *target);

extern const unsigned long node_mount_bind;
extern const unsigned long node_mount_nosuid_nodev;

/* Opens what `relative` names below `root`, without leaving `root` by symlinks or "..". Returns an O_PATH descriptor. */
int node_open_beneath(const char *root, const char *relative);

/* inotify, for files that are moved into a directory (is_file 0), or for a file that is written to (is_file 1); both also
 * when the watched thing itself goes. */
int node_inotify_open(void);
int node_inotify_add(int fd, const char *path, int is_file);
int node_inotify_remove(int fd, int watch);
/* Waits for events; writes the watch descriptors concerned to `watches`. Returns how many, or -errno. */
int node_inotify_read(int fd, int *watches, int capacity);

/* Waits for the ends of processes, given by their descriptors (`node_open_process`); each is reported once, and has to be
 * closed then. */
int node_processes_open(void);
int node_processes_add(int fd, int process);
int node_processes_wait(int fd, int *processes, int capacity);

/* Limits of the process, as it may pass them on. */
uint64_t node_hard_limit_of_files(void);
int node_raise_limit_of_files(void);

/* Terminals. `listen` makes a socket on which crun hands over the master of a terminal, in a directory and under a short
 * name; `receive` waits for it, at most so many milliseconds or until `stop` is called. */
int node_terminal_listen(const char *directory, const char *name);
int node_terminal_receive(int listener, int milliseconds);
void node_terminal_stop(int listener);
int node_terminal_resize(int terminal, unsigned short columns, unsigned short rows);

/* Opens the descriptor of a process, which can be read from once the process has ended. */
int node_open_process(pid_t process);

/* A pipe whose ends are not inherited; the descriptors are written to `ends`. */
int node_pipe(int ends[2]);

/* Makes reading and writing return at once. */
int node_set_nonblocking(int fd);

/* Waits until a descriptor can be read, or written, or until `other` (-1: none) can be read or was closed by its writer;
 * without a limit when `milliseconds` is -1. Returns 1, plus 2 for `other`; 0 when the time is up; -errno. */
int node_wait_either(int fd, int for_writing, int other, int milliseconds);

/* Connects to a port of the loopback device in a network namespace. */
int node_connect_in_namespace(const char *path, unsigned short port);

/* Connects to a unix socket by its directory and name, because the path may be longer than an address. */
int node_connect_unix(const char *directory, const char *name);

/* Bytes of disk that a file tree takes, on its own file system, symlinks not followed; 0 when there is none. */
uint64_t node_disk_usage(const char *path);

/* Shows `source` at `target` with owners shifted: number 0 on disk is `base` there, up to 65535. Needs a kernel that knows
 * mounts with mapped owners for the file system (-EINVAL otherwise). */
int node_mount_shifted(const char *source, const char *target, uint32_t base);

/* 0 when the files at `source` can be shown that way. */
int node_can_shift(const char *source);

/* What tells the file system of a path from others: its kind (`f_type` of statfs(2)) and its device. */
int node_file_system(const char *path, uint64_t *kind, uint64_t *device);

/* Adds `base` to the owners of a file tree; what has been shifted stays. */
int node_shift_owners(const char *path, uint32_t base);

/* Mounts a sysfs that shows the devices of a network namespace, read-only. */
int node_mount_sysfs(const char *namespace, const char *target);

/* Writes a file below /proc/sys/net as seen in a network namespace. */
int node_write_in_network(const char *namespace, const char *path, const char *text);

/* Makes a namespace of System V IPC and message queues, kept by a bind mount on `path`, with its queues mounted at the
 * folder `queues`. */
int node_create_ipc_namespace(const char *path, const char *queues);

/* Writes a file below /proc/sys/kernel as seen in such a namespace. */
int node_write_in_ipc(const char *path, const char *setting, const char *text);

/* Kind (S_IFCHR or S_IFBLK, 0 for anything else) and number of a device node. */
int node_device(const char *path, unsigned *kind, unsigned *major_number, unsigned *minor_number);

/* Size of the file system below `path`, in bytes. */
int node_statfs(const char *path, uint64_t *total, uint64_t *available);

#endif
