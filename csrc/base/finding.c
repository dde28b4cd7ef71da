/* finding.c: see finding.h. */
#include "base/finding.h"

#include <stdarg.h>
#include <stdio.h>

void cc_found(cc_findings *findings, bool harmless, const char *file, uint64_t offset, const char *format,
              ...) {
    cc_finding finding = {.harmless = harmless, .file = file, .offset = offset};
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(finding.what, sizeof finding.what, format, arguments);
    va_end(arguments);
    if (harmless)
        findings->notices++;
    else
        findings->faults++;
    if (findings->found != NULL)
        findings->found(findings->context, &finding);
}
