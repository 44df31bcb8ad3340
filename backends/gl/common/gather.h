/* What constant indices name, for gathering and scattering. Depends on lower. */
#pragma once

#include "backends/gl/common/lower.h"

G_BEGIN_DECLS

/* Data seen as rows x slice elements; the indices name n of the rows, in order. */
typedef struct {
  gint32 *places; /* n; owned */
  gint64 n, rows, slice;
} GonioGlRows;

static inline void
gonio_gl_rows_clear (GonioGlRows *rows)
{
  g_clear_pointer (&rows->places, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (GonioGlRows, gonio_gl_rows_clear)

/* NULL, or why not: indices of every element (GatherElements), and tuples of them (GatherND). */
const char *gonio_gl_element_rows (const GonioGraph *graph, const GonioNode *node,
                                   GonioGlRows *out_rows);
const char *gonio_gl_tuple_rows (const GonioGraph *graph, const GonioNode *node, gint64 batch,
                                 GonioGlRows *out_rows);
/* An index that may count from the end; FALSE when it is out of range. */
gboolean gonio_gl_index (gint64 index, gint64 dim, gint64 *out_place);

G_END_DECLS
