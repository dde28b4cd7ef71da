#include "support/directory.h"

#include <stdlib.h>

#include "support/check.h"

char directory[256];

void fresh_directory(void) {
    char command[600];
    if (directory[0] != '\0') {
        snprintf(command, sizeof command, "rm -rf '%s'", directory);
        CHECK(system(command) == 0);
    }
    const char *base = getenv("TMPDIR");
    snprintf(directory, sizeof directory, "%s/cctestXXXXXX", base != NULL ? base : "/tmp");
    CHECK(mkdtemp(directory) != NULL);
}
