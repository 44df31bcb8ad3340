/* Results whose every element is one element of an input: transpositions, slices, paddings, gathers
 * and the like, told axis by axis and run by one kernel. Depends on lower. */
#pragma once

#include "backends/gl/common/lower.h"

G_BEGIN_DECLS

#define GONIO_GL_MOVE_AXES 16

/* Axis k of the result walks axis `from` of the input; -1: what is there is repeated. */
typedef struct {
  gint64 size;
  int from;
  gint64 step;
  int table; /* in places, how the axis is walked instead of start and step; -1: it is not */
} GonioGlMoveAxis;

typedef struct {
  int rank, in_rank;
  GonioGlMoveAxis axes[GONIO_GL_MOVE_AXES];
  gint64 in[GONIO_GL_MOVE_AXES];    /* sizes of the input as it is seen here */
  gint64 start[GONIO_GL_MOVE_AXES]; /* per axis of the input; 0 where there is a table */
  gboolean image; /* axes 0 and 1 here are those of the real shapes, of input and result */
  GArray *places; /* gint32: the tables; -1: fill; nullable */
  int fours; /* among them, for axis 1 where it has one: the same of whole fours; -1: is none */
  gboolean fills;
  float fill;
} GonioGlMove;

/* An input seen as it is; without axes yet. */
void gonio_gl_move_init (GonioGlMove *move, const GonioShape *in);
/* The same seen in other dimensions. */
void gonio_gl_move_init_view (GonioGlMove *move, int rank, const gint64 *dims);
void gonio_gl_move_push (GonioGlMove *move, gint64 size, int from, gint64 step);
/* Result axis k is at places[k] of axis from; -1: fill. */
void gonio_gl_move_push_table (GonioGlMove *move, gint64 size, int from, const gint32 *places);
void gonio_gl_move_clear (GonioGlMove *move);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (GonioGlMove, gonio_gl_move_clear)

/* NULL, or why it cannot be run. */
const char *gonio_gl_move_check (const GonioGlMove *move);
/* Output o of the node from input i; as a view where it is one. */
gboolean gonio_gl_move_lower (GonioGlLower *lower, guint o, guint i, const GonioGlMove *move,
                              GError **error);

/* ---- what families of moves share ---- */

/* An axis that may count from the end; -1 when it is out of range. */
int gonio_gl_axis (gint64 axis, int rank);
/* Input i, a constant of int32 or int64; NULL when it is none of those or has more numbers than a
 * table may have. (transfer full) */
gint64 *gonio_gl_ints (const GonioGraph *graph, const GonioNode *node, guint i, gsize *out_n);
/* Are inputs, named by a mask, of int64 where they are given? */
gboolean gonio_gl_are_int64 (const GonioGraph *graph, const GonioNode *node, guint mask);
/* Do those that read output o want an image? If so, which: it need not have the output's own shape,
 * where they read views of it. */
gboolean gonio_gl_wants_image (const GonioGlLower *lower, guint o, int *out_channels,
                               int *out_rest);
/* Is that the image of the output's own shape? */
gboolean gonio_gl_is_own (const GonioGlLower *lower, guint o, int channels, int rest);

G_END_DECLS
