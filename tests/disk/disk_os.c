/* store/os_posix.c itself, with every system call ending at a disk in memory. Its headers come first, so that they mean the real calls. */
#include "tests/disk/disk_internal.h"
#include "tests/disk/disk_system.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define open(...) disk_sys_open(__VA_ARGS__)
#define close(fd) disk_sys_close(fd)
#define read(fd, out, len) disk_sys_read(fd, out, len)
#define write(fd, data, len) disk_sys_write(fd, data, len)
#define pread(fd, out, len, offset) disk_sys_pread(fd, out, len, offset)
#define pwrite(fd, data, len, offset) disk_sys_pwrite(fd, data, len, offset)
#define ftruncate(fd, len) disk_sys_ftruncate(fd, len)
#define fsync(fd) disk_sys_fsync(fd)
#define posix_fadvise(fd, offset, len, advice) disk_sys_posix_fadvise(fd, offset, len, advice)
#define flock(fd, operation) disk_sys_flock(fd, operation)
#define fstat(fd, out) disk_sys_fstat(fd, out)
#define stat(path, out) disk_sys_stat(path, out)
#define lstat(path, out) disk_sys_stat(path, out)
#define statvfs(path, out) disk_sys_statvfs(path, out)
#define mkdir(path, mode) disk_sys_mkdir(path, mode)
#define rmdir(path) disk_sys_rmdir(path)
#define unlink(path) disk_sys_unlink(path)
#define link(from, to) disk_sys_link(from, to)
#define rename(from, to) disk_sys_rename(from, to)
#define renameat2(from_directory, from, to_directory, to, flags) disk_sys_renameat2(from_directory, from, to_directory, to, flags)
#define geteuid() disk_sys_geteuid()
#define getpid() disk_sys_getpid()
#define getrandom(out, len, flags) disk_sys_getrandom(out, len, flags)
#define time(out) disk_sys_time(out)
#define clock_gettime(clock, out) disk_sys_clock_gettime(clock, out)
#define nanosleep(time, left) disk_sys_nanosleep(time, left)

#include "store/os_posix.c"
#define failure copy_failure
#include "store/os_copy.c"
#undef failure
#define os_boot os_boot_of_the_system
#include "store/os_witness.c"
#undef os_boot

/* Of the PC that did something last. */
void os_boot(uint8_t out[OS_BOOT_BYTES]) {
    memset(out, 0, OS_BOOT_BYTES);
    if (disk_world.used_last != NULL) {
        memcpy(out, &disk_world.used_last->number, sizeof disk_world.used_last->number);
        memcpy(out + 8, &disk_world.used_last->starts, sizeof disk_world.used_last->starts);
    }
}

void disk_os_linked(void) {}
