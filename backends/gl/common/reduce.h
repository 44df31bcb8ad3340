/* Folding along axes, for reductions and for what normalises by them. Depends on lower. */
#pragma once

#include "backends/gl/common/lower.h"

G_BEGIN_DECLS

/* GLSL: value of x and the shift s, fold of a and b, finish of a and s; numbers are f[2] and f[3],
 * for value and finish. */
typedef struct {
  const char *value, *fold, *start, *finish;
  float numbers[2];
} GonioGlFold;

/* The axes of what is folded, outermost first; results are the axes that stay, in their order. */
typedef struct {
  int n;
  gint64 sizes[GONIO_MAX_RANK];
  gboolean gone[GONIO_MAX_RANK];
  gboolean texels;     /* the axes count texels, whose lanes are results of their own */
  int channels, plane; /* of a result in image form some of whose lanes are none; 0: not */
} GonioGlAxes;

/* Of a plain value (gone: a bit for each axis). */
GonioGlAxes gonio_gl_axes_plain (const GonioShape *shape, guint gone);
/* Of one in image form; axis 1 stays. Results are in image form. */
GonioGlAxes gonio_gl_axes_image (const GonioShape *shape, guint gone);
/* Texels of the results. */
gint64 gonio_gl_axes_texels (const GonioGlAxes *axes);
/* Results, or texels of them; places that are folded into each. */
void gonio_gl_axes_count (const GonioGlAxes *axes, gint64 *out_results, gint64 *out_places);

/* Folds `in` into `out`, which has as many texels as there are results. shift: nullable, laid out
 * as the results. */
gboolean gonio_gl_fold (GonioGlLower *lower, const GonioGlAxes *axes, const GonioGlFold *fold,
                        GonioGlSlot in, const GonioGlSlot *shift, GonioGlSlot out, GError **error);

G_END_DECLS
