/* replay_main.c: runs a fuzz entry point over every file of a corpus folder, without libFuzzer,
 * so that the gate replays all inputs that ever mattered under any compiler and sanitizer.
 *
 * replay_NAME CHANGES FOLDER...: then also each input with one byte changed, in four ways, byte after byte; when that
 * makes more than CHANGES runs a folder, only of every n-th byte. */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
    uint64_t size;    /* bytes of all inputs */
    uint64_t changes; /* runs with a changed byte that are allowed */
    uint64_t files, runs;
} replay;

/* An exact-size copy, so that a sanitizer sees a read past the end. */
static uint8_t *read_file(const char *path, size_t *size_out) {
    FILE *file = fopen(path, "rb");
    long size = -1;
    if (file != NULL && fseek(file, 0, SEEK_END) == 0)
        size = ftell(file);
    uint8_t *data = size < 0 ? NULL : malloc(size != 0 ? (size_t)size : 1);
    if (data != NULL &&
        (fseek(file, 0, SEEK_SET) != 0 || fread(data, 1, (size_t)size, file) != (size_t)size)) {
        free(data);
        data = NULL;
    }
    if (file != NULL)
        fclose(file);
    *size_out = size < 0 ? 0 : (size_t)size;
    return data;
}

static void change_bytes(replay *self, uint8_t *data, size_t size) {
    uint64_t step = self->changes == 0 ? 0 : (4 * self->size + self->changes - 1) / self->changes;
    for (size_t at = 0; step != 0 && at < size; at += step) {
        const uint8_t was = data[at];
        const uint8_t others[4] = {(uint8_t)(was + 1), (uint8_t)(was ^ 0x80), 0, 0xff};
        for (int i = 0; i < 4; i++) {
            data[at] = others[i];
            (void)LLVMFuzzerTestOneInput(data, size);
        }
        data[at] = was;
        self->runs += 4;
    }
}

static bool replay_file(replay *self, const char *path, bool count_only) {
    size_t size;
    uint8_t *data = read_file(path, &size);
    if (data == NULL) {
        fprintf(stderr, "cannot read %s\n", path);
        return false;
    }
    if (count_only) {
        self->size += size;
    } else {
        (void)LLVMFuzzerTestOneInput(data, size);
        change_bytes(self, data, size);
        self->files++;
    }
    free(data);
    return true;
}

static bool replay_folder(replay *self, const char *name, bool count_only) {
    DIR *folder = opendir(name);
    bool good = folder != NULL;
    if (!good)
        fprintf(stderr, "no corpus folder %s\n", name);
    for (struct dirent *entry; good && (entry = readdir(folder)) != NULL;) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", name, entry->d_name);
        good = entry->d_name[0] == '.' || replay_file(self, path, count_only);
    }
    if (folder != NULL)
        closedir(folder);
    return good;
}

int main(int argc, char **argv) {
    replay self = {.changes = argc > 1 ? strtoull(argv[1], NULL, 10) : 0};
    bool good = argc > 2;
    for (int i = 2; i < argc && good; i++) {
        self.size = 0;
        good = replay_folder(&self, argv[i], true) && replay_folder(&self, argv[i], false);
    }
    printf("%llu inputs replayed, and %llu changes of one byte\n", (unsigned long long)self.files,
           (unsigned long long)self.runs);
    return good && self.files != 0 ? 0 : 1;
}
