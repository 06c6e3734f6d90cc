#define _GNU_SOURCE
#include "projects.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dqblk_xfs.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/quota.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_quotactl_fd
#define SYS_quotactl_fd 443
#endif

/* Bytes of a block, as limits are counted; QIF_DQBLKSIZE of the kernel. */
enum { BLOCK = 1024, DEPTH = 256 };

static int open_folder(const char *path) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int control(const char *folder, int command, uint32_t number, void *data) {
    int fd = open_folder(folder);
    if (fd < 0) return fd;
    long result = syscall(SYS_quotactl_fd, fd, QCMD(command, PRJQUOTA), number, data);
    int error = errno;
    close(fd);
    return result == 0 ? 0 : -error;
}

int node_projects_are_held(const char *folder) {
    struct fs_quota_statv state;
    memset(&state, 0, sizeof state);
    state.qs_version = FS_QSTATV_VERSION1;
    int result = control(folder, Q_XGETQSTATV, 0, &state);
    return result < 0 ? result : (state.qs_flags & FS_QUOTA_PDQ_ENFD) != 0;
}

int node_project(const char *folder, uint32_t *number) {
    int fd = open_folder(folder);
    if (fd < 0) return fd;
    struct fsxattr attributes;
    int result = ioctl(fd, FS_IOC_FSGETXATTR, &attributes) == 0 ? 0 : -errno;
    close(fd);
    if (result == 0) *number = attributes.fsx_xflags & FS_XFLAG_PROJINHERIT ? attributes.fsx_projid : 0;
    return result;
}

static int give(int fd, uint32_t number, int is_folder) {
    struct fsxattr attributes;
    if (ioctl(fd, FS_IOC_FSGETXATTR, &attributes) != 0) return -errno;
    uint32_t flags = attributes.fsx_xflags | (is_folder ? FS_XFLAG_PROJINHERIT : 0);
    if (attributes.fsx_projid == number && attributes.fsx_xflags == flags) return 0;
    attributes.fsx_projid = number;
    attributes.fsx_xflags = flags;
    return ioctl(fd, FS_IOC_FSSETXATTR, &attributes) == 0 ? 0 : -errno;
}

/* Gives away what lies in a folder; closes `fd`. Every step is relative to an open folder and follows no link, since
 * programs may change the tree meanwhile. */
static int give_contents(int fd, uint32_t number, dev_t device, int depth) {
    DIR *folder = fdopendir(fd);
    if (!folder) {
        int error = errno;
        close(fd);
        return -error;
    }
    int result = depth > DEPTH ? -ELOOP : 0;
    struct dirent *entry;
    while (result == 0 && (entry = readdir(folder))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        struct stat info;
        if (fstatat(dirfd(folder), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
        if (info.st_dev != device || !(S_ISREG(info.st_mode) || S_ISDIR(info.st_mode))) continue;
        int child = openat(dirfd(folder), entry->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (child < 0) {
            if (errno != ENOENT && errno != ELOOP) result = -errno;
            continue;
        }
        /* What was opened counts, not what was there before. */
        if (fstat(child, &info) != 0 || info.st_dev != device || !(S_ISREG(info.st_mode) || S_ISDIR(info.st_mode))) {
            close(child);
            continue;
        }
        result = give(child, number, S_ISDIR(info.st_mode));
        if (result == 0 && S_ISDIR(info.st_mode)) result = give_contents(child, number, device, depth + 1);
        else close(child);
    }
    closedir(folder);
    return result;
}

int node_give_to_project(const char *path, uint32_t number) {
    int fd = open_folder(path);
    if (fd < 0) return fd;
    struct stat info;
    int result = fstat(fd, &info) == 0 ? 0 : -errno;
    /* Twice: what was made in the folder before it belonged to the project is found then. */
    for (int round = 0; result == 0 && round < 2; round++) {
        int again = open_folder(path);
        result = again < 0 ? again : give_contents(again, number, info.st_dev, 0);
        if (result == 0) result = give(fd, number, 1);
    }
    close(fd);
    return result;
}

int node_quota_of_project(const char *folder, uint32_t number, struct node_quota *quota) {
    struct if_dqblk found;
    memset(&found, 0, sizeof found);
    int result = control(folder, Q_GETQUOTA, number, &found);
    memset(quota, 0, sizeof *quota);
    if (result == -ENOENT || result == -ESRCH) return 0;
    quota->bytes = found.dqb_bhardlimit * BLOCK;
    quota->files = found.dqb_ihardlimit;
    quota->used_bytes = found.dqb_curspace;
    quota->used_files = found.dqb_curinodes;
    return result;
}

int node_limit_project(const char *folder, uint32_t number, uint64_t bytes, uint64_t files) {
    struct if_dqblk limits;
    memset(&limits, 0, sizeof limits);
    limits.dqb_valid = QIF_LIMITS;
    limits.dqb_bhardlimit = (bytes + BLOCK - 1) / BLOCK;
    limits.dqb_ihardlimit = files;
    return control(folder, Q_SETQUOTA, number, &limits);
}

int node_refuse_attributes(void) {
    /* The number is the same for all kinds of programs; those of x32 add a bit. */
    enum { FILE_SETATTR = 469, X32 = 0x40000000 };
    struct sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FILE_SETATTR, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FILE_SETATTR | X32, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof steps / sizeof *steps, steps};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0 ? 0 : -errno;
}
