/* Quotas of projects, by which a file system holds the size of a folder. Calls return 0, or -errno on failure. */
#ifndef MARTLET_PROJECTS_H
#define MARTLET_PROJECTS_H

#include <stdint.h>

/* 1 when the file system of a folder holds limits of projects, 0 when it has projects but no limits; it needs Linux 5.14. */
int node_projects_are_held(const char *folder);

/* Number of the project that a folder belongs to and gives to what is made in it; 0 for none. */
int node_project(const char *folder, uint32_t *number);

/* Gives a folder and all that lies in it, on its file system, to a project. Links, and files of other kinds than files
 * and folders, stay out, as the kernel has it. The folder's own number is set when all below it has been given. -ELOOP
 * when folders lie too deep in one another. */
int node_give_to_project(const char *folder, uint32_t number);

/* What a project may have and has: bytes, and files of all kinds. 0 as a limit is none. */
struct node_quota {
    uint64_t bytes, files, used_bytes, used_files;
};

/* Of a project on the file system of a folder; all 0 when the file system knows nothing of it. */
int node_quota_of_project(const char *folder, uint32_t number, struct node_quota *quota);

/* Limits a project on the file system of a folder. */
int node_limit_project(const char *folder, uint32_t number, uint64_t bytes, uint64_t files);

/* Refuses file_setattr(2) (Linux 6.17), which changes projects, to this thread and all that it starts: EPERM. A filter of
 * crun's cannot, where libseccomp is older than the call. Needs root. */
int node_refuse_attributes(void);

#endif
