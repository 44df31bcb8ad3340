/* SimCC (one distribution per axis) to points. Depends on decode.h. */
#include "core/models/decode/decode.h"

#include <math.h>

typedef struct {
  double position; /* bins */
  double variance;
  double mass;
} Axis;

/* Mean and variance within radius of the peak; values become a distribution if they are
 * logits. */
static Axis
decode_axis (const GonioModelOutput *output, const float *v, int n)
{
  int peak = 0;
  for (int i = 1; i < n; i++)
    if (v[i] > v[peak])
      peak = i;
  gboolean logits = output->activation == GONIO_ACTIVATION_SOFTMAX;
  double total = 0, mass = 0, sum = 0, squares = 0;
  for (int i = 0; i < n; i++) {
    double p = logits ? exp ((double)v[i] - v[peak]) : MAX (v[i], 0), d = i - peak;
    total += p;
    if (ABS (i - peak) > (int)output->radius)
      continue;
    mass += p;
    sum += p * d;
    squares += p * d * d;
  }
  if (!(mass > 0))
    return (Axis){.position = peak + 0.5};
  double mean = sum / mass;
  return (Axis){.position = peak + 0.5 + mean,
                .variance = MAX (squares / mass - mean * mean, 0),
                .mass = logits || total > 1 ? mass / total : mass};
}

gboolean
gonio_decode_simcc (const GonioModelOutput *output, const GonioTensor *x, const GonioTensor *y,
                    guint n, GonioDecodedPoint *out, GError **error)
{
  const int64_t dims[] = {1, n, -1};
  const float *dx = gonio_decode_data (output, x, dims, 3, error);
  const float *dy = dx != NULL ? gonio_decode_data (output, y, dims, 3, error) : NULL;
  if (dy == NULL)
    return FALSE;
  int nx = (int)gonio_tensor_shape (x)->dims[2], ny = (int)gonio_tensor_shape (y)->dims[2];
  for (guint i = 0; i < n; i++) {
    Axis ax = decode_axis (output, dx + (size_t)i * (size_t)nx, nx);
    Axis ay = decode_axis (output, dy + (size_t)i * (size_t)ny, ny);
    double spread = sqrt (0.5 * (ax.variance + ay.variance)) / output->bins;
    out[i] =
        (GonioDecodedPoint){.position = {ax.position / output->bins, ay.position / output->bins},
                            .sigma = spread * gonio_decode_sigma_scale (output, i),
                            .confidence = CLAMP (MIN (ax.mass, ay.mass), 0, 1)};
    out[i].presence = out[i].confidence;
  }
  return TRUE;
}
