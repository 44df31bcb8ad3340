/* What a measurement of one picture says. Plain data, JSON in and out. Depends on
 * imaging/transform.h (points), base. Schema: core/measure/README.md. */
#pragma once

#include "core/imaging/image.h"
#include "core/imaging/transform.h"

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

#define GONIO_RESULT_SCHEMA 1

typedef enum {
  GONIO_CONFIDENCE_NONE, /* not found or skipped */
  GONIO_CONFIDENCE_LOW,
  GONIO_CONFIDENCE_HIGH,
} GonioConfidence;

/* A landmark below this confidence is shown and reported as low; below the second it counts as
 * not found. */
#define GONIO_CONFIDENT        0.5
#define GONIO_CONFIDENCE_FOUND 0.25

/* A landmark. Frame: pixels of the original picture (after EXIF/DICOM orientation). */
typedef struct {
  char *id; /* protocol's id, e.g. "mt1_prox" */
  GonioPoint position;
  double sigma;      /* standard deviation per axis, original px; 0 when set by hand */
  double confidence; /* 0..1: calibrated chance that the landmark is in the picture at the
                        place; 1 when set by hand. Position NAN: said to be absent */
  gboolean edited;
  gboolean skipped;
  gboolean locked;     /* a person wants it left alone; not stored */
  GonioPoint proposed; /* model's own answer, kept for "restore" */
  double proposed_sigma, proposed_confidence;
} GonioLandmark;

/* What a measure means on the picture, for the overlay: two directed lines and the vertex. */
typedef struct {
  GonioPoint a[2]; /* first line, original px */
  GonioPoint b[2]; /* second line */
  gboolean has_b;
} GonioMeasureGeometry;

typedef struct {
  char *id; /* protocol's measure id, e.g. "hva" */
  GonioSide side;
  gboolean valid; /* FALSE: value means nothing, problem says why */
  char *problem;  /* nullable, words */
  double value;   /* in unit */
  char *unit;     /* "deg", "mm", "ratio" */
  double se;      /* standard error from the landmarks, same unit */
  char *grade;    /* id of the grade, nullable */
  gboolean in_reference;
  gboolean low_confidence;
  double reference_low, reference_high; /* NAN when open */
  double human_error;                   /* 95 % between readers, same unit; NAN when not known */
  GonioMeasureGeometry geometry;
  gboolean has_geometry; /* also invalid measures may have lines to show */
  char **missing;        /* ids of its landmarks that were not found; nullable when none */
} GonioMeasurement;

typedef struct {
  char *kind;      /* "none", "crop" (turned and cut out, angles as they were), "homography",
                         "homography+lens", "polynomial-3", "polynomial-5", "grid" */
  char *source;    /* "model", "manual", "off" */
  double residual; /* fraction of the picture's diagonal by which the model's map departs
                      from the fitted transform */
  double tilt_deg; /* camera tilt against the film; 0 when unknown */
  gboolean doubtful;
  char *reason;          /* nullable, words */
  GonioPoint corners[4]; /* of the film in the original picture; valid with has_corners */
  gboolean has_corners;
} GonioRectification;

/* The state in which a clinician finds the picture. */
typedef enum {
  GONIO_STATE_QUEUED,
  GONIO_STATE_WORKING,
  GONIO_STATE_TO_CHECK,
  GONIO_STATE_NO_ANSWER,
  GONIO_STATE_FAILED,
  GONIO_STATE_CONFIRMED,
} GonioResultState;

/* A look for one view's landmarks. */
typedef struct {
  char *view;
  double presence, confidence; /* means that the model's manifest judges by */
  guint found, landmarks;      /* said to be there, of how many */
  gboolean accepted;           /* the picture shows the view */
} GonioAttempt;

typedef struct {
  char *file;  /* as given */
  char *error; /* nullable */
  GonioResultState state;
  GPtrArray *reasons;  /* char*: why it wants a check, in words; never NULL */
  char *refusal;       /* why nothing was measured: GONIO_REFUSAL_...; nullable */
  GPtrArray *attempts; /* GonioAttempt*, as they were made; empty when no view was tried */
  char *view;          /* "foot-dp", ..., "other"; nullable when unknown */
  double view_confidence;
  GonioSide side;
  char *side_source; /* "dicom", "landmarks", "classifier", "user"; nullable */
  char *protocol;    /* id; nullable */
  char *protocol_version;
  GonioRectification rectification;
  GPtrArray *landmarks; /* GonioLandmark* */
  GPtrArray *measures;  /* GonioMeasurement* */
  /* provenance */
  char *input_sha256;
  GPtrArray *models;    /* GonioModelUse* */
  char *backend;        /* all of backends in words: "cpu (device; driver), ..." */
  char *backend_choice; /* what was asked for: "auto", or names; nullable: not said */
  GPtrArray *backends;  /* GonioBackendUse*: what was on offer, most preferred first */
  char *precision;      /* that graphics cards were asked for: "fp32", "fp16"; nullable: not said */
  double networks_ms;   /* of timings, what running the networks took; NAN when not known */
  char *program_version;
  GPtrArray *timings; /* GonioStageTime* */
  char *input_format;
  guint width, height; /* original picture */
  char **left_out;     /* backends that might have been used and why they were not, in words:
                        * "gl-compute: a software rasteriser"; nullable */
} GonioResult;

