/* Which of the program's backends take part, and why the others do not. Depends on
 * backend-check.h. */
#pragma once

#include "app/backend-check.h"

G_BEGIN_DECLS

/* One backend that was considered. */
typedef struct {
  const GonioBackendDef *def;
  char *name; /* def->name */
  gboolean taken;
  char *reason;          /* why it is left out, in words; NULL when it is taken */
  char *device, *driver; /* as the probe says; NULL when it was not asked or failed */
  double speed;          /* times as fast as the processor in the self-test; 0: not known */
} GonioBackendChoice;

/* Set to 1: a software rasteriser is chosen as if it were a card, whatever its speed. For tests. */
#define GONIO_GL_SOFTWARE_VARIABLE "GONIO_GL_SOFTWARE"

/* Set to "off": named backends are taken without a self-test. For who works on one, and for looking
 * into a driver that fails. */
#define GONIO_SELF_TEST_VARIABLE "GONIO_SELF_TEST"

/* As gonio_backends_choose_for(), over a table in order of preference, NULL-terminated, whose last
 * backend runs everything. */
const GonioBackendDef **gonio_backend_choice_make (const GonioBackendDef *const *all,
                                                   const char *list, GonioPrecision precision,
                                                   GPtrArray **out_choices,
                                                   GCancellable *cancellable, GError **error);

/* "gl-compute: a software rasteriser ..." for each that was not taken; NULL-terminated, as
 * GonioPipelineOptions wants it. (transfer full) */
char **gonio_backend_choices_left_out (const GPtrArray *choices);

G_END_DECLS
