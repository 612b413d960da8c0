/* The system calls that store/os_posix.c makes, over disks in memory: disk_os.c gives them its names. Each behaves as its page of the manual says, as far as
 * that file asks; descriptors are no real ones, so that a call forgotten here fails. */
#ifndef TESTS_DISK_SYSTEM_H
#define TESTS_DISK_SYSTEM_H

#include <stdint.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <time.h>

int disk_sys_open(const char *path, int flags, ...);
int disk_sys_close(int fd);
ssize_t disk_sys_read(int fd, void *out, size_t len);
ssize_t disk_sys_write(int fd, const void *data, size_t len);
ssize_t disk_sys_pread(int fd, void *out, size_t len, off_t offset);
ssize_t disk_sys_pwrite(int fd, const void *data, size_t len, off_t offset);
int disk_sys_ftruncate(int fd, off_t len);
int disk_sys_fsync(int fd);
int disk_sys_posix_fadvise(int fd, off_t offset, off_t len, int advice);
int disk_sys_flock(int fd, int operation);
int disk_sys_fstat(int fd, struct stat *out);
int disk_sys_stat(const char *path, struct stat *out);
int disk_sys_statvfs(const char *path, struct statvfs *out);
int disk_sys_mkdir(const char *path, mode_t mode);
int disk_sys_rmdir(const char *path);
int disk_sys_unlink(const char *path);
int disk_sys_link(const char *from, const char *to);
int disk_sys_rename(const char *from, const char *to);
int disk_sys_renameat2(int from_directory, const char *from, int to_directory, const char *to, unsigned flags);
uid_t disk_sys_geteuid(void);
pid_t disk_sys_getpid(void);
ssize_t disk_sys_getrandom(void *out, size_t len, unsigned flags);
time_t disk_sys_time(time_t *out);
int disk_sys_clock_gettime(clockid_t clock, struct timespec *out);
int disk_sys_nanosleep(const struct timespec *time, struct timespec *left);

#endif
