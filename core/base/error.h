/* Error domains of the whole program. Depends on GLib only.
 *
 * A message says what, where (node, tag, file offset) and what to do. Codes are few: they
 * separate what callers treat differently, not every cause.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Reading a model file or tensor file. */
#define GONIO_LOAD_ERROR (gonio_load_error_quark ())
typedef enum {
  GONIO_LOAD_ERROR_IO,          /* cannot be read at all */
  GONIO_LOAD_ERROR_MALFORMED,   /* not what it claims to be */
  GONIO_LOAD_ERROR_LIMIT,       /* exceeds a budget (size, depth, count) */
  GONIO_LOAD_ERROR_UNSUPPORTED, /* valid, but an operator, type or opset is not implemented */
} GonioLoadError;
GQuark gonio_load_error_quark (void);

/* Building or running a graph. */
#define GONIO_RUN_ERROR (gonio_run_error_quark ())
typedef enum {
  GONIO_RUN_ERROR_INPUT,     /* caller's tensors do not fit the model's inputs */
  GONIO_RUN_ERROR_SHAPE,     /* shapes or types inside the graph contradict each other */
  GONIO_RUN_ERROR_VALUE,     /* a value met at run time is not allowed by the operator */
  GONIO_RUN_ERROR_MEMORY,    /* a budget or an allocation failed */
  GONIO_RUN_ERROR_PLACEMENT, /* strict mode: a node would leave the wanted backend */
  GONIO_RUN_ERROR_CHECK,     /* internal consistency check of the graph failed */
  GONIO_RUN_ERROR_LIMIT,     /* a budget other than memory is spent */
} GonioRunError;
GQuark gonio_run_error_quark (void);

/* A backend: not there, not able, or failed. */
#define GONIO_BACKEND_ERROR (gonio_backend_error_quark ())
typedef enum {
  GONIO_BACKEND_ERROR_UNAVAILABLE,
  GONIO_BACKEND_ERROR_UNSUPPORTED,
  GONIO_BACKEND_ERROR_FAILED,
  GONIO_BACKEND_ERROR_LOST,    /* it worked, and will not again */
  GONIO_BACKEND_ERROR_REFUSED, /* a run met values that it cannot work on */
} GonioBackendError;
GQuark gonio_backend_error_quark (void);

/* Decoding or transforming an image. */
#define GONIO_IMAGE_ERROR (gonio_image_error_quark ())
typedef enum {
  GONIO_IMAGE_ERROR_IO,
  GONIO_IMAGE_ERROR_NOT_IMAGE,   /* recognised, but holds no picture (a report, a plan) */
  GONIO_IMAGE_ERROR_MALFORMED,
  GONIO_IMAGE_ERROR_LIMIT,
  GONIO_IMAGE_ERROR_UNSUPPORTED,
  GONIO_IMAGE_ERROR_MEMORY, /* an allocation failed */
} GonioImageError;
GQuark gonio_image_error_quark (void);

/* Model packages (manifest.json + ONNX file) and their decoders. */
#define GONIO_MODEL_ERROR (gonio_model_error_quark ())
typedef enum {
  GONIO_MODEL_ERROR_MANIFEST, /* manifest missing, malformed or incomplete */
  GONIO_MODEL_ERROR_CHECKSUM,
  GONIO_MODEL_ERROR_MISMATCH, /* manifest and ONNX file disagree */
  GONIO_MODEL_ERROR_OUTPUT,   /* the model's output cannot be decoded */
} GonioModelError;
GQuark gonio_model_error_quark (void);

/* Protocols and measurements. */
#define GONIO_MEASURE_ERROR (gonio_measure_error_quark ())
typedef enum {
  GONIO_MEASURE_ERROR_PROTOCOL, /* protocol file malformed */
  GONIO_MEASURE_ERROR_GEOMETRY, /* degenerate points */
  GONIO_MEASURE_ERROR_RESULT,   /* result JSON malformed */
} GonioMeasureError;
GQuark gonio_measure_error_quark (void);

G_END_DECLS
