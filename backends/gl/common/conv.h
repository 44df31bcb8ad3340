/* Convolutions: what the methods share. Depends on lower, tile.
 *
 * A method takes a convolution whose sizes have been read and adds its steps. Which one it is, is
 * decided in conv.c. */
#pragma once

#include "backends/gl/common/tile.h"

G_BEGIN_DECLS

/* One spatial axis is a line of an image. */
typedef struct {
  int batch, in, out, groups; /* channels */
  int size[2], result[2], kernel[2], stride[2], step[2], before[2];
  gboolean depthwise;
} GonioGlConv;

/* What every method reads: the form that it wants is image. */
typedef struct {
  const GonioGlConv *conv;
  const float *weights; /* as ONNX has them */
  GonioGlSlot image, bias, add;
  gboolean adds;
} GonioGlConvInputs;

typedef gboolean (*GonioGlConvMethod) (GonioGlLower *lower, const GonioGlConvInputs *inputs,
                                       GError **error);

/* params[0..15] for kernels that include window.glsl. */
void gonio_gl_conv_params (const GonioGlConv *conv, int *params);
/* One tap, pixel upon pixel? */
gboolean gonio_gl_conv_is_point (const GonioGlConv *conv);
/* Adds the activation and ADD to the step's definitions. */
void gonio_gl_conv_defines (const GonioGlLower *lower, const GonioGlConvInputs *inputs,
                            GonioGlStep *step);
/* Weights of depthwise convolutions: fours of channels x taps. */
gboolean gonio_gl_conv_taps (GonioGlLower *lower, const GonioGlConvInputs *inputs,
                             GonioGlSlot *out_slot, GError **error);

/* Adds a step of conv.glsl, whose inputs and output are there, or what does its work four pixels at
 * a time. Takes defines. */
gboolean gonio_gl_conv_add_texels (GonioGlLower *lower, const GonioGlConv *conv, GonioGlStep *step,
                                   char *defines, GError **error);
/* Fills in kernel, params, groups and definitions of a step of conv-tiled.glsl. */
void gonio_gl_conv_by_tiles (const GonioGlConv *conv, GonioGlStep *step);
gboolean gonio_gl_conv_tiled (GonioGlLower *lower, const GonioGlConvInputs *inputs, GError **error);
/* Depthwise, kernels and strides across of gonio_gl_conv_is_wide(). */
gboolean gonio_gl_conv_wide (GonioGlLower *lower, const GonioGlConvInputs *inputs, GError **error);
gboolean gonio_gl_conv_is_wide (const GonioGlConv *conv);
/* One pixel, one tap, one group: a product of few rows. */
gboolean gonio_gl_conv_thin (GonioGlLower *lower, const GonioGlConvInputs *inputs, GError **error);
gboolean gonio_gl_conv_is_thin (const GonioGlConv *conv);

/* tile: 2 or 4, results along an edge. Does the method fit, and do its values fit into memories? */
gboolean gonio_gl_conv_is_winograd (const GonioGlLower *lower, const GonioGlConv *conv, int tile);
gboolean gonio_gl_conv_winograd (GonioGlLower *lower, const GonioGlConvInputs *inputs, int tile,
                                 GError **error);

G_END_DECLS
