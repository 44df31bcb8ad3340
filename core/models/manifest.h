/* Model packages: a folder with manifest.json and an ONNX file. Depends on base/json.h,
 * imaging, session/session.h. Format: core/models/README.md.
 *
 * Manifests are read-only once loaded and may be shared by threads. Errors: GONIO_MODEL_ERROR;
 * the message names file and JSON path, or both sides of a mismatch. */
#pragma once

#include "core/session/session.h"

G_BEGIN_DECLS

enum {
  GONIO_MODEL_MAX_LANDMARKS = 256,
  GONIO_MODEL_MAX_LABELS = 64,
  GONIO_MODEL_MAX_EXTRAS = 4,
  GONIO_MODEL_MAX_GROUPS = 32,
  GONIO_MODEL_MAX_PASSES = 8,
  GONIO_MODEL_MAX_CALIBRATION = 32,
};

typedef enum {
  GONIO_TASK_DEWARP,
  GONIO_TASK_LANDMARKS,
  GONIO_TASK_CLASSIFY_VIEW,
} GonioModelTask;

typedef enum {
  GONIO_RESIZE_LETTERBOX, /* whole picture, aspect kept, centred on padding */
  GONIO_RESIZE_STRETCH,   /* whole picture, aspect lost */
  GONIO_RESIZE_CROP,      /* centre of the picture, aspect kept, no padding */
} GonioResize;

typedef enum {
  GONIO_POLARITY_ANY, /* as displayed */
  GONIO_POLARITY_BONE_WHITE,
  GONIO_POLARITY_BONE_BLACK,
} GonioPolarity;

typedef struct {
  char *name;                    /* of the ONNX input, [1, channels, height, width] float */
  guint channels, width, height; /* 1 or 3 channels; grey pictures are repeated */
  GonioResize resize;
  double pad;      /* outside the picture, in units of range before mean and std */
  double range[2]; /* black and white */
  double mean[3], std[3];
  GonioPolarity polarity;
} GonioModelInput;

typedef enum {
  GONIO_OUTPUT_HEATMAP,
  GONIO_OUTPUT_SIMCC,
  GONIO_OUTPUT_POINTS,
  GONIO_OUTPUT_BACKWARD_MAP,
  GONIO_OUTPUT_CORNERS,
  GONIO_OUTPUT_LOGITS,
} GonioOutputKind;

typedef enum {
  GONIO_HEATMAP_SOFT_ARGMAX,
  GONIO_HEATMAP_DARK,
  GONIO_HEATMAP_ARGMAX
} GonioHeatmapDecode;
typedef enum {
  GONIO_ACTIVATION_NONE,
  GONIO_ACTIVATION_SOFTMAX,
  GONIO_ACTIVATION_SIGMOID
} GonioActivation;

typedef struct {
  GonioOutputKind kind;
  char *tensor;   /* simcc: x */
  char *tensor_y; /* simcc only */

  /* heatmap [1, landmarks, height / stride, width / stride] */
  double stride;
  GonioHeatmapDecode decode;
  guint radius;         /* cells either side of the peak */
  double sigma_scale;   /* standard error = scale * spread ... */
  double *sigma_scales; /* ... or one per landmark; nullable */
  guint n_sigma_scales;
  gboolean score_mass; /* confidence from the mass round the peak, else from its height */

  double bins;           /* simcc: bins per input pixel */
  gboolean normalized;   /* points, corners: 0..1 of the input; backward map: always -1..1 */
  gboolean visibility;   /* points: a third component says whether the point is there */
  gboolean corner_nodes; /* backward map: first and last node on the edges, else half a cell in */
  GonioActivation activation; /* simcc, points' visibility, logits */
  double sigma;  /* points: standard error in input px that metrics found; 0: unknown */
  char **labels; /* logits */
  char *role;    /* extra outputs: "kind", "side", "view", ...; nullable */
} GonioModelOutput;

/* A closer look at groups of landmarks after the first. */
typedef struct {
  guint n_groups;
  guint *group_sizes;
  guint **groups;        /* landmark indices */
  double extent;         /* side of the crop by the longer side of the group's bounding box */
  double floor;          /* smallest side by the longer side of the picture */
  double min_confidence; /* points below do not shape the crop */
  gboolean mirrored;     /* each look is taken once more in the mirror, and both are averaged */
  guint passes;
} GonioModelRefine;

typedef struct {
  gatomicrefcount refs;
  char *path; /* of manifest.json */
  char *model_path;
  char *id, *version;
  GonioModelTask task;
  gint64 size;
  char *sha256;                                          /* lower-case hex */
  char *license, *attribution, *intended_use, *training; /* nullable but license */
  GonioModelInput input;
  GonioModelOutput output;
  GonioModelOutput extras[GONIO_MODEL_MAX_EXTRAS];
  guint n_extras;
  char **landmarks; /* ordered ids; NULL unless task is landmarks */
  guint n_landmarks;
  guint (*flip_pairs)[2];
  guint n_flip_pairs;
  char **views;             /* that the model was made for; NULL: any */
  GonioModelRefine refine;  /* passes 0: none */
  double present_threshold; /* the picture shows the view when the landmarks' mean presence ... */
  double accept_confidence; /* ... and mean raw confidence reach these */
  guint partial;            /* > 0: the picture may show a part; at least so many landmarks, and the
                               means run over those said to be present */
  double min_tilt; /* dewarp: degrees from which its correction beats leaving the tilt alone */
  double (*calibration)[2]; /* raw confidence -> chance; ascending; NULL: as it is */
  guint n_calibration;
} GonioManifest;

/* Reads and validates; does not touch the ONNX file. */
GonioManifest *gonio_manifest_load (const char *path, GError **error);
/* folder: where the ONNX file would lie. */
GonioManifest *gonio_manifest_load_bytes (GBytes *bytes, const char *name, const char *folder,
                                          GError **error);
GonioManifest *gonio_manifest_ref (GonioManifest *manifest);
void gonio_manifest_unref (GonioManifest *manifest);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GonioManifest, gonio_manifest_unref)

const char *gonio_model_task_name (GonioModelTask task);
/* The ONNX file is there, has the stated size and SHA-256. Blocking, reads the whole file.
 * GONIO_MODEL_ERROR_CHECKSUM. */
gboolean gonio_manifest_verify (const GonioManifest *manifest, GCancellable *cancellable,
                                GError **error);
/* Names, types, ranks and sizes of the network's ports are those the manifest claims.
 * GONIO_MODEL_ERROR_MISMATCH names both sides. */
gboolean gonio_manifest_check_ports (const GonioManifest *manifest, const GonioPort *inputs,
                                     guint n_inputs, const GonioPort *outputs, guint n_outputs,
                                     GError **error);
/* Extra output with that role, or NULL. */
const GonioModelOutput *gonio_manifest_extra (const GonioManifest *manifest, const char *role);
/* Raw confidence -> calibrated chance, piecewise linear, 0..1. */
double gonio_manifest_calibrate (const GonioManifest *manifest, double raw);

G_END_DECLS
