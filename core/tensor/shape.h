/* A fully known shape. Depends on base. */
#pragma once

#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

#define GONIO_MAX_RANK 8

/* Plain value type: copy it freely. dims[rank..] are unspecified. A rank of 0 is a scalar. */
typedef struct {
  int rank;
  int64_t dims[GONIO_MAX_RANK]; /* each >= 0 */
} GonioShape;

GonioShape gonio_shape_make (int rank, const int64_t *dims);
#define GONIO_SHAPE(...)                                                                           \
  gonio_shape_make ((int) G_N_ELEMENTS (((const int64_t[]){ __VA_ARGS__ })),                       \
                    (const int64_t[]){ __VA_ARGS__ })
#define GONIO_SHAPE_SCALAR ((GonioShape){ .rank = 0 })

gboolean gonio_shape_equal (const GonioShape *a, const GonioShape *b);
/* Number of elements; FALSE on overflow of int64. A scalar has one. */
gboolean gonio_shape_count (const GonioShape *shape, int64_t *out_count);
/* Row-major strides in elements. */
void gonio_shape_strides (const GonioShape *shape, int64_t out_strides[GONIO_MAX_RANK]);
/* numpy broadcasting of two shapes; FALSE when they do not fit. */
gboolean gonio_shape_broadcast (const GonioShape *a, const GonioShape *b, GonioShape *out_shape);
/* "[1,3,224,224]"; "[]" for a scalar. (transfer full) */
char *gonio_shape_to_string (const GonioShape *shape);

G_END_DECLS
