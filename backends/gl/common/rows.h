/* Softmax and normalisations along rows: what a row is like as a whole, then what becomes of each
 * of its elements. Depends on lower. */
#pragma once

#include "backends/gl/common/lower.h"

G_BEGIN_DECLS

typedef enum { /* as in row-stats.glsl */
               GONIO_GL_ROW_EXP,
               GONIO_GL_ROW_MOMENTS,
               GONIO_GL_ROW_SQUARES,
               GONIO_GL_ROW_MAGNITUDES,
               GONIO_GL_ROW_LARGEST,
} GonioGlRowKind;

typedef struct {
  GonioGlRowKind kind;
  const char
      *finish; /* GLSL of the row's a: two numbers in x and y; f[2]: elements, f[3]: number */
  const char *result; /* GLSL of x, a, b (what finish has made) and place */
  float number;
} GonioGlRows;

typedef struct {
  GonioGlSlot in, out;
  GonioGlSlot along[2]; /* gain and bias along a row, plain */
  guint n_along;
  GonioGlForm form; /* GONIO_GL_IMAGE: rows run over axis 1 alone, without gain */
} GonioGlRowSlots;

/* Rows run over axes first..first + n - 1 of the shape. */
gboolean gonio_gl_rows (GonioGlLower *lower, const GonioGlRows *rows, const GonioShape *shape,
                        int first, int n, const GonioGlRowSlots *slots, GError **error);

G_END_DECLS
