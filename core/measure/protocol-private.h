/* What a loaded protocol holds, shared by loader, evaluation and accessors inside this folder.
 * Depends on measure/protocol.h, geometry.h. */
#pragma once

#include "core/measure/geometry.h"
#include "core/measure/protocol.h"

G_BEGIN_DECLS

/* After sides have been expanded. */
enum {
  GONIO_PROTOCOL_MAX_LANDMARKS = 256,
  GONIO_PROTOCOL_MAX_CONSTRUCTIONS = 512,
  GONIO_PROTOCOL_MAX_MEASURES = 256,
  GONIO_PROTOCOL_MAX_POINTS = 32, /* of one construction */
  GONIO_PROTOCOL_MAX_GRADES = 16,
};

/* Language code -> text; always has "en". */
typedef GHashTable GonioText;

/* Anatomical directions of one side, a quarter turn apart in this order: with m the chirality,
 * turning by m * 90 degrees (clockwise on the screen for m = +1) leads from each to the next. */
typedef enum {
  GONIO_DIRECTION_NONE = -1,
  GONIO_DIRECTION_DISTAL,
  GONIO_DIRECTION_LATERAL,
  GONIO_DIRECTION_PROXIMAL,
  GONIO_DIRECTION_MEDIAL,
} GonioDirection;

typedef enum {
  GONIO_ELEMENT_LANDMARK,
  GONIO_ELEMENT_LINE, /* also "axis" */
  GONIO_ELEMENT_MIDPOINT,
  GONIO_ELEMENT_PERPENDICULAR,
  GONIO_ELEMENT_PARALLEL,
  GONIO_ELEMENT_CIRCLE,
  GONIO_ELEMENT_TANGENT,
  GONIO_ELEMENT_HORIZONTAL,
  GONIO_ELEMENT_VERTICAL,
  GONIO_ELEMENT_INTERSECTION,
} GonioElementKind;

/* A landmark or a construction. Indices refer to GonioProtocol.nodes; -1: none. */
typedef struct {
  GonioElementKind kind;
  char *id;
  GonioSide side;
  GonioText *name;  /* nullable for constructions */
  GonioText *where; /* landmarks */
  int *points;      /* line, midpoint, circle */
  guint n_points;
  int line[2]; /* perpendicular/parallel: [0]; intersection: both; tangent: [0] the circle */
  int through; /* perpendicular, parallel, horizontal, vertical; tangent: from */
  int along;   /* line that resolves the direction */
  GonioDirection direction; /* which way the line runs by definition */
  gboolean draw;
} GonioElement;

typedef enum {
  GONIO_MEASURE_ANGLE,
  GONIO_MEASURE_ANGLE_AT_VERTEX,
  GONIO_MEASURE_DISTANCE,
  GONIO_MEASURE_RATIO,
  GONIO_MEASURE_DIFFERENCE,
} GonioMeasureKind;

typedef struct {
  char *id;
  GonioText *label;
  double low, high;
  int severity;
} GonioGrade;

typedef struct {
  GonioMeasureKind kind;
  char *id, *abbreviation, *unit;
  GonioSide side;
  GonioText *name, *definition, *reliability_note;
  char *reliability, *reference_source, *human_error_source;
  int lines[2];  /* nodes */
  int points[4]; /* nodes */
  guint n_points;
  int of[2]; /* measures */
  GonioDirection positive;
  GonioSide frame; /* whose chirality the sign uses */
  double offset;
  int decimals;
  double step;
  double reference_low, reference_high, human_error, axis_low, axis_high;
  GArray *grades; /* GonioGrade */
  int *order;     /* nodes this measure hangs on, dependencies first */
  guint n_order;
  char **landmarks; /* ids */
} GonioMeasure;

/* Pairs of nodes, from the first to the second of which a direction leads; best first. */
#define GONIO_FRAME_MAX_PAIRS 3
typedef struct {
  guint n_pairs;
  int nodes[2 * GONIO_FRAME_MAX_PAIRS];
} GonioFrameDirection;

/* Landmarks from which a side's chirality follows. */
typedef struct {
  gboolean set;
  GonioFrameDirection lateral, distal;
} GonioFrame;

struct _GonioProtocol {
  gatomicrefcount refs;
  char *id, *version, *view;
  GonioText *title;
  gboolean both_sides;
  gboolean from_behind;
  GArray *nodes; /* GonioElement: n_landmarks landmarks, then constructions */
  guint n_landmarks;
  GArray *measures;     /* GonioMeasure */
  int *order;           /* all nodes, dependencies first */
  GonioFrame frames[2]; /* right, left; one-sided views: both the same */
};

static inline const GonioElement *
gonio_protocol_element (const GonioProtocol *protocol, int i)
{
  return &g_array_index (protocol->nodes, GonioElement, i);
}

static inline const GonioMeasure *
gonio_protocol_row (const GonioProtocol *protocol, guint i)
{
  return &g_array_index (protocol->measures, GonioMeasure, i);
}

/* Text in lang ("ko", "ko_KR", ...), else English; NULL for a NULL text. */
const char *gonio_text_get (const GonioText *text, const char *lang);

/* ---- evaluation (constructions.c) ---- */

typedef enum {
  GONIO_FIGURE_OK,
  GONIO_FIGURE_MISSING,    /* a landmark is not there; node says which */
  GONIO_FIGURE_OUTSIDE,    /* a landmark has no place in the rectified picture */
  GONIO_FIGURE_DEGENERATE, /* points coincide, lines parallel, ...; node says where */
} GonioFigureState;

/* p[0] alone for points; p[0]..p[1] for lines. radius for circles. */
typedef struct {
  GonioFigureState state;
  int node; /* the one at fault */
  GonioPoint p[2];
  double radius;
} GonioFigure;

/* Fills values[] of the nodes in order (dependencies first); landmarks' values are given. */
void gonio_constructions_evaluate (const GonioProtocol *protocol, const int *order, guint n_order,
                                   GonioFigure *values);
/* +1 or -1: sense of the turn distal -> lateral, 0 when it does not follow from the points. */
int gonio_frame_chirality (const GonioFrame *frame, const GonioFigure *values);

/* Everything a measure needs to be computed again and again with moved landmarks. */
typedef struct {
  const GonioProtocol *protocol;
  const GonioTransform *to_flat; /* nullable */
  double scale_y;                /* flat px -> isotropic unit in y; x stays */
  double mm;                     /* of that unit; NAN: not calibrated */
  const char *no_mm;             /* then why, in words */
  int chirality[2];              /* right, left; 0: not known */
  GonioPoint *original;          /* per landmark, px of the original picture */
  gboolean *present;             /* per landmark */
  double *sigma;                 /* per landmark, px of the original picture */
  GonioFigure *values;           /* per node */
} GonioEvaluation;

/* Fills values of landmark i from original and present. */
void gonio_evaluation_place (GonioEvaluation *e, guint landmark);
/* Raw value of a measure from e->values (offset included). FALSE: not defined; then
 * out_problem (nullable, transfer full) says why in words. */
gboolean gonio_evaluation_value (const GonioEvaluation *e, guint measure, double *out_value,
                                 char **out_problem);
/* The lines of a measure in isotropic flat units; FALSE when they are not defined. */
gboolean gonio_evaluation_geometry (const GonioEvaluation *e, guint measure, GonioPoint out_a[2],
                                    GonioPoint out_b[2], gboolean *out_has_b);
/* Standard error by central differences in every landmark (uncertainty.c). NAN when it cannot
 * be had. Leaves e as it was. */
double gonio_uncertainty_propagate (GonioEvaluation *e, guint measure);

G_END_DECLS
