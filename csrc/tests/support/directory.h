/* directory.h: one scratch directory of a test program, made anew for each test that asks. */
#ifndef CC_TESTS_DIRECTORY_H
#define CC_TESTS_DIRECTORY_H

extern char directory[256]; /* "" before the first fresh_directory */

/* Removes the previous one and makes an empty one under TMPDIR or /tmp. */
void fresh_directory(void);

#endif
