/* Regressed points and corners. Depends on decode.h. */
#include "core/models/decode/decode.h"

#include <math.h>

/* A network may point outside its input; beyond this it has lost its mind. */
#define MAX_OUTSIDE 16.0

static gboolean
to_input_px (const GonioModelOutput *output, float x, float y, guint width, guint height,
             GonioPoint *out, GError **error)
{
  double sx = output->normalized ? width : 1, sy = output->normalized ? height : 1;
  GonioPoint p = {x * sx, y * sy};
  if (!(fabs (p.x) <= MAX_OUTSIDE * width) || !(fabs (p.y) <= MAX_OUTSIDE * height))
    return gonio_decode_fail (output, error, "a point lies far outside the picture");
  *out = p;
  return TRUE;
}

gboolean
gonio_decode_points (const GonioModelOutput *output, const GonioTensor *tensor, guint n,
                     guint width, guint height, GonioDecodedPoint *out, GError **error)
{
  guint parts = output->visibility ? 3 : 2;
  const int64_t dims[] = {1, n, parts};
  const float *data = gonio_decode_data (output, tensor, dims, 3, error);
  if (data == NULL)
    return FALSE;
  g_autofree GonioDecodedPoint *points = g_new0 (GonioDecodedPoint, n);
  for (guint i = 0; i < n; i++) {
    const float *row = data + (size_t)i * parts;
    if (!to_input_px (output, row[0], row[1], width, height, &points[i].position, error))
      return FALSE;
    double seen = parts == 3 ? row[2] : 1;
    if (output->activation == GONIO_ACTIVATION_SIGMOID)
      seen = 1 / (1 + exp (-seen));
    points[i].sigma = output->sigma;
    points[i].confidence = points[i].presence = CLAMP (seen, 0, 1);
  }
  for (guint i = 0; i < n; i++)
    out[i] = points[i];
  return TRUE;
}

gboolean
gonio_decode_corners (const GonioModelOutput *output, const GonioTensor *tensor, guint width,
                      guint height, GonioPoint out[4], GError **error)
{
  const int64_t dims[] = {1, 4, 2};
  const float *data = gonio_decode_data (output, tensor, dims, 3, error);
  if (data == NULL)
    return FALSE;
  GonioPoint corners[4] = {{0, 0}};
  for (guint i = 0; i < 4; i++)
    if (!to_input_px (output, data[2 * i], data[2 * i + 1], width, height, &corners[i], error))
      return FALSE;
  for (guint i = 0; i < 4; i++)
    out[i] = corners[i];
  return TRUE;
}
