/* From a network's output tensors to points, maps and probabilities. Depends on
 * models/manifest.h, imaging/transform.h, tensor.
 *
 * Frame of all points: pixels of the network's input, x right, y down, edges at 0 and width.
 * Tensors are float and checked again here: a shape that does not fit or a value that is not
 * finite is GONIO_MODEL_ERROR_OUTPUT, and out-parameters are left alone. Pure, thread-safe. */
#pragma once

#include "core/imaging/transform.h"
#include "core/models/manifest.h"

G_BEGIN_DECLS

typedef struct {
  GonioPoint position;
  double sigma;      /* standard error per axis, input px; 0: the model does not say */
  double confidence; /* raw, 0..1: before gonio_manifest_calibrate() */
  double presence;   /* 0..1: chance that the landmark is in the picture at all */
} GonioDecodedPoint;

/* tensor [1, n, h, w], non-negative; a channel whose cells sum to at most one is taken as a
 * distribution (its sum is the presence), else presence is the peak. soft-argmax: mean over
 * the cells within radius of the peak; spread: standard deviation there, mean of both axes. */
gboolean gonio_decode_heatmap (const GonioModelOutput *output, const GonioTensor *tensor, guint n,
                               GonioDecodedPoint *out, GError **error);
/* x [1, n, width * bins], y [1, n, height * bins]; position and spread as above, per axis. */
gboolean gonio_decode_simcc (const GonioModelOutput *output, const GonioTensor *x,
                             const GonioTensor *y, guint n, GonioDecodedPoint *out, GError **error);
/* tensor [1, n, 2 or 3]. */
gboolean gonio_decode_points (const GonioModelOutput *output, const GonioTensor *tensor, guint n,
                              guint width, guint height, GonioDecodedPoint *out, GError **error);
/* tensor [1, 4, 2]: top left, top right, bottom right, bottom left. */
gboolean gonio_decode_corners (const GonioModelOutput *output, const GonioTensor *tensor,
                               guint width, guint height, GonioPoint out[4], GError **error);
/* tensor [1, n labels] -> probabilities. */
gboolean gonio_decode_logits (const GonioModelOutput *output, const GonioTensor *tensor,
                              double *out, GError **error);

/* Where the pixels of the flat picture come from. */
typedef struct {
  guint cols, rows;
  gboolean corner_nodes; /* node (c, r) stands at c / (cols - 1), r / (rows - 1) of the flat
                            picture, else at (c + 0.5) / cols, (r + 0.5) / rows */
  GonioPoint *nodes;     /* rows * cols, input px */
} GonioBackwardMap;
/* tensor [1, 2, rows, cols], x then y, -1..1 over the network's input. (transfer full) */
GonioBackwardMap *gonio_decode_backward_map (const GonioModelOutput *output,
                                             const GonioTensor *tensor, guint width, guint height,
                                             GError **error);
void gonio_backward_map_free (GonioBackwardMap *map);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GonioBackwardMap, gonio_backward_map_free)

/* Shared by the decoders: float data of a tensor with exactly these dimensions (-1: any). */
const float *gonio_decode_data (const GonioModelOutput *output, const GonioTensor *tensor,
                                const int64_t *dims, int rank, GError **error);
/* Standard error by spread of landmark i. */
double gonio_decode_sigma_scale (const GonioModelOutput *output, guint i);
gboolean gonio_decode_fail (const GonioModelOutput *output, GError **error, const char *what);

G_END_DECLS
