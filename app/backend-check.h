/* The self-test of a backend whose driver comes with the machine. It runs in a process of its own
 * with a time limit, so that a driver that crashes or hangs is found out instead of taking the
 * program along. The outcome is kept in the user's cache folder for as long as device, driver,
 * program and backend stay the same. Depends on backend-cases.h. */
#pragma once

#include "app/backend-cases.h"

G_BEGIN_DECLS

typedef enum {
  GONIO_CHECK_PASSED,
  GONIO_CHECK_FAILED,  /* a kernel computes wrongly, or cannot be run though it was claimed */
  GONIO_CHECK_CRASHED, /* the process ended before its time */
  GONIO_CHECK_LATE,    /* and was ended after it */
} GonioCheckOutcome;

typedef struct {
  char *family, *name;
  GonioCaseState state;
  char *text; /* what is wrong, or why it is not claimed; nullable */
} GonioCheckRow;

typedef struct {
  GonioCheckOutcome outcome;
  char *reason;  /* why it is refused, the kernel named; NULL when it passed */
  char *date;    /* when it ran: ISO 8601, UTC */
  gboolean kept; /* read from the cache, not run now */
  GPtrArray *rows;
  double device_ms, host_ms; /* of the same piece of network; both 0 when not measured */
} GonioBackendCheck;

void gonio_backend_check_free (GonioBackendCheck *check);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GonioBackendCheck, gonio_backend_check_free)

/* How many rows are in that state. */
guint gonio_backend_check_count (const GonioBackendCheck *check, GonioCaseState state);
/* How many times as fast as the processor; 0 when not measured. */
double gonio_backend_check_speed (const GonioBackendCheck *check);

/* The kept outcome, or that of a run now (fresh: always that), which takes seconds, at most
 * GONIO_SELF_TEST_SECONDS of the environment (60) and then some for another process that runs the
 * same. info: as the backend's probe filled it. NULL with GONIO_BACKEND_ERROR_FAILED: it cannot be
 * run at all; with G_IO_ERROR_CANCELLED: its process was ended, nothing is kept. cancellable:
 * nullable. Blocking; any thread. */
GonioBackendCheck *gonio_backend_check (const GonioBackendDef *def, const GonioBackendInfo *info,
                                        GonioPrecision precision, gboolean fresh,
                                        GCancellable *cancellable, GError **error);

/* First thing in main: TRUE when the process was started for a self-test, which has then been run;
 * main returns *out_status. A program that does not call it cannot run self-tests, only read kept
 * ones. all: the program's backends, NULL-terminated, the reference last. */
gboolean gonio_backend_check_main (const GonioBackendDef *const *all, int argc, char **argv,
                                   int *out_status);

/* Does a process of its own survive to ask the driver what it offers?
 * GONIO_BACKEND_ERROR_UNAVAILABLE if not, G_IO_ERROR_CANCELLED if cancelled. TRUE in a program that
 * cannot run self-tests. Blocking, 5 s at most; any thread. */
gboolean gonio_backend_check_start (const GonioBackendDef *def, GCancellable *cancellable,
                                    GError **error);

/* For tests: forgets what this process knows, not what is kept on disk. */
void gonio_backend_check_forget (void);

/* ---- backend-check-file.c ---- */

/* What an outcome holds for. (transfer full) */
char *gonio_backend_check_key (const GonioBackendDef *def, const GonioBackendInfo *info,
                               GonioPrecision precision);
/* Where it is kept. (transfer full) */
char *gonio_backend_check_path (const GonioBackendDef *def, const char *key);
/* NULL when there is no file, or none of that key that can be trusted. */
GonioBackendCheck *gonio_backend_check_load (const char *path, const char *key);
gboolean gonio_backend_check_save (const GonioBackendCheck *check, const char *path,
                                   const char *key, GError **error);
/* A row for the list. */
void gonio_backend_check_add (GonioBackendCheck *check, const char *family, const char *name,
                              GonioCaseState state, const char *text);
GonioBackendCheck *gonio_backend_check_new (void);

G_END_DECLS
