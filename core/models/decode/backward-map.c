/* Dense backward maps. Depends on decode.h. */
#include "core/models/decode/decode.h"

#include <math.h>

enum { MAX_NODES = 1 << 20 };

void
gonio_backward_map_free (GonioBackwardMap *map)
{
  if (map == NULL)
    return;
  g_free (map->nodes);
  g_free (map);
}

GonioBackwardMap *
gonio_decode_backward_map (const GonioModelOutput *output, const GonioTensor *tensor, guint width,
                           guint height, GError **error)
{
  const int64_t dims[] = {1, 2, -1, -1};
  const float *data = gonio_decode_data (output, tensor, dims, 4, error);
  if (data == NULL)
    return NULL;
  const GonioShape *shape = gonio_tensor_shape (tensor);
  int64_t rows = shape->dims[2], cols = shape->dims[3];
  if (rows < 2 || cols < 2 || rows > MAX_NODES / cols) {
    gonio_decode_fail (output, error, "the map is too small or too large");
    return NULL;
  }
  size_t n = (size_t)rows * (size_t)cols;
  for (size_t i = 0; i < 2 * n; i++)
    if (fabsf (data[i]) > 32) {
      gonio_decode_fail (output, error, "the map points far outside the picture");
      return NULL;
    }
  GonioBackwardMap *map = g_new0 (GonioBackwardMap, 1);
  map->cols = (guint)cols;
  map->rows = (guint)rows;
  map->corner_nodes = output->corner_nodes;
  map->nodes = g_new (GonioPoint, n);
  for (size_t i = 0; i < n; i++)
    map->nodes[i] = (GonioPoint){0.5 * (data[i] + 1) * width, 0.5 * (data[n + i] + 1) * height};
  return map;
}
