/* Convolutions for cards with work groups: by tiles, depthwise with several pixels to a thread, and
 * single pixels as products of few rows. Depends on conv, tile. */
#include "backends/gl/common/conv.h"

/* Groups x depth (taps x input fours of a group, filled up to whole steps) x 4 input lanes x
 * outputs of a group, in whole fours. */
static GonioTensor *
pack (const GonioGlConv *conv, const float *weights, GError **error)
{
  int taps = conv->kernel[0] * conv->kernel[1];
  int in = conv->in / conv->groups, out = conv->out / conv->groups;
  gint64 line = (gint64)gonio_gl_fours (out) * 4, lanes = (gint64)gonio_gl_fours (in) * 4;
  gint64 lines = gonio_gl_tile_depth ((gint64)taps * gonio_gl_fours (in)) * 4;
  GonioTensor *tensor = gonio_gl_new_numbers (conv->groups * lines * line, error);
  float *packed = tensor ? gonio_tensor_writable_data (tensor) : NULL;
  for (int o = 0; packed && o < conv->out; o++)
    for (int c = 0; c < in; c++)
      for (int t = 0; t < taps; t++)
        packed[(o / out * lines + t * lanes + c) * line + o % out] =
            weights[((gint64)o * in + c) * taps + t];
  return tensor;
}

static gboolean
add_weights (GonioGlLower *lower, const GonioGlConvInputs *inputs, GonioGlStep *step,
             GError **error)
{
  g_autoptr (GonioTensor) packed = pack (inputs->conv, inputs->weights, error);
  if (!packed)
    return FALSE;
  step->inputs[0] = inputs->image;
  step->inputs[1] = gonio_gl_numbers (lower, packed);
  step->inputs[2] = inputs->bias;
  step->inputs[3] = inputs->add;
  step->n_inputs = inputs->adds ? 4 : 3;
  step->output = gonio_gl_write (lower, 0, GONIO_GL_IMAGE);
  return TRUE;
}

void
gonio_gl_conv_by_tiles (const GonioGlConv *conv, GonioGlStep *step)
{
  gonio_gl_conv_params (conv, step->params);
  gint64 pixels = (gint64)conv->result[0] * conv->result[1];
  gint64 depth = gonio_gl_tile_depth ((gint64)conv->kernel[0] * conv->kernel[1] * step->params[14]);
  const GonioGlTile *tile =
      gonio_gl_tile_for (pixels, step->params[15], (gint64)conv->batch * conv->groups);
  int rows = gonio_gl_tile_rows (tile), columns = gonio_gl_tile_columns (tile);
  step->kernel = "conv-tiled.glsl";
  step->params[16] = (int)depth;
  step->params[17] = (int)((pixels + rows - 1) / rows);
  step->params[18] = (step->params[15] + columns - 1) / columns;
  step->params[19] = conv->groups;
  step->groups = (gint64)conv->batch * conv->groups * step->params[17] * step->params[18];
  step->reads = gonio_gl_tile_reads (tile, depth);
  g_autofree char *shape = gonio_gl_tile_defines (tile);
  step->defines = g_strconcat (shape, gonio_gl_conv_is_point (conv) ? ";POINT 1" : "",
                               step->params[14] % GONIO_GL_TILE_DEPTH == 0 ? ";WHOLE 1" : "", NULL);
}

gboolean
gonio_gl_conv_tiled (GonioGlLower *lower, const GonioGlConvInputs *inputs, GError **error)
{
  GonioGlStep step = {0};
  if (!add_weights (lower, inputs, &step, error))
    return FALSE;
  gonio_gl_conv_by_tiles (inputs->conv, &step);
  gonio_gl_conv_defines (lower, inputs, &step);
  return gonio_gl_add (lower, &step, error);
}

gboolean
gonio_gl_conv_is_thin (const GonioGlConv *conv)
{
  return conv->groups == 1 && gonio_gl_conv_is_point (conv) && conv->size[0] == 1 &&
         conv->size[1] == 1;
}

/* A picture of one pixel is a row of whole fours of channels. */
gboolean
gonio_gl_conv_thin (GonioGlLower *lower, const GonioGlConvInputs *inputs, GError **error)
{
  const GonioGlConv *conv = inputs->conv;
  int in = gonio_gl_fours (conv->in), out = gonio_gl_fours (conv->out);
  GonioGlStep step = {
      .params = {conv->batch, out * 4, in * 4, in * 4, 1, out * 4, 1, out, in, 0, 1}};
  if (!add_weights (lower, inputs, &step, error))
    return FALSE;
  step.defines = g_strdup ("LEFT_WHOLE 1;RIGHT_PACKED 1;BIAS 1;BATCHES 0");
  gonio_gl_conv_defines (lower, inputs, &step);
  step.floats[2] = step.floats[3] = 1;
  return gonio_gl_add_thin (lower, &step, 1, g_steal_pointer (&step.defines), error);
}

gboolean
gonio_gl_conv_is_wide (const GonioGlConv *conv)
{
  return conv->depthwise && conv->kernel[1] <= 7 && conv->stride[1] <= 2 &&
         (conv->step[1] == 1 || conv->kernel[1] == 1) && conv->result[1] >= 3;
}

gboolean
gonio_gl_conv_wide (GonioGlLower *lower, const GonioGlConvInputs *inputs, GError **error)
{
  const GonioGlConv *conv = inputs->conv;
  GonioGlStep step = {.kernel = "conv-depthwise-wide.glsl",
                      .n_inputs = inputs->adds ? 4 : 3,
                      .inputs = {inputs->image, 0, inputs->bias, inputs->add}};
  if (!gonio_gl_conv_taps (lower, inputs, &step.inputs[1], error))
    return FALSE;
  step.output = gonio_gl_write (lower, 0, GONIO_GL_IMAGE);
  gonio_gl_conv_params (conv, step.params);
  gint64 all =
      (gint64)conv->batch * step.params[13] * conv->result[0] * gonio_gl_fours (conv->result[1]);
  step.params[16] = gonio_gl_fours (conv->result[1]);
  step.params[17] = (int)all;
  step.groups = (all + 63) / 64;
  step.reads = (gint64)64 * conv->kernel[0] * (2 * conv->kernel[1] + 3 * conv->stride[1]);
  step.defines =
      g_strdup_printf ("THREADS 64;KERNEL_W %d;STRIDE_W %d", conv->kernel[1], conv->stride[1]);
  gonio_gl_conv_defines (lower, inputs, &step);
  return gonio_gl_add (lower, &step, error);
}
