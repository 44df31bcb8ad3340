/* What measures, and the settings that say on what. A change of settings makes a new pipeline off
 * the main thread; jobs under way finish with the old one. GObject, main thread only. Depends on
 * core's pipeline. */
#pragma once

#include "core/pipeline/pipeline.h"

G_BEGIN_DECLS

/* A backend of this program, on this machine. */
typedef struct {
  char *name;         /* "gl-compute" */
  char *device;       /* nullable */
  char *driver;       /* nullable */
  char *problem;      /* why it cannot be used here, in words; NULL: it can */
  gboolean graphics;  /* a graphics card's: the precision matters to it */
  gboolean decided;   /* it is known whether automatic takes it: ... */
  gboolean automatic; /* ... it does */
  char *passed_over;  /* ... why not, in words; nullable */
} GonioEngineBackend;
void gonio_engine_backend_free (GonioEngineBackend *backend);

/* What the program knows and the window must not. Called on worker threads, two at most. */
typedef struct {
  /* GonioEngineBackend* with a free function, most preferred first. decide: also what automatic
   * takes, which may need a minute on a new machine; undecided when cancelled. */
  GPtrArray *(*list_backends) (gboolean decide, GCancellable *cancellable);
  /* backend: GONIO_ENGINE_AUTO or a name, perhaps one that is not there: something that measures
   * comes first. out_note: why it is not what was asked for, in words; NULL when it is. May need a
   * minute too. */
  GonioPipeline *(*open_pipeline) (const char *backend, GonioPrecision precision,
                                   GCancellable *cancellable, char **out_note, GError **error);
  /* One that needs no such time. */
  GonioPipeline *(*open_at_once) (GError **error);
} GonioEngineSource;

#define GONIO_ENGINE_AUTO "auto"

#define GONIO_TYPE_ENGINE (gonio_engine_get_type ())
G_DECLARE_FINAL_TYPE (GonioEngine, gonio_engine, GONIO, ENGINE, GObject)

/* settings: keys "backend" and "precision" are followed and written; NULL: kept for this run only.
 * Starts to open the first pipeline. Signal "changed": any of the answers below. */
GonioEngine *gonio_engine_new (const GonioEngineSource *source, GSettings *settings);
/* Cancels what is being opened, waits for the workers; nothing is opened or told any more, and the
 * pipeline is given back. Waits for what is measured and closed elsewhere, too (gonio_busy_wait()):
 * stop that first. Before the program ends: neither drivers nor exit handlers like threads in the
 * middle of something. */
void gonio_engine_shut_down (GonioEngine *self);

const char *gonio_engine_get_backend (GonioEngine *self);
void gonio_engine_set_backend (GonioEngine *self, const char *backend);
GonioPrecision gonio_engine_get_precision (GonioEngine *self);
void gonio_engine_set_precision (GonioEngine *self, GonioPrecision precision);
gboolean gonio_engine_is_persistent (GonioEngine *self); /* settings outlive the program */

/* May pictures be measured? FALSE while something is being opened; when the program has just begun
 * and that takes too long, what could be opened at once serves meanwhile. */
gboolean gonio_engine_is_ready (GonioEngine *self);
gboolean gonio_engine_is_busy (GonioEngine *self); /* something is being opened */
/* The latest that could be opened, perhaps by former settings; nullable, borrowed. */
GonioPipeline *gonio_engine_get_pipeline (GonioEngine *self);
/* Why the settings' pipeline could not be opened, in words; NULL: it was, or is being. */
const char *gonio_engine_get_error (GonioEngine *self);
/* Why it is not what the settings ask for, in words; nullable. */
const char *gonio_engine_get_note (GonioEngine *self);

/* Asks the machine; "changed" tells when the list is there, and again when it is decided. */
void gonio_engine_look_at_backends (GonioEngine *self);
/* GonioEngineBackend*; NULL before the first look. */
GPtrArray *gonio_engine_get_backends (GonioEngine *self);

G_END_DECLS
