#include "tools/hoid_process.h"

#include "tools/refusal.h"
#include "tools/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_NOT_STARTED = 127, EXIT_DEFECT = 4 };

/* DIR/hoid where DIR/hoi is this program; false: not there. */
static bool beside(char out[PATH_MAX]) {
    ssize_t len = readlink("/proc/self/exe", out, PATH_MAX - 8);
    if (len <= 0) {
        return false;
    }
    out[len] = '\0';
    char *slash = strrchr(out, '/');
    if (slash == NULL) {
        return false;
    }
    memcpy(slash + 1, "hoid", 5);
    return access(out, X_OK) == 0;
}

/* In the child: the ends of the pipes become standard input and standard error. */
static _Noreturn void become(const struct hoid_process *process, int input, int errors) {
    static char name[] = "hoid";
    char path[PATH_MAX], *arguments[16] = {name};
    for (size_t i = 0; process->arguments[i] != NULL; i++) {
        arguments[i + 1] = (char *)(uintptr_t)process->arguments[i];
    }
    int nothing = open("/dev/null", O_WRONLY);
    if (dup2(input, STDIN_FILENO) >= 0 && dup2(errors, STDERR_FILENO) >= 0 && nothing >= 0 && dup2(nothing, STDOUT_FILENO) >= 0) {
        if (beside(path)) {
            execv(path, arguments);
        }
        execvp(name, arguments);
    }
    _exit(EXIT_NOT_STARTED);
}

/* A pipe holds far more than a token: writing it all before anybody reads cannot block. Its end may be gone already, which the exit status will say. */
static void write_input(int end, const char *input) {
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);
    size_t len = input != NULL ? strlen(input) : 0;
    if (len > 0 && write(end, input, len) < 0 && errno != EPIPE) {
        fprintf(stderr, "hoi: %s\n", strerror(errno));
    }
    close(end);
    signal(SIGPIPE, before);
}

/* A line of JSON with a status is the refusal; anything else is passed on. */
static void read_errors(struct hoid_process *process, int end) {
    char *line = NULL;
    size_t capacity = 0;
    FILE *errors = fdopen(end, "r");
    while (errors != NULL && getline(&line, &capacity, errors) > 0) {
        json_t *object = *line == '{' ? json_loads(line, 0, NULL) : NULL;
        if (json_is_integer(json_object_get(object, "status"))) {
            json_decref(process->refusal);
            process->refusal = object;
        } else {
            json_decref(object);
            fputs(line, stderr);
        }
    }
    free(line);
    if (errors != NULL) {
        fclose(errors);
    } else {
        close(end);
    }
}

enum status hoid_process_run(struct hoid_process *process) {
    int input[2] = {-1, -1}, errors[2] = {-1, -1}, ended = 0;
    process->refusal = NULL;
    process->exit_status = EXIT_DEFECT;
    fflush(NULL);
    if (pipe2(input, O_CLOEXEC) != 0 || pipe2(errors, O_CLOEXEC) != 0) {
        return refusal_say(STATUS_INTERNAL, "what", strerror(errno), NULL);
    }
    pid_t child = fork();
    if (child == 0) {
        become(process, input[0], errors[1]);
    }
    close(input[0]);
    close(errors[1]);
    if (child < 0) {
        close(input[1]);
        close(errors[0]);
        return refusal_say(STATUS_INTERNAL, "what", strerror(errno), NULL);
    }
    write_input(input[1], process->input);
    read_errors(process, errors[0]);
    while (waitpid(child, &ended, 0) < 0 && errno == EINTR) {}
    process->exit_status = WIFEXITED(ended) ? WEXITSTATUS(ended) : EXIT_DEFECT;
    if (process->exit_status == EXIT_NOT_STARTED) {
        return refusal_say(STATUS_INTERNAL, "what", _("the program hoid was not found: it belongs beside hoi"), NULL);
    }
    return STATUS_OK;
}

int hoid_process_tell(struct hoid_process *process) {
    if (process->refusal != NULL) {
        refusal_response(process->refusal);
    } else if (process->exit_status != 0) {
        char number[16];
        snprintf(number, sizeof number, "%d", process->exit_status);
        char *what = text_format(_("hoid ended with status {number}"), "number", number, NULL);
        refusal_say(STATUS_INTERNAL, "what", what, NULL);
        free(what);
    }
    json_decref(process->refusal);
    process->refusal = NULL;
    return process->exit_status;
}
