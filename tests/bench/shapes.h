/* Products and convolutions as real networks have them, for the benchmark of single operators. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum {
  BENCH_SHAPE_CONV,
  BENCH_SHAPE_TRANSPOSED, /* no padding */
  BENCH_SHAPE_LINEAR,     /* rows x channels_in times constants: height counts the rows */
  BENCH_SHAPE_PRODUCT,    /* both sides computed, groups of them at once */
} BenchShapeKind;

typedef struct {
  const char *from; /* a network that has it */
  BenchShapeKind kind;
  gint64 channels_in, channels_out, height, width; /* of the input; batch 1 */
  gint64 kernel, stride, groups;                   /* convolutions: padded by kernel / 2 */
} BenchShape;

extern const BenchShape bench_shapes[];
extern const guint bench_n_shapes;

/* Of the output. */
gint64 bench_shape_height (const BenchShape *c);
gint64 bench_shape_width (const BenchShape *c);
/* Of the direct computation, 2 per multiply-add. */
double bench_shape_flops (const BenchShape *c);
/* "conv 3x3/2 64>128 56x56" (transfer full) */
char *bench_shape_text (const BenchShape *c);

G_END_DECLS
