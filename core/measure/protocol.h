/* Protocols: which landmarks, which lines, which angles, with which reference. Depends on
 * measure/result.h, json-glib. Immutable after load, thread-safe. Format:
 * core/measure/README.md; files: resources/protocols/<id>.json. */
#pragma once

#include "core/measure/result.h"

G_BEGIN_DECLS

typedef struct _GonioProtocol GonioProtocol;

/* GONIO_MEASURE_ERROR_PROTOCOL names file, JSON path and what is expected there. */
GonioProtocol *gonio_protocol_load (const char *path, GError **error);
GonioProtocol *gonio_protocol_load_bytes (GBytes *bytes, const char *name, GError **error);
GonioProtocol *gonio_protocol_ref (GonioProtocol *protocol);
void gonio_protocol_unref (GonioProtocol *protocol);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GonioProtocol, gonio_protocol_unref)

const char *gonio_protocol_id (const GonioProtocol *protocol);
const char *gonio_protocol_version (const GonioProtocol *protocol);
const char *gonio_protocol_view (const GonioProtocol *protocol);
/* Texts in the language asked for ("ko"), else English. lang NULL: English. */
const char *gonio_protocol_title (const GonioProtocol *protocol, const char *lang);

typedef struct {
  const char *id;
  const char *name;  /* in the language asked for */
  const char *where; /* where to click */
  GonioSide side;    /* UNKNOWN for one-sided views */
} GonioLandmarkText;
guint gonio_protocol_n_landmarks (const GonioProtocol *protocol);
GonioLandmarkText gonio_protocol_landmark (const GonioProtocol *protocol, guint i,
                                           const char *lang);

/* Index or -1. */
int gonio_protocol_find_landmark (const GonioProtocol *protocol, const char *id);
/* TRUE when one picture shows both sides (pelvis, both legs): ids then end in "_r", "_l". */
gboolean gonio_protocol_has_both_sides (const GonioProtocol *protocol);

/* Lines worth drawing whether measured or not (bone axes): pairs of landmark positions. */
typedef struct {
  const char *id;
  const char *name; /* e.g. "first metatarsal axis"; nullable */
} GonioConstructionText;
gboolean gonio_protocol_construction (const GonioProtocol *protocol, const char *id,
                                      const char *lang, GonioConstructionText *out_text);

typedef struct {
  const char *id;           /* "hva" or with side "lcea_r" */
  const char *abbreviation; /* "HVA" */
  const char *name;         /* "Hallux valgus angle" */
  const char *definition;   /* one sentence */
  const char *unit;
  GonioSide side;
  int decimals;                         /* digits to show */
  double step;                          /* display rounding: 1 or 0.5 */
  double reference_low, reference_high; /* NAN when open */
  const char *reference_source;
  double human_error; /* 95 % between readers, same unit; NAN when not known */
  const char *human_error_source;
  const char *reliability; /* "low" or NULL */
  const char *reliability_note;
  double axis_low, axis_high; /* sensible range of a bar that shows the value */
  const char *positive; /* "lateral", "medial", "proximal", "distal": which way counts as plus;
                           NULL: the measure has no such sign */
} GonioMeasureText;
guint gonio_protocol_n_measures (const GonioProtocol *protocol);
GonioMeasureText gonio_protocol_measure (const GonioProtocol *protocol, guint i, const char *lang);
/* Index or -1. */
int gonio_protocol_find_measure (const GonioProtocol *protocol, const char *id);
typedef struct {
  const char *id;    /* "mild" */
  const char *label; /* in words */
  double low, high;  /* NAN when open */
  int severity;      /* 0 normal, 1 mild/borderline, 2 moderate, 3 severe */
} GonioGradeText;
guint gonio_protocol_n_grades (const GonioProtocol *protocol, guint measure);
GonioGradeText gonio_protocol_grade (const GonioProtocol *protocol, guint measure, guint i,
                                     const char *lang);
/* Landmarks a measure hangs on: ids, NULL-terminated, owned by the protocol. */
const char *const *gonio_protocol_measure_landmarks (const GonioProtocol *protocol, guint measure);

/* Language of messages in results: that of the program's translation, "en" without one. */
const char *gonio_text_language (void);

/* Measures everything from result->landmarks and writes result->measures, protocol, and side
 * when it is unknown or came from the landmarks before: a one-sided view's side follows from
 * the landmarks' chirality, a two-sided view's from which side has landmarks. to_flat: original px
 * -> rectified px, in which the geometry is done; NULL: identity. spacing: of the rectified frame,
 * nullable or source NONE: lengths are refused with words, angles assume square pixels unless row
 * and column differ. */
gboolean gonio_protocol_measure_all (const GonioProtocol *protocol, GonioResult *result,
                                     const GonioTransform *to_flat, const GonioSpacing *spacing,
                                     GError **error);
/* In words, why the landmarks contradict the side (the bones lie as on the other side, so that
 * the picture may be mirrored); NULL when they do not. (transfer full) */
char *gonio_protocol_check_side (const GonioProtocol *protocol, const GonioResult *result,
                                 const GonioTransform *to_flat);
/* Value as the protocol wants it shown: "31°", "2.5°", "12 mm"; never "-0". (transfer full) */
char *gonio_protocol_format_value (const GonioProtocol *protocol, guint measure, double value);
/* Lines to draw: bone axes etc. in original px. GArray of GonioOverlayLine. (transfer full) */
typedef struct {
  const char *construction; /* id */
  GonioPoint p[2];
} GonioOverlayLine;
GArray *gonio_protocol_lines (const GonioProtocol *protocol, const GonioResult *result,
                              const GonioTransform *to_flat);

G_END_DECLS
