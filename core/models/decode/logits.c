/* Class scores to probabilities; checks shared by all decoders. Depends on decode.h. */
#include "core/base/error.h"
#include "core/models/decode/decode.h"

#include <math.h>
#include <string.h>

gboolean
gonio_decode_fail (const GonioModelOutput *output, GError **error, const char *what)
{
  g_set_error (error, GONIO_MODEL_ERROR, GONIO_MODEL_ERROR_OUTPUT,
               "The network's output \"%s\" cannot be used: %s.", output->tensor, what);
  return FALSE;
}

double
gonio_decode_sigma_scale (const GonioModelOutput *output, guint i)
{
  return i < output->n_sigma_scales ? output->sigma_scales[i] : output->sigma_scale;
}

/* By the bits, because loops over isfinite() are not made into vectors. */
static gboolean
all_finite (const float *data, size_t n)
{
  gint32 largest = 0;
  for (size_t i = 0; i < n; i++) {
    gint32 bits = 0;
    memcpy (&bits, &data[i], sizeof bits);
    bits &= G_MAXINT32;
    largest = MAX (largest, bits);
  }
  return largest < 0x7f800000; /* infinity */
}

const float *
gonio_decode_data (const GonioModelOutput *output, const GonioTensor *tensor, const int64_t *dims,
                   int rank, GError **error)
{
  const GonioShape *shape = gonio_tensor_shape (tensor);
  gboolean fits = gonio_tensor_dtype (tensor) == GONIO_DTYPE_FLOAT && shape->rank == rank;
  for (int i = 0; fits && i < rank; i++)
    fits = shape->dims[i] > 0 && shape->dims[i] <= G_MAXINT16 * 4 &&
           (dims[i] < 0 || shape->dims[i] == dims[i]);
  if (!fits) {
    g_autofree char *text = gonio_shape_to_string (shape);
    g_autofree char *what = g_strdup_printf ("its shape or type does not fit (%s %s)",
                                             gonio_dtype_name (gonio_tensor_dtype (tensor)), text);
    gonio_decode_fail (output, error, what);
    return NULL;
  }
  const float *data = gonio_tensor_data (tensor);
  if (!all_finite (data, (size_t)gonio_tensor_count (tensor))) {
    gonio_decode_fail (output, error, "it holds values that are not numbers");
    return NULL;
  }
  return data;
}

gboolean
gonio_decode_logits (const GonioModelOutput *output, const GonioTensor *tensor, double *out,
                     GError **error)
{
  guint n = g_strv_length (output->labels);
  const int64_t dims[] = {1, n};
  const float *data = gonio_decode_data (output, tensor, dims, 2, error);
  if (data == NULL)
    return FALSE;
  double top = -INFINITY, sum = 0;
  for (guint i = 0; i < n; i++)
    top = MAX (top, data[i]);
  for (guint i = 0; i < n; i++) {
    switch (output->activation) {
    case GONIO_ACTIVATION_NONE:
      out[i] = CLAMP (data[i], 0, 1);
      break;
    case GONIO_ACTIVATION_SOFTMAX:
      out[i] = exp (data[i] - top);
      break;
    case GONIO_ACTIVATION_SIGMOID:
      out[i] = 1 / (1 + exp (-(double)data[i]));
      break;
    }
    sum += out[i];
  }
  for (guint i = 0; i < n && output->activation == GONIO_ACTIVATION_SOFTMAX; i++)
    out[i] /= sum;
  return TRUE;
}
