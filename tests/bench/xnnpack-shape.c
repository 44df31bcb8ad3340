/* XNNPACK's operators: convolution, deconvolution, fully connected. */
#include "tests/bench/xnnpack-shape.h"

#include "backends/cpu/xnnpack.h"

#include <gio/gio.h>
#include <math.h>
#include <pthreadpool.h>
#include <string.h>
#include <time.h>
#include <xnnpack.h>

struct _BenchXnn {
  BenchShape shape;
  float *source, *input, *output, *next; /* channels last; source fills the input, next is filled
                                          * from the output */
  size_t n_in, n_out;
  xnn_operator_t op;
  pthreadpool_t pool;
};

static gboolean
check (enum xnn_status status, const char *what, GError **error)
{
  if (status != xnn_status_success)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "XNNPACK's %s: status %d", what,
                 (int)status);
  return status == xnn_status_success;
}

/* Planes of channels into pixels of channels. */
static void
interleave (const float *from, float *to, gint64 channels, gint64 pixels)
{
  for (gint64 c = 0; c < channels; c++)
    for (gint64 p = 0; p < pixels; p++)
      to[p * channels + c] = from[c * pixels + p];
}

/* Output channels, taps, input channels. */
static float *
order_weights (const BenchShape *s, const float *weights)
{
  gint64 taps = s->kernel * s->kernel, in = s->channels_in / s->groups;
  gboolean inputs_first = s->kind != BENCH_SHAPE_CONV;
  float *ordered = g_new (float, (gsize)(s->channels_out * taps * in));
  for (gint64 o = 0; o < s->channels_out; o++)
    for (gint64 i = 0; i < in; i++)
      for (gint64 t = 0; t < taps; t++)
        ordered[(o * taps + t) * in + i] =
            weights[(inputs_first ? i * s->channels_out + o : o * in + i) * taps + t];
  return ordered;
}

static gboolean
create (BenchXnn *xnn, const float *weights, const float *bias, GError **error)
{
  const BenchShape *s = &xnn->shape;
  uint32_t pad = (uint32_t)s->kernel / 2, kernel = (uint32_t)s->kernel, step = (uint32_t)s->stride;
  size_t in = (size_t)s->channels_in, out = (size_t)s->channels_out, groups = (size_t)s->groups;
  if (s->kind == BENCH_SHAPE_CONV)
    return check (xnn_create_convolution2d_nhwc_f32 (pad, pad, pad, pad, kernel, kernel, step, step,
                                                     1, 1, (uint32_t)groups, in / groups,
                                                     out / groups, in, out, weights, bias,
                                                     -INFINITY, INFINITY, 0, &xnn->op),
                  "convolution", error) &&
           check (xnn_setup_convolution2d_nhwc_f32 (xnn->op, 1, (size_t)s->height, (size_t)s->width,
                                                    xnn->input, xnn->output, xnn->pool),
                  "set-up", error);
  if (s->kind == BENCH_SHAPE_TRANSPOSED)
    return check (xnn_create_deconvolution2d_nhwc_f32 (0, 0, 0, 0, kernel, kernel, step, step, 1, 1,
                                                       1, in, out, in, out, weights, bias,
                                                       -INFINITY, INFINITY, 0, &xnn->op),
                  "deconvolution", error) &&
           check (xnn_setup_deconvolution2d_nhwc_f32 (xnn->op, 1, (size_t)s->height,
                                                      (size_t)s->width, 0, 0, xnn->input,
                                                      xnn->output, xnn->pool),
                  "set-up", error);
  return check (xnn_create_fully_connected_nc_f32 (in, out, in, out, weights, bias, -INFINITY,
                                                   INFINITY, 0, &xnn->op),
                "fully connected", error) &&
         check (xnn_setup_fully_connected_nc_f32 (xnn->op, (size_t)s->height, xnn->input,
                                                  xnn->output, xnn->pool),
                "set-up", error);
}

BenchXnn *
bench_xnn_new (const BenchShape *shape, const float *input, const float *weights, const float *bias,
               guint threads, GError **error)
{
  if (shape->kind == BENCH_SHAPE_PRODUCT) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "two computed sides");
    return NULL;
  }
  if (!gonio_cpu_xnnpack_ready (error))
    return NULL;
  g_autoptr (BenchXnn) xnn = g_new0 (BenchXnn, 1);
  g_autofree float *ordered = order_weights (shape, weights);
  gint64 pixels = shape->height * shape->width;
  xnn->shape = *shape;
  xnn->n_in = (size_t)(pixels * shape->channels_in);
  xnn->n_out =
      (size_t)(bench_shape_height (shape) * bench_shape_width (shape) * shape->channels_out);
  xnn->source = g_new0 (float, xnn->n_in);
  xnn->input = g_new0 (float, xnn->n_in + XNN_EXTRA_BYTES / sizeof (float));
  xnn->output = g_new0 (float, xnn->n_out);
  xnn->next = g_new0 (float, xnn->n_out);
  xnn->pool = threads > 1 ? pthreadpool_create (threads) : NULL;
  if (shape->kind == BENCH_SHAPE_LINEAR)
    memcpy (xnn->source, input, xnn->n_in * sizeof *input);
  else
    interleave (input, xnn->source, shape->channels_in, pixels);
  return create (xnn, ordered, bias, error) ? g_steal_pointer (&xnn) : NULL;
}

void
bench_xnn_free (BenchXnn *xnn)
{
  if (xnn == NULL)
    return;
  if (xnn->op != NULL)
    xnn_delete_operator (xnn->op);
  if (xnn->pool != NULL)
    pthreadpool_destroy (xnn->pool);
  g_free (xnn->source);
  g_free (xnn->input);
  g_free (xnn->output);
  g_free (xnn->next);
  g_free (xnn);
}

gboolean
bench_xnn_run (BenchXnn *xnn, double *out_us, GError **error)
{
  struct timespec start, end;
  memcpy (xnn->input, xnn->source, xnn->n_in * sizeof (float));
  clock_gettime (CLOCK_MONOTONIC, &start);
  if (!check (xnn_run_operator (xnn->op, xnn->pool), "run", error))
    return FALSE;
  clock_gettime (CLOCK_MONOTONIC, &end);
  memcpy (xnn->next, xnn->output, xnn->n_out * sizeof (float));
  *out_us = (double)(end.tv_sec - start.tv_sec) * 1e6 + (double)(end.tv_nsec - start.tv_nsec) / 1e3;
  return TRUE;
}

double
bench_xnn_error (const BenchXnn *xnn, const float *output)
{
  const BenchShape *s = &xnn->shape;
  gboolean planes = s->kind != BENCH_SHAPE_LINEAR;
  size_t channels = (size_t)s->channels_out, pixels = xnn->n_out / channels;
  double off = 0, largest = 0;
  for (size_t p = 0; p < pixels; p++)
    for (size_t c = 0; c < channels; c++) {
      double want = xnn->output[p * channels + c];
      double got = output[planes ? c * pixels + p : p * channels + c];
      off = isfinite (got) ? fmax (off, fabs (got - want)) : INFINITY;
      largest = fmax (largest, fabs (want));
    }
  return off / largest;
}