#define GONIO_REFUSAL_TAG          "tag"          /* the file says that it shows something else */
#define GONIO_REFUSAL_CLASSIFIER   "classifier"   /* so does the classifier, which is sure */
#define GONIO_REFUSAL_NOT_ACCEPTED "not-accepted" /* no landmark network found its view */
#define GONIO_REFUSAL_NO_MODEL     "no-model"
#define GONIO_REFUSAL_NO_MEASURE   "no-measure" /* the view is clear, no measure could be taken */

typedef struct {
  char *backend;
  guint nodes;
} GonioNodeCount;

typedef struct {
  char *id, *version, *sha256, *task;
  char *placement;  /* nodes in words */
  GPtrArray *nodes; /* GonioNodeCount*: how many ran on which backend, most preferred first */
  char **given_up;  /* what backends of the list were given up for, in words ("gl-compute: the
                     * driver was reset"); nullable */
} GonioModelUse;

typedef struct {
  char *name;
  char *device, *driver; /* nullable */
} GonioBackendUse;

typedef struct {
  char *stage; /* "decode", "rectify", "view", "landmarks", "measure" */
  double ms;
} GonioStageTime;

/* Everything unknown: no view, no landmarks, rectification "none" / "off". Reference counting
 * is thread-safe, the contents are not guarded. */
GonioResult *gonio_result_new (const char *file);
GonioResult *gonio_result_ref (GonioResult *result);
void gonio_result_unref (GonioResult *result);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GonioResult, gonio_result_unref)
GonioResult *gonio_result_copy (const GonioResult *result);                 /* deep */
GonioLandmark *gonio_result_landmark (GonioResult *result, const char *id); /* nullable */
/* Not found yet: position NAN, confidence 0. */
GonioLandmark *gonio_landmark_new (const char *id);
void gonio_landmark_free (GonioLandmark *landmark);
GonioConfidence gonio_landmark_level (const GonioLandmark *landmark);
/* Nothing measured: value NAN, invalid. */
GonioMeasurement *gonio_measurement_new (const char *id);
void gonio_measurement_free (GonioMeasurement *measurement);
GonioMeasurement *gonio_result_measure (GonioResult *result, const char *id); /* nullable */
GonioModelUse *gonio_model_use_new (const char *id, const char *version, const char *sha256,
                                    const char *task, const char *placement);
void gonio_model_use_add_nodes (GonioModelUse *use, const char *backend, guint nodes);
/* device, driver: nullable. */
void gonio_result_add_backend (GonioResult *result, const char *name, const char *device,
                               const char *driver);
/* (transfer none) */
GonioAttempt *gonio_result_add_attempt (GonioResult *result, const char *view);
/* NULL: none. */
void gonio_result_set_refusal (GonioResult *result, const char *refusal);
void gonio_result_add_time (GonioResult *result, const char *stage, double ms);
/* Adds a reason in words unless it is there already. */
void gonio_result_add_reason (GonioResult *result, const char *reason);
const char *gonio_side_name (GonioSide side); /* "left", "right", "both"; NULL when unknown */
const char *gonio_result_state_name (GonioResultState state); /* "to-check", ... */

/* One object of "results". (transfer full) */
JsonNode *gonio_result_to_json (const GonioResult *result);
GonioResult *gonio_result_from_json (JsonNode *node, GError **error);
/* {"schema": 1, "results": [...]}; (transfer full), pretty-printed. */
char *gonio_results_to_string (GPtrArray *results);
/* The reverse: GonioResult* with a free function. Fields that are not known are passed over,
 * another schema is refused. GONIO_MEASURE_ERROR_RESULT names name and JSON path. */
GPtrArray *gonio_results_from_bytes (GBytes *bytes, const char *name, GError **error);

G_END_DECLS
