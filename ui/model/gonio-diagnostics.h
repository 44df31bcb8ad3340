/* What there is to know about this computer, the models and the picture shown, as sections of rows,
 * and as text for a mail. No widgets. Depends on gonio-engine.h, gonio-where.h, the words of
 * gonio-item.h. */
#pragma once

#include "ui/model/gonio-engine.h"

G_BEGIN_DECLS

typedef struct {
  char *title;
  char *text;
  GPtrArray *details; /* char*: lines behind it, may be empty */
} GonioDiagnosticRow;

typedef struct {
  char *title;
  GPtrArray *rows; /* GonioDiagnosticRow* */
} GonioDiagnosticSection;

typedef struct {
  GonioPipeline *pipeline; /* nullable */
  const char *error;       /* why there is none; nullable */
  const char *note;        /* why it is not what was chosen; nullable */
  GPtrArray *backends;     /* GonioEngineBackend*; nullable: not asked yet */
  const char *choice;      /* as in the settings */
  GonioPrecision precision;
  GPtrArray *libraries;      /* char*: "GTK 4.8.3" */
  const GonioResult *result; /* of the picture shown; nullable */
} GonioDiagnosticFacts;

/* Blocking: waits for a model that is being loaded. GonioDiagnosticSection* with a free function.
 * (transfer full) */
GPtrArray *gonio_diagnostics_collect (const GonioDiagnosticFacts *facts);
/* All of it as plain text. (transfer full) */
char *gonio_diagnostics_to_text (GPtrArray *sections);

G_END_DECLS
