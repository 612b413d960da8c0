/* The seam to the operating system: files that are whole or not there, secrets, the lock, local frames. */
#include "store_place.h"

#include <sys/stat.h>
#include <sys/wait.h>

static void assert_content(const char *path, const char *expected) {
    struct buffer content;
    buffer_init(&content, 1024);
    assert_int_equal(os_file_read(path, 1024, &content), STATUS_OK);
    assert_true(bytes_equal(buffer_bytes(&content), bytes_of(expected, strlen(expected))));
    buffer_fini(&content);
}

static void files_are_made_once_and_replaced_whole(void **state) {
    const struct place *place = *state;
    struct stat about;
    struct buffer content;
    buffer_init(&content, 1024);
    assert_int_equal(os_file_read(place->file, 10, &content), STATUS_NOT_FOUND);
    assert_int_equal(os_file_create(place->file, bytes_of("one", 3), false), STATUS_OK);
    assert_int_equal(os_file_create(place->file, bytes_of("two", 3), false), STATUS_STORE_EXISTS);
    assert_content(place->file, "one");
    assert_int_equal(os_file_replace(place->file, bytes_of("three", 5), true), STATUS_OK);
    assert_content(place->file, "three");
    assert_int_equal(stat(place->file, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    assert_int_equal(os_file_read(place->file, 4, &content), STATUS_TOO_LARGE);
    assert_int_equal(os_file_read(place->file, 5, &content), STATUS_OK);
    assert_int_equal(os_file_read(place->dir, 5, &content), STATUS_FILE_UNREADABLE);
    assert_int_equal(os_file_create("/nowhere/at/all", bytes_of("x", 1), false), STATUS_NOT_FOUND);
    buffer_fini(&content);
    /* Nothing is left lying beside. */
    os_file_remove(place->file);
    assert_false(os_file_exists(place->file));
    assert_int_equal(rmdir(place->dir), 0);
    assert_int_equal(os_directory_make(place->dir), STATUS_OK);
}

static void directories_are_made_with_those_above(void **state) {
    const struct place *place = *state;
    char deep[SCRATCH_PATH];
    struct stat about;
    scratch_path(deep, place->dir, "a/b/c/");
    assert_int_equal(os_directory_make(deep), STATUS_OK);
    assert_int_equal(os_directory_make(deep), STATUS_OK);
    assert_int_equal(stat(deep, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0700);
    assert_int_equal(os_file_create(place->file, bytes_of("x", 1), false), STATUS_OK);
    assert_int_equal(os_directory_make(place->file), STATUS_FILE_UNREADABLE);
    assert_true(os_disk_free(place->dir) >= 0);
    assert_true(os_disk_size(place->dir) >= os_disk_free(place->dir));
    assert_int_equal(os_disk_free("/nowhere/at/all"), -1);
    assert_int_equal(os_file_look(deep), STATUS_OK);
    assert_int_equal(os_file_look("/nowhere/at/all"), STATUS_NOT_FOUND);
    /* Only an empty one goes. */
    char middle[SCRATCH_PATH];
    scratch_path(middle, place->dir, "a/b");
    os_directory_remove(middle);
    assert_true(os_file_exists(deep));
    os_directory_remove(deep);
    assert_false(os_file_exists(deep));
}

static void a_secret_is_read_only_where_it_is_one(void **state) {
    const struct place *place = *state;
    char link[SCRATCH_PATH];
    struct buffer content;
    buffer_init(&content, 64);
    assert_int_equal(os_file_create(place->file, bytes_of("secret", 6), true), STATUS_OK);
    assert_int_equal(os_secret_read(place->file, 64, &content), STATUS_OK);
    assert_int_equal(content.len, 6);
    scratch_path(link, place->dir, "link");
    assert_int_equal(symlink(place->file, link), 0);
    assert_int_equal(os_secret_read(link, 64, &content), STATUS_KEY_UNSAFE);
    assert_int_equal(chmod(place->file, 0604), 0);
    assert_int_equal(os_secret_read(place->file, 64, &content), STATUS_KEY_UNSAFE);
    assert_int_equal(os_secret_read(place->dir, 64, &content), STATUS_KEY_UNSAFE);
    scratch_path(link, place->dir, "none");
    assert_int_equal(os_secret_read(link, 64, &content), STATUS_NOT_FOUND);
    buffer_fini(&content);
}

static bool has_open(pid_t process, const char *path) {
    for (int fd = 3; fd < 64; fd++) {
        char link[64], target[SCRATCH_PATH];
        (void)snprintf(link, sizeof link, "/proc/%ld/fd/%d", (long)process, fd);
        ssize_t len = readlink(link, target, sizeof target);
        if (len == (ssize_t)strlen(path) && memcmp(target, path, (size_t)len) == 0)
            return true;
    }
    return false;
}

/* Whoever waited for a lock whose file was removed meanwhile must not take what nobody else looks at any more for it. */
static void a_removed_lock_is_no_lock(void **state) {
    const struct place *place = *state;
    int go[2], how;
    struct os_lock lock;
    assert_int_equal(pipe(go), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        char byte;
        struct os_lock own;
        bool fine = read(go[0], &byte, 1) == 1 && os_lock(&own, place->file, 20000, NULL) == STATUS_OK && os_file_exists(place->file);
        _exit(fine ? 0 : 1);
    }
    assert_int_equal(os_lock(&lock, place->file, 0, NULL), STATUS_OK);
    assert_int_equal(write(go[1], "x", 1), 1);
    int64_t end = os_monotonic_ms() + 20000;
    while (!has_open(child, place->file) && os_monotonic_ms() < end) {}
    os_file_remove(place->file);
    os_unlock(&lock);
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
    (void)close(go[0]);
    (void)close(go[1]);
}

static void one_holds_the_lock(void **state) {
    const struct place *place = *state;
    struct os_lock lock, other;
    long holder = -1;
    assert_int_equal(os_lock(&lock, place->file, 0, NULL), STATUS_OK);
    int64_t start = os_monotonic_ms();
    assert_int_equal(os_lock(&other, place->file, 120, &holder), STATUS_STORE_LOCKED);
    assert_true(os_monotonic_ms() - start >= 120);
    assert_int_equal(holder, getpid());
    os_unlock(&other);
    os_unlock(&lock);
    os_unlock(&lock);
    /* A process that dies holding it gives it back. */
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct os_lock own;
        _exit(os_lock(&own, place->file, 0, NULL) == STATUS_OK ? 0 : 1);
    }
    int how;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
    assert_int_equal(os_lock(&lock, place->file, 0, NULL), STATUS_OK);
    os_unlock(&lock);
}

static void random_bytes_differ(void **state) {
    (void)state;
    uint8_t a[32], b[32];
    os_random(a, sizeof a);
    os_random(b, sizeof b);
    assert_int_not_equal(memcmp(a, b, sizeof a), 0);
}

/* ---- local sockets ---- */

static void frames_go_and_come(void **state) {
    const struct place *place = *state;
    static uint8_t large[300 * 1024];
    int listener, near, far;
    struct os_peer peer;
    struct buffer frame;
    buffer_init(&frame, 1024 * 1024);
    assert_int_equal(os_local_connect(&near, place->file), STATUS_NO_DAEMON);
    assert_int_equal(os_local_listen(&listener, place->file), STATUS_OK);
    struct stat about;
    assert_int_equal(stat(place->file, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    assert_int_equal(os_local_accept(&far, listener, &peer), STATUS_NOT_FOUND);
    assert_int_equal(os_local_connect(&near, place->file), STATUS_OK);
    assert_int_equal(os_local_accept(&far, listener, &peer), STATUS_OK);
    assert_int_equal(peer.uid, getuid());
    assert_int_equal(peer.pid, getpid());
    assert_int_equal(os_frame_send(near, bytes_of("ask", 3), 1000), STATUS_OK);
    assert_int_equal(os_frame_receive(far, &frame, 1000), STATUS_OK);
    assert_true(bytes_equal(buffer_bytes(&frame), bytes_of("ask", 3)));
    assert_int_equal(os_frame_receive(far, &frame, 30), STATUS_TIMEOUT);
    /* Longer than any buffer of the system: one side sends while the other reads. */
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(os_frame_send(near, bytes_of(large, sizeof large), 5000) == STATUS_OK ? 0 : 1);
    assert_int_equal(os_frame_receive(far, &frame, 5000), STATUS_OK);
    assert_int_equal(frame.len, sizeof large);
    int how;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
    /* Nobody reads: the sender is not held for ever. */
    enum status status = STATUS_OK;
    for (int i = 0; i < 20 && status == STATUS_OK; i++)
        status = os_frame_send(near, bytes_of(large, sizeof large), 30);
    assert_int_equal(status, STATUS_TIMEOUT);
    os_local_close(&near);
    assert_int_equal(near, -1);
    os_local_close(&near);
    os_local_close(&far);
    os_local_close(&listener);
    buffer_fini(&frame);
}

static void bad_frames_end_the_exchange(void **state) {
    const struct place *place = *state;
    int listener, near, far;
    struct os_peer peer;
    struct buffer frame;
    buffer_init(&frame, 1024);
    assert_int_equal(os_local_listen(&listener, place->file), STATUS_OK);
    assert_int_equal(os_local_connect(&near, place->file), STATUS_OK);
    assert_int_equal(os_local_accept(&far, listener, &peer), STATUS_OK);
    const uint8_t huge[4] = {0xff, 0xff, 0xff, 0xff};
    assert_int_equal(write(near, huge, sizeof huge), 4);
    assert_int_equal(os_frame_receive(far, &frame, 1000), STATUS_TOO_LARGE);
    const uint8_t broken[6] = {0, 0, 0, 9, 'a', 'b'};
    assert_int_equal(write(near, broken, sizeof broken), 6);
    os_local_close(&near);
    assert_int_equal(os_frame_receive(far, &frame, 1000), STATUS_NO_DAEMON);
    os_local_close(&far);
    os_local_close(&listener);
    buffer_fini(&frame);
}

static void a_dead_socket_is_replaced_and_a_live_one_is_not(void **state) {
    const struct place *place = *state;
    int first, second;
    char deep[SCRATCH_PATH], path[SCRATCH_PATH + 200];
    assert_int_equal(os_local_listen(&first, place->file), STATUS_OK);
    assert_int_equal(os_local_listen(&second, place->file), STATUS_STORE_LOCKED);
    os_local_close(&first); /* its file stays, as after a kill */
    assert_int_equal(os_local_listen(&second, place->file), STATUS_OK);
    os_local_close(&second);
    /* A path longer than a socket's name may be: */
    (void)snprintf(deep, sizeof deep, "%.60s/%090d", place->dir, 0);
    assert_int_equal(os_directory_make(deep), STATUS_OK);
    (void)snprintf(path, sizeof path, "%s/control.sock", deep);
    assert_true(strlen(path) > 107);
    assert_int_equal(os_local_listen(&first, path), STATUS_OK);
    assert_int_equal(os_local_connect(&second, path), STATUS_OK);
    os_local_close(&second);
    os_local_close(&first);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PLACE_TEST(files_are_made_once_and_replaced_whole),
        PLACE_TEST(directories_are_made_with_those_above),
        PLACE_TEST(a_secret_is_read_only_where_it_is_one),
        PLACE_TEST(one_holds_the_lock),
        PLACE_TEST(a_removed_lock_is_no_lock),
        cmocka_unit_test(random_bytes_differ),
        PLACE_TEST(frames_go_and_come),
        PLACE_TEST(bad_frames_end_the_exchange),
        PLACE_TEST(a_dead_socket_is_replaced_and_a_live_one_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
