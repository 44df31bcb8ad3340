/* One shape by XNNPACK's own operator. */
#pragma once

#include "tests/bench/shapes.h"

G_BEGIN_DECLS

typedef struct _BenchXnn BenchXnn;

/* input, weights, bias as ONNX has them: channels first, output channels first (transposed: input
 * channels first; linear: inputs by outputs); bias of channels_out floats. They are copied.
 * BENCH_SHAPE_PRODUCT has no operator: NULL with G_IO_ERROR_NOT_SUPPORTED. */
BenchXnn *bench_xnn_new (const BenchShape *shape, const float *input, const float *weights,
                         const float *bias, guint threads, GError **error);
void bench_xnn_free (BenchXnn *xnn);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BenchXnn, bench_xnn_free)

/* Microseconds of one run. Its input has just been written and its output is read after it, as
 * by the layers around it in a network. */
gboolean bench_xnn_run (BenchXnn *xnn, double *out_us, GError **error);

/* The largest difference to an output as ONNX has it, relative to the largest magnitude. After a
 * run. */
double bench_xnn_error (const BenchXnn *xnn, const float *output);

G_END_DECLS
