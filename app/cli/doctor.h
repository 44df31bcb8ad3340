/* The checks behind gonio-cli doctor. Private to app/cli. */
#pragma once

#include "app/cli/json.h"

G_BEGIN_DECLS

typedef enum {
  GONIO_HEALTH_OK,
  GONIO_HEALTH_NOTE, /* works, but less than it could */
  GONIO_HEALTH_FAIL,
} GonioHealth;

typedef struct {
  GonioHealth health;
  char *name;   /* "backend cpu" */
  char *text;   /* what was found */
  char *advice; /* what to do about it; NULL when all is well */
} GonioFinding;

/* Appends a finding to the list; takes the strings, but for name. advice nullable. */
void gonio_doctor_add (GPtrArray *findings, GonioHealth health, const char *name, char *text,
                       char *advice);

/* Each appends what it found. Blocking. */
void gonio_doctor_processor (GPtrArray *findings);
void gonio_doctor_libraries (GPtrArray *findings);
void gonio_doctor_places (GPtrArray *findings);
void gonio_doctor_display (GPtrArray *findings);
void gonio_doctor_models (GPtrArray *findings);

/* Also returns what it found as GonioBackendReport*. fresh: kept self-tests are run anew. */
typedef struct _GonioBackendReport GonioBackendReport;
GPtrArray *gonio_doctor_backends (GPtrArray *findings, gboolean fresh);
/* Adds it as the member "backends". */
void gonio_doctor_backends_json (JsonBuilder *builder, GPtrArray *reports);

G_END_DECLS
