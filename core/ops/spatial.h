/* Window arithmetic of convolutions and pools, with every default and auto_pad resolved.
 * Depends on graph. Formulas: ONNX operator documentation of Conv, ConvTranspose, AveragePool. */
#pragma once

#include "core/graph/graph.h"

G_BEGIN_DECLS

#define GONIO_MAX_SPATIAL (GONIO_MAX_RANK - 2)

typedef struct {
  int n; /* spatial dimensions */
  int64_t in[GONIO_MAX_SPATIAL];
  int64_t out[GONIO_MAX_SPATIAL];
  int64_t kernel[GONIO_MAX_SPATIAL];
  int64_t strides[GONIO_MAX_SPATIAL];
  int64_t dilations[GONIO_MAX_SPATIAL];
  int64_t pads_begin[GONIO_MAX_SPATIAL];
  int64_t pads_end[GONIO_MAX_SPATIAL];       /* as resolved; ceil_mode may read past it */
  int64_t output_padding[GONIO_MAX_SPATIAL]; /* ConvTranspose only */
} GonioSpatial;

/* For Conv, ConvTranspose, DeformConv, ConvInteger, QLinearConv, AveragePool, LpPool and MaxPool
 * whose input (and weights) have known spatial dimensions. GONIO_RUN_ERROR_SHAPE when the
 * attributes contradict them or each other, or a dimension is unknown. */
gboolean gonio_op_spatial (const GonioGraph *graph, const GonioNode *node, GonioSpatial *out,
                           GError **error);

/* The same with unknown dimensions allowed: -1 in in, out, kernel and (with auto_pad) pads. */
gboolean gonio_op_spatial_partial (const GonioGraph *graph, const GonioNode *node,
                                   GonioSpatial *out, GError **error);

G_END_DECLS
